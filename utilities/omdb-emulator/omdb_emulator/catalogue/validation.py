"""Validation of catalogue files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omdb_emulator.catalogue.titles import KEYS, NOT_AVAILABLE, TitleError, title_from_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def validation_errors(titles: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the errors in lines of a catalogue: ids, keys and their order, values, references."""
    seen: dict[str, str] = {}
    references: list[tuple[str, str, str]] = []
    for line in titles:
        try:
            title = title_from_line(line)
        except TitleError as error:
            yield str(error)
            continue
        imdb_id = title.imdb_id
        if imdb_id in seen:
            yield f"{imdb_id}: duplicate id"
        kind = seen[imdb_id] = str(title.details.get("Type", ""))
        if title.merged_into is not None:
            references.append((imdb_id, "merged_into", title.merged_into))
        if "Title" in title.details:
            yield from _field_errors(imdb_id, kind, title.details)
        if kind == "episode" and title.details.get("seriesID") not in {None, NOT_AVAILABLE}:
            references.append((imdb_id, "seriesID", title.details["seriesID"]))
    for imdb_id, name, target in references:
        if target not in seen:
            yield f"{imdb_id}: {name} {target} is not in the catalogue"
        elif name == "seriesID" and seen[target] != "series":
            yield f"{imdb_id}: seriesID {target} is a {seen[target]}"


def _field_errors(imdb_id: str, kind: str, details: Mapping[str, Any]) -> Iterator[str]:
    if kind not in KEYS:
        yield f"{imdb_id}: Type {kind!r} is none of {', '.join(KEYS)}"
        return
    if tuple(details) != KEYS[kind]:
        yield f"{imdb_id}: the keys of a {kind} are, in this order, {' '.join(KEYS[kind])}"
    for name, value in details.items():
        if name == "Ratings":
            if not _are_ratings(value):
                yield f"{imdb_id}: Ratings must be a list of objects with Source and Value"
        elif not isinstance(value, str) or not value:
            yield f"{imdb_id}: {name} must be a non-empty string, not {value!r}"


def _are_ratings(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict)
        and tuple(item) == ("Source", "Value")
        and all(isinstance(text, str) for text in item.values())
        for item in value
    )
