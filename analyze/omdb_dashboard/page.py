"""The page: one self-contained HTML file.

What OMDb returned is text, never markup: the templates escape it, and the scripts create text
nodes. A Content-Security-Policy allows the page's own scripts only, by their hashes, and no
requests but for posters.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import jinja2

from omdb_dashboard import assets, charts, pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omdb_dashboard.warehouse import Reports, Row

# Hosts that OMDb's responses name in `Poster`.
POSTER_HOSTS = (
    "https://m.media-amazon.com",
    "https://images-na.ssl-images-amazon.com",
    "http://ia.media-imdb.com",
    "https://ia.media-imdb.com",
)

_NO_VALUE = "\N{EN DASH}"

# Reports that the scripts read; the templates show the others.
_CLIENT_REPORTS = (
    "rpt_titles",
    "rpt_details",
    "rpt_episodes",
    "rpt_list_entries",
    "rpt_rating_movers",
    "coverage_summary",
    "syncs",
)

_CODED = ("genres", "countries", "languages")


def render(reports: Reports, *, vega: str) -> str:
    """The page as HTML.

    Args:
        reports: Rows by report, see `warehouse.read_reports`.
        vega: The script that defines `vegaEmbed`.
    """
    headline = reports["rpt_headline"][0]
    years = (headline["first_year"], headline["last_year"]) if headline["years"] else None
    movie_charts = charts.movie_charts(years)
    pipeline_charts = charts.pipeline_charts({sync["outcome"] for sync in reports["syncs"]})
    client = {
        "reports": {name: columnar(reports[name]) for name in _CLIENT_REPORTS},
        "charts": {chart.name: chart.client for chart in [*movie_charts, *pipeline_charts]},
        "weighted_rating_votes": headline["weighted_rating_votes"],
        "rating_history": charts.rating_history(),
        "person_titles": charts.person_titles(),
        "own_ratings": charts.own_ratings(),
        "poster_hosts": POSTER_HOSTS,
        # With the data, because compressed it is half as large; `static/data.js` runs it.
        "vega": vega,
    }
    script = _inline(assets.dashboard_script())
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            reports=reports,
            headline=headline,
            health=reports["pipeline_health"][0],
            notices=pipeline.notices(reports),
            coverage=pipeline.coverage(reports["coverage_summary"]),
            movie_charts=movie_charts,
            pipeline_charts=pipeline_charts,
            data=compressed(client),
            script=script,
            style=assets.dashboard_style(),
            policy=content_security_policy([script, vega]),
        )
    )


def columnar(rows: Sequence[Row]) -> dict[str, Any]:
    """Rows by column: half the size of objects, and smaller compressed.

    A column is an array of its values; one of short lists, of which many are the same, an object of
    the distinct `values` and of the `codes`, the position of each row's list among them.
    """
    columns = {column: [row[column] for row in rows] for column in (rows[0] if rows else ())}
    return {
        column: _coded(values) if column in _CODED else values for column, values in columns.items()
    }


def _coded(lists: Sequence[Sequence[str]]) -> dict[str, Any]:
    counts = Counter(map(tuple, lists))
    # The most frequent have the shortest codes.
    codes = {values: code for code, (values, _) in enumerate(counts.most_common())}
    return {"values": list(codes), "codes": [codes[tuple(values)] for values in lists]}


def compressed(data: Mapping[str, Any]) -> str:
    """JSON, compressed by gzip, as base64: a third of the size, and free of characters of HTML."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")


def content_security_policy(scripts: Sequence[str]) -> str:
    """Allows nothing but the given inline scripts, inline styles, and images from poster hosts."""
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        f"img-src data: {' '.join(POSTER_HOSTS)}; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _inline(script: str) -> str:
    # The parser of HTML looks for these in the text of a script. In JavaScript they occur in
    # strings and regular expressions, where the escaped form is the same.
    return script.replace("</script", "<\\/script").replace("<!--", "\\x3c!--")


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("omdb_dashboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    environment.filters["time"] = _time
    environment.filters["label"] = _label
    return environment


def _number(value: float | None) -> str:
    return _NO_VALUE if value is None else f"{value:,}"


def _time(value: str | None) -> str:
    return _NO_VALUE if value is None else f"{value[:16]} UTC"


def _label(value: str) -> str:
    return value.replace("_", " ").capitalize()
