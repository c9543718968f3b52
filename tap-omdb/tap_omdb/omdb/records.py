"""Converts the details of one title, as OMDb sends them, to one typed Singer record.

OMDb sends every value as text. Each is converted to the type of its column, by one
rule: **nothing is lost**. Every value ends up in exactly one place:

* in its typed field, if it parses;
* in ``unparsed`` (field -> OMDb's text), if it does not;
* in ``extra`` (OMDb's key -> value, as sent), if the stream has no field for OMDb's
  key. Keys are case-sensitive: OMDb has never changed the case of one.

``"N/A"``, empty and blank text become null. Text fields keep OMDb's text verbatim,
leading and trailing spaces included: the space that ends ``"American Sign "`` is all
that is left of the word "Language", and SQL can only fix what it can still see.
Splitting lists and decoding HTML entities are left to SQL as well. Two kinds of
characters cannot be stored as UTF-8 text in Postgres, U+0000 and lone surrogates; each
becomes U+FFFD.

No conversion depends on a clock or a locale.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, Final, NamedTuple

STREAM_OF_TYPE: Final[Mapping[str, str]] = {
    "movie": "movies",
    "series": "series",
    "episode": "episodes",
    "game": "games",
}
"""OMDb's ``Type`` -> the stream that holds its titles."""

DEFAULT_STREAM: Final = "movies"
"""The stream of a title of unknown type: OMDb, too, treats a title as a movie by default."""

BIGINT_MAX: Final = 2**63 - 1
MAX_DEPTH: Final = 32
"""Deepest nesting kept in ``extra``; OMDb itself nests two deep."""


class InvalidRecord(ValueError):  # noqa: N818 (named as the SDK names its own)
    """A response that cannot be converted to a record; the message says why."""


class Record(NamedTuple):
    """One typed record: every field of its stream's schema, in schema order."""

    stream: str
    values: dict[str, Any]


@dataclass(frozen=True)
class FieldType:
    """The type of a field's values.

    Attributes:
        json_schema: Their JSON Schema. All fields but the key are also nullable.
        parse: OMDb's text -> typed value; raises ValueError if the text does not parse.
            None where the value does not come from a single text.
    """

    json_schema: dict[str, Any]
    parse: Callable[[str], object] | None = None


@dataclass(frozen=True)
class Field:
    """One field of a details stream.

    Attributes:
        name: The field's (and column's) name.
        omdb_key: The key in OMDb's JSON that it is read from; None if there is none.
        type: The type of its values.
        description: For the catalog.
        streams: The streams that have the field.
    """

    name: str
    omdb_key: str | None
    type: FieldType
    description: str
    streams: tuple[str, ...] = ("movies", "series", "episodes", "games")


_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_INTEGER: Final = re.compile(r"\s*([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)\s*")
_NUMBER: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*")
_MINUTES: Final = re.compile(r"\s*(?:([0-9]{1,4})\s*h)?\s*(?:([0-9][0-9,]*)\s*min)?\s*")
_DOLLARS: Final = re.compile(
    r"\s*\$\s*([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]{1,9})?\s*([KMB]?)\s*", re.IGNORECASE
)
_DAY_MONTH_YEAR: Final = re.compile(r"\s*([0-9]{1,2})\s+([A-Za-z]{3})\s+([0-9]{4})\s*")
_ISO_DATE: Final = re.compile(r"\s*([0-9]{4})-([0-9]{2})-([0-9]{2})\s*")
_YEARS: Final = re.compile(
    r"\s*([12][0-9]{3})(?:\s*([-\u2010-\u2015\u2212])\s*([12][0-9]{3})?)?\s*"
)
_IMDB_ID: Final = re.compile(r"\s*(tt[0-9]{7,10})\s*")
_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905 - shorter
_SCALES: Final = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}
_DOUBLE_DIGITS: Final = 15
"""Decimal digits that a double always preserves."""


def parse_imdb_id(value: object) -> str | None:
    """Parse an IMDb title id (``tt`` and 7 to 10 digits); None if a JSON value is not one."""
    match = _IMDB_ID.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else None


def parse_integer(text: str) -> int:
    """Parse ``"1,174,194"``, ``"9471"``, ``"74"``.

    Raises:
        ValueError: Not a whole number, or larger than a bigint.
    """
    match = _INTEGER.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return _bigint(int(match[1].replace(",", "")))


def parse_number(text: str) -> float:
    """Parse ``"8.8"``, a number whose digits a double preserves.

    Raises:
        ValueError: Not a plain decimal number, or too many digits.
    """
    match = _NUMBER.fullmatch(text)
    if match is None or len(match[1]) > _DOUBLE_DIGITS:
        raise ValueError(text)
    return float(match[1])


def parse_date(text: str) -> str:
    """Parse ``"05 May 2017"`` or ``"2017-05-05"`` as ``"2017-05-05"``.

    Month names are English whatever the locale, which is why this is not `strptime`.

    Raises:
        ValueError: Not such a date, or not in the calendar.
    """
    if match := _DAY_MONTH_YEAR.fullmatch(text):
        month = 1 + _MONTHS.index(match[2].lower())
        return date(int(match[3]), month, int(match[1])).isoformat()
    if match := _ISO_DATE.fullmatch(text):
        return date(int(match[1]), int(match[2]), int(match[3])).isoformat()
    raise ValueError(text)


def parse_minutes(text: str) -> int:
    """Parse ``"148 min"``, ``"1,024 min"``, ``"2 h"``, ``"1 h 15 min"`` as minutes.

    Raises:
        ValueError: Not a duration; a bare number has no unit and does not count as one.
    """
    match = _MINUTES.fullmatch(text)
    if match is None or match.lastindex is None:
        raise ValueError(text)
    hours, minutes = match.groups()
    return _bigint(60 * int(hours or 0) + (parse_integer(minutes) if minutes else 0))


def parse_dollars(text: str) -> int:
    """Parse ``"$292,587,330"``, ``"$292,979,556.00"``, ``"$106.6M"`` as whole US dollars.

    Raises:
        ValueError: Another currency, not an amount, or not a whole number of dollars.
    """
    match = _DOLLARS.fullmatch(text)
    if match is None:
        raise ValueError(text)
    whole, fraction, scale = match.groups()
    amount = Decimal(whole.replace(",", "") + (fraction or "")) * _SCALES[scale.upper()]
    if amount != amount.to_integral_value():
        raise ValueError(text)
    return _bigint(int(amount))


def parse_first_year(text: str) -> int:
    """Parse ``"2010"``, and the first year of ``"2011-2019"`` and ``"2018-"``.

    OMDb always uses an en dash; clients are known to replace it.

    Raises:
        ValueError: Neither a year nor a range of years.
    """
    match = _YEARS.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(match[1])


def parse_year(value: object) -> int | None:
    """Return the (first) year that a JSON value holds, or None."""
    try:
        return parse_first_year(str(value))
    except ValueError:
        return None


def _last_year(text: str) -> int | None:
    """Parse the last year of ``"2011-2019"``; `parse_first_year` reports what is not a year.

    Raises:
        ValueError: The range is open (``"2018-"``), which only means something for a series.
    """
    match = _YEARS.fullmatch(text)
    if match is None or not match[2]:
        return None
    if not match[3]:
        raise ValueError(text)
    return int(match[3])


def parse_last_year_of_series(value: object) -> int | None:
    """Return the last year of a series, the first one if it ran for one year.

    None while it runs, or if a JSON value is not a year.
    """
    match = _YEARS.fullmatch(str(value))
    if match is None:
        return None
    last = match[3] if match[2] else match[1]
    return int(last) if last else None


def _text(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text)


def _bigint(number: int) -> int:
    if number > BIGINT_MAX:
        raise ValueError(number)
    return number


IMDB_ID: Final = FieldType({"type": "string"}, parse_imdb_id)
TEXT: Final = FieldType({"type": "string"}, _text)
INTEGER: Final = FieldType({"type": "integer"}, parse_integer)
FIRST_YEAR: Final = FieldType({"type": "integer"}, parse_first_year)
LAST_YEAR: Final = FieldType({"type": "integer"}, _last_year)
LAST_YEAR_OF_SERIES: Final = FieldType({"type": "integer"}, parse_last_year_of_series)
MINUTES: Final = FieldType({"type": "integer"}, parse_minutes)
DOLLARS: Final = FieldType({"type": "integer"}, parse_dollars)
NUMBER: Final = FieldType({"type": "number"}, parse_number)
DATE: Final = FieldType({"type": "string", "format": "date"}, parse_date)
TIMESTAMP: Final = FieldType({"type": "string", "format": "date-time"})
TEXTS: Final = FieldType({"type": "array", "items": {"type": "string"}})
RATING: Final = {
    "type": "object",
    "properties": {"source": {"type": "string"}, "value": {"type": "string"}},
    "required": ["source", "value"],
    "additionalProperties": False,
}
RATINGS: Final = FieldType({"type": "array", "items": RATING})
TEXT_MAP: Final = FieldType({"type": "object", "additionalProperties": {"type": "string"}})
JSON_MAP: Final = FieldType({"type": "object", "additionalProperties": True})

_SERIES: Final = ("series",)
_EPISODES: Final = ("episodes",)

FIELDS: Final[tuple[Field, ...]] = (
    Field("imdb_id", "imdbID", IMDB_ID, "IMDb title id: `tt` and at least seven digits. The key."),
    Field("title", "Title", TEXT, "Title; sometimes the original one rather than the English one."),
    Field(
        "type",
        "Type",
        TEXT,
        "Kind of title: movie (TV films, shorts and videos too), series, episode or game.",
    ),
    Field("year", "Year", FIRST_YEAR, "Year of release; of a series, the year it began."),
    Field(
        "year_end",
        "Year",
        LAST_YEAR_OF_SERIES,
        "Year the series ended: the same as `year` if it ran in one year only, null while it runs.",
        _SERIES,
    ),
    Field(
        "year_end",
        "Year",
        LAST_YEAR,
        "Last year where OMDb gives a span of years; null otherwise.",
        ("movies", "episodes", "games"),
    ),
    Field(
        "rated",
        "Rated",
        TEXT,
        "Certificate as OMDb spells it, of any country's system (PG-13, TV-MA, Not Rated).",
    ),
    Field("released", "Released", DATE, "Date of first release."),
    Field(
        "runtime_minutes",
        "Runtime",
        MINUTES,
        "Running time in minutes; for a series, of one episode or of all of them.",
    ),
    Field("genre", "Genre", TEXT, "Genres, separated by a comma and a space."),
    Field("director", "Director", TEXT, "Directors, separated by commas."),
    Field(
        "writer",
        "Writer",
        TEXT,
        "Writers, separated by commas; older entries add notes in parentheses, commas included.",
    ),
    Field("actors", "Actors", TEXT, "Three or four leading actors, comma-separated."),
    Field("plot", "Plot", TEXT, "Plot, short or full, depending on the setting `plot`."),
    Field(
        "language",
        "Language",
        TEXT,
        "Languages, comma-separated; OMDb drops `Language` from sign languages (`American Sign `).",
    ),
    Field("country", "Country", TEXT, "Countries of production, comma-separated."),
    Field("awards", "Awards", TEXT, "Wins and nominations, in a sentence."),
    Field("poster_url", "Poster", TEXT, "URL of the poster; may be a dead link."),
    Field(
        "ratings",
        "Ratings",
        RATINGS,
        "Ratings as text, by source: Internet Movie Database (8.8/10), Rotten Tomatoes (87%),"
        " Metacritic (74/100).",
    ),
    Field("metascore", "Metascore", INTEGER, "Metacritic's score, 0 to 100."),
    Field("imdb_rating", "imdbRating", NUMBER, "IMDb users' rating, 1 to 10."),
    Field("imdb_votes", "imdbVotes", INTEGER, "Votes behind `imdb_rating`."),
    Field("dvd", "DVD", DATE, "Date of release on DVD; null in new entries."),
    Field(
        "box_office",
        "BoxOffice",
        DOLLARS,
        "Box office in the United States and Canada, in US dollars.",
    ),
    Field("production", "Production", TEXT, "Production company; mostly null."),
    Field("website", "Website", TEXT, "The title's own website; mostly null."),
    Field(
        "total_seasons", "totalSeasons", INTEGER, "Number of seasons; may be out of date.", _SERIES
    ),
    Field(
        "season", "Season", INTEGER, "Number of the season that the episode belongs to.", _EPISODES
    ),
    Field(
        "episode",
        "Episode",
        INTEGER,
        "Number within the season; 0 for a pilot or special.",
        _EPISODES,
    ),
    Field(
        "series_id",
        "seriesID",
        TEXT,
        "`imdb_id` of the series that the episode belongs to.",
        _EPISODES,
    ),
    Field(
        "merged_ids",
        None,
        TEXTS,
        "Other IMDb ids for which OMDb returns this title, because IMDb merged them; null if none.",
    ),
    Field(
        "matched_by",
        None,
        TEXT,
        "How the title was found: `imdb_id`, `title_and_year` or `title` (a lookup by name whose"
        " year agrees, or was not given or differs), `search` or `season`; null if not known.",
    ),
    Field(
        "unparsed",
        None,
        TEXT_MAP,
        "Field -> OMDb's text, for values that did not parse and are null in their field.",
    ),
    Field("extra", None, JSON_MAP, "OMDb's key -> value, for keys without a field of their own."),
    Field("fetched_at", None, TIMESTAMP, "When OMDb sent this response (UTC)."),
)
"""Every field of the details streams, in schema order."""

FIELDS_OF: Final[Mapping[str, tuple[Field, ...]]] = {
    stream: tuple(field for field in FIELDS if stream in field.streams)
    for stream in STREAM_OF_TYPE.values()
}
"""Stream -> its fields, in schema order."""

_NAMES: Final = {stream: [field.name for field in fields] for stream, fields in FIELDS_OF.items()}
_PARSED: Final = {
    stream: [(f.name, f.omdb_key, f.type.parse) for f in fields if f.omdb_key and f.type.parse]
    for stream, fields in FIELDS_OF.items()
}
_KEYS: Final = {
    stream: frozenset(field.omdb_key for field in fields if field.omdb_key)
    for stream, fields in FIELDS_OF.items()
}


def to_record(
    details: Mapping[str, object],
    *,
    fetched_at: datetime,
    merged_ids: Sequence[str] = (),
    matched_by: str | None = None,
) -> Record:
    """Convert the details of one title to a typed record.

    Args:
        details: The JSON object that OMDb returns for ``i=`` or ``t=``, or an element of
            a season's ``Episodes`` requested with ``detail=full``.
        fetched_at: When OMDb sent it; with a time zone.
        merged_ids: Other ids for which OMDb returns this title.
        matched_by: How the title was found.

    Returns:
        The record. A title without a type, or of an unknown one, becomes a record of
        `DEFAULT_STREAM`, with OMDb's own text in ``type``.

    Raises:
        InvalidRecord: There is no IMDb id, or it is nested deeper than `MAX_DEPTH`.
    """
    if parse_imdb_id(details.get("imdbID")) is None:
        msg = f"imdbID is not an IMDb id: {details.get('imdbID')!r:.80}"
        raise InvalidRecord(msg)
    stream = stream_of(details)
    values: dict[str, Any] = dict.fromkeys(_NAMES[stream])
    unparsed: dict[str, str] = {}
    for name, key, parse in _PARSED[stream]:
        value = details.get(key)
        # First without a call, since this is the inner loop of a run.
        if value == "N/A" or is_absent(value):
            continue
        try:
            values[name] = parse(value if isinstance(value, str) else _as_text(value))
        except ValueError:
            unparsed[name] = _text(value) if isinstance(value, str) else _as_json(value)
    ratings, malformed = _split_ratings(details.get("Ratings"))
    if malformed:
        unparsed["ratings"] = _as_json(malformed)
    values["ratings"] = ratings or None
    values["merged_ids"] = list(merged_ids) or None
    values["matched_by"] = matched_by
    values["unparsed"] = unparsed or None
    values["extra"] = storable(dict(_unknown(details, _KEYS[stream]))) or None
    values["fetched_at"] = to_timestamp(fetched_at)
    return Record(stream, values)


def stream_of(details: Mapping[str, object]) -> str:
    """Return the stream that a title belongs to, by its ``Type``."""
    kind = details.get("Type")
    if not isinstance(kind, str):
        return DEFAULT_STREAM
    return STREAM_OF_TYPE.get(kind.strip().lower(), DEFAULT_STREAM)


def is_absent(value: object) -> bool:
    """Return whether a value means that OMDb has none: ``"N/A"``, blank, null."""
    if isinstance(value, str):
        text = value.strip()
        return not text or text == "N/A"
    return value is None


def to_timestamp(moment: datetime) -> str:
    """Format a time as UTC, to the second: ``2024-12-27T20:57:37Z``.

    Raises:
        ValueError: It has no time zone.
    """
    if moment.tzinfo is None:
        msg = f"{moment} has no time zone"
        raise ValueError(msg)
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def _unknown(details: Mapping[str, object], known: frozenset[str]) -> Iterator[tuple[str, object]]:
    """Yield the keys without a field; ``Response`` only says that this is not an error."""
    for key, value in details.items():
        if key not in known and not (key == "Response" and str(value).lower() == "true"):
            yield key, value


def _split_ratings(value: object) -> tuple[list[dict[str, str]], list[object]]:
    """Return OMDb's ratings, and the elements that are malformed or hold more than a rating."""
    if is_absent(value):
        return [], []
    if not isinstance(value, list):
        return [], [value]
    ratings: list[dict[str, str]] = []
    malformed: list[object] = []
    for item in value:
        match item:
            case {"Source": str(source), "Value": str(text), **rest}:
                if not is_absent(text):
                    ratings.append({"source": _text(source), "value": _text(text)})
                if rest:
                    malformed.append(item)
            case _:
                malformed.append(item)
    return ratings, malformed


def _as_text(value: object) -> str:
    """Return a JSON number as OMDb would have written it.

    Raises:
        ValueError: Another type of JSON value.
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return str(value)
    raise ValueError(value)


def _as_json(value: object) -> str:
    return json.dumps(storable(value), ensure_ascii=False)


def storable(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 (any JSON value)
    """Return a JSON value that every JSON parser and Postgres can store.

    Numbers that not all of them can store (NaN, infinities, more than 64 bits) become text.

    Raises:
        InvalidRecord: Nested deeper than `MAX_DEPTH`.
    """
    if depth > MAX_DEPTH:
        msg = f"the response is nested more than {MAX_DEPTH} deep"
        raise InvalidRecord(msg)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        stored: dict[str, Any] = {}
        for key, item in value.items():
            name = _text(key)
            while name in stored:
                name += "\ufffd"
            stored[name] = storable(item, depth + 1)
        return stored
    if isinstance(value, list):
        return [storable(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and abs(value) > BIGINT_MAX:
        return str(value)
    return value
