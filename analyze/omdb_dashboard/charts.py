"""The charts, as Vega-Lite specifications without data; the page's script adds the data.

All of them take their colours from the style sheet, so that they follow the reader's light or dark
theme. They only draw rows: those of charts of titles are computed in `static/summaries.js` from the
titles that the reader's filters leave, those of charts of the pipeline are a report.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import altair as alt

if TYPE_CHECKING:
    from collections.abc import Collection

Spec = dict[str, Any]

_TOP = 15
_FOREGROUND, _MUTED = "var(--chart-text)", "var(--chart-grid)"
_ACCENT, _SECOND, _GOLD, _VIOLET = (f"var(--chart-{number})" for number in range(1, 5))
_OUTCOMES = {
    "complete": _ACCENT,
    "budget_exhausted": _GOLD,
    "quota_reached": _VIOLET,
    "stopped": _FOREGROUND,
    "failed": _SECOND,
}
_IN_YEARS = (
    "(year_from === null || (datum.year !== null && datum.year >= year_from))"
    " && (year_to === null || (datum.year !== null && datum.year <= year_to))"
)
# Pixels: as wide as the axis allows, but a bar also if there is only one.
_BAR_WIDTH = "min(48, 0.8 * bandwidth('x'))"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and what the page says about it.

    Attributes:
        name: Its id on the page.
        title: The heading above it.
        summary: What it shows, for those who do not see it.
        dataset: The summary of titles, or the report, that it shows.
        spec: The Vega-Lite specification, without data.
        columns: Fields and headings of the table that is its text alternative.
        needs: Fields without which a row is left out.
        note: A line below the heading.
        wide: Whether it takes the full width.
        leave_out: Whether the reader can leave the first row out, if it dwarfs the others.
    """

    name: str
    title: str
    summary: str
    dataset: str
    spec: Spec
    columns: tuple[tuple[str, str], ...]
    needs: tuple[str, ...] = ()
    note: str = ""
    wide: bool = False
    leave_out: bool = False

    @property
    def client(self) -> Spec:
        """What the page's script needs."""
        return {
            "dataset": self.dataset,
            "needs": self.needs,
            "columns": self.columns,
            "top": _TOP,
            "spec": self.spec,
        }


def movie_charts(years: tuple[int, int] | None) -> list[Chart]:
    """The charts of the page about movies.

    Args:
        years: First and last year of the movies; none if there are none.
    """
    return [
        _titles_by_year(years),
        _ratings(),
        _runtime(),
        _critics_and_audience(),
        _shares_by_decade("genre", "Genres", "titles", "A title counts in each of its genres."),
        _shares_by_decade(
            "certificate",
            "Certificates",
            "titles with a certificate",
            "Old titles have certificates too, since they have been rated again.",
            color=_VIOLET,
        ),
        _bars(
            "top-grossing",
            "Top grossing",
            "the highest gross in the United States and Canada",
            color=_GOLD,
        ),
        _bars(
            "most-awarded",
            "Most awarded",
            "the most awards won",
            "Awards of all kinds count alike, as OMDb counts them.",
            color=_SECOND,
        ),
        _counts("titles-by-country", "Countries"),
        _counts("titles-by-language", "Languages"),
    ]


def pipeline_charts(outcomes: Collection[str | None]) -> list[Chart]:
    """The charts of the page about the pipeline.

    Args:
        outcomes: How syncs ended, as far as it occurs.
    """
    return [_requests_by_sync(outcomes), _coverage_by_year()]


def rating_history() -> Spec:
    """The chart of one movie's ratings; the script adds rows with `date` and `rating`."""
    return _finish(
        _rows()
        .mark_line(point={"color": _ACCENT, "size": 50}, color=_ACCENT, interpolate="step-after")
        .encode(
            x=alt.X("date:T", title=None),
            y=alt.Y("rating:Q", title="IMDb rating", scale=alt.Scale(zero=False, padding=10)),
            tooltip=[
                alt.Tooltip("date:T", title="Since", format="%Y-%m-%d"),
                alt.Tooltip("rating:Q", title="IMDb rating", format=".1f"),
                alt.Tooltip("votes:Q", title="Votes", format=","),
            ],
        ),
        height=160,
    )


def person_titles() -> Spec:
    """The chart of one person's titles; the script adds titles with a `role` and their `roles`."""
    roles = {"Director": _ACCENT, "Writer": _GOLD, "Actor": _SECOND}
    return _finish(
        _rows()
        .mark_circle(size=110, opacity=0.85, cursor="pointer")
        .encode(
            x=_year_axis_of("year:Q"),
            y=alt.Y("imdb_rating:Q", title="IMDb rating", scale=alt.Scale(zero=False, padding=15)),
            color=alt.Color(
                "role:N",
                title=None,
                scale=alt.Scale(domain=list(roles), range=list(roles.values())),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                alt.Tooltip("title:N", title="Title"),
                _year_tooltip(),
                alt.Tooltip("imdb_rating:Q", title="IMDb rating", format=".1f"),
                alt.Tooltip("roles:N", title="Role"),
            ],
        ),
        height=260,
    )


def own_ratings() -> Spec:
    """The user's ratings against IMDb's; the script adds titles with `own`."""
    return _against("imdb_rating", "IMDb rating", "own", "Your rating", height=380)


def _titles_by_year(years: tuple[int, int] | None) -> Chart:
    domain = list(range(years[0], years[1] + 1)) if years else []
    brush = alt.selection_interval(
        name="brush",
        encodings=["x"],
        mark=alt.BrushConfig(fill=_SECOND, fillOpacity=0.15, stroke=_SECOND),
    )
    chart = (
        _rows()
        .mark_bar(cursor="crosshair")
        .encode(
            x=alt.X("year:O", title=None, scale=alt.Scale(domain=domain), axis=_year_axis(domain)),
            y=alt.Y("titles:Q", title="Titles", axis=_count_axis()),
            color=alt.condition(_IN_YEARS, alt.value(_ACCENT), alt.value(_MUTED)),
            tooltip=[_year_tooltip(), _titles_tooltip()],
        )
        .add_params(
            brush, alt.param(name="year_from", value=None), alt.param(name="year_to", value=None)
        )
    )
    return Chart(
        "titles-by-year",
        "By year",
        "Number of titles by year of release.",
        "titles_by_year",
        _finish(chart, height=170),
        (("year", "Year"), ("titles", "Titles")),
        note="Drag across years to filter by them; click on a year to list its titles.",
        wide=True,
    )


def _ratings() -> Chart:
    bins = [value / 2 for value in range(2, 21)]
    chart = (
        _rows()
        .mark_bar(color=_ACCENT, cursor="pointer")
        .encode(
            x=alt.X(
                "rating:O",
                title="IMDb rating, half points from",
                scale=alt.Scale(domain=bins),
                axis=alt.Axis(labelAngle=0, labelExpr="datum.value % 1 ? '' : datum.label"),
            ),
            y=alt.Y("titles:Q", title="Titles", axis=_count_axis()),
            tooltip=[
                alt.Tooltip("rating:O", title="IMDb rating from", format=".1f"),
                _titles_tooltip(),
            ],
        )
    )
    return Chart(
        "ratings",
        "Ratings",
        "Number of titles by IMDb rating, in half points.",
        "titles_by_rating",
        _finish(chart),
        (("rating", "Rating from"), ("titles", "Titles")),
    )


def _critics_and_audience() -> Chart:
    spec = _against("audience", "Audience (IMDb, 0 to 100)", "critics", "Critics", height=380)
    return Chart(
        "critics-and-audience",
        "Critics and audience",
        "Critics' score against the audience's, 0 to 100, one point per title. Above the diagonal, "
        "critics liked it better.",
        "critics_and_audience",
        spec,
        (("title", "Title"), ("year", "Year"), ("audience", "Audience"), ("critics", "Critics")),
        note="Above the diagonal, critics liked it better. Critics: the average of Metacritic and "
        "Rotten Tomatoes.",
    )


def _against(x: str, x_title: str, y: str, y_title: str, height: int) -> Spec:
    """Two scores of titles, with the diagonal, and the names of rows with a `label`."""
    scores = alt.Scale(zero=False, nice=False, padding=12)
    points = (
        _rows()
        .mark_circle(opacity=0.6, size=45, cursor="pointer")
        .encode(
            x=alt.X(f"{x}:Q", title=x_title, scale=scores, axis=alt.Axis(tickCount=8)),
            y=alt.Y(f"{y}:Q", title=y_title, scale=scores),
            color=alt.condition("datum.label", alt.value(_SECOND), alt.value(_ACCENT)),
            tooltip=[
                alt.Tooltip("title:N", title="Title"),
                _year_tooltip(),
                alt.Tooltip(f"{x}:Q", title=x_title, format=".1f"),
                alt.Tooltip(f"{y}:Q", title=y_title, format=".1f"),
            ],
        )
    )
    # Towards the middle, so that they are not cut off.
    side = f"datum.{x} > (domain('x')[0] + domain('x')[1]) / 2"
    names = (
        _rows()
        .transform_filter("datum.label")
        .mark_text(
            color=_FOREGROUND,
            fontSize=12,
            stroke="var(--surface)",
            strokeWidth=3,
            align=alt.ExprRef(f"{side} ? 'right' : 'left'"),
            dx=alt.ExprRef(f"{side} ? -8 : 8"),
            limit=190,
        )
        .encode(x=f"{x}:Q", y=f"{y}:Q", text="label:N")
    )
    diagonal = (
        _rows()
        .transform_aggregate(
            x_low=f"min({x})", x_high=f"max({x})", y_low=f"min({y})", y_high=f"max({y})"
        )
        .transform_calculate(
            low="min(datum.x_low, datum.y_low)", high="max(datum.x_high, datum.y_high)"
        )
        .mark_rule(color=_FOREGROUND, strokeDash=[4, 4], opacity=0.6)
        .encode(x="low:Q", y="low:Q", x2="high:Q", y2="high:Q")
    )
    return _finish(alt.layer(points, diagonal, names), height=height)


def _shares_by_decade(
    dimension: str, title: str, whole: str, note: str, color: str = _ACCENT
) -> Chart:
    base = _rows().encode(
        x=alt.X(
            "column:O",
            title=None,
            axis=alt.Axis(
                labelAngle=0, labelOverlap=True, labelExpr="split(datum.label, '|')", ticks=False
            ),
        ),
        y=alt.Y(
            "value:N",
            title=None,
            sort=alt.EncodingSortField("titles", "sum", "descending"),
            axis=alt.Axis(labelLimit=120, domain=False, ticks=False),
        ),
    )
    cells = base.mark_rect(color=color, cursor="pointer").encode(
        opacity=alt.Opacity(
            "percent:Q", legend=None, scale=alt.Scale(domain=[0, 100], range=[0.06, 0.75])
        ),
        tooltip=[
            alt.Tooltip("value:N", title=dimension.capitalize()),
            alt.Tooltip("decade:O", title="Decade"),
            alt.Tooltip("percent:Q", title="Percent of the decade", format=".1f"),
            _titles_tooltip(),
            alt.Tooltip("of:Q", title="Titles of the decade", format=","),
        ],
    )
    numbers = base.mark_text(color=_FOREGROUND, fontSize=11, tooltip=None).encode(
        text=alt.Text("percent:Q", format=".0f")
    )
    return Chart(
        f"{dimension}s-by-decade",
        f"{title} by decade",
        f"Percent of each decade's {whole} by {dimension}, for the {_TOP} most frequent.",
        f"{dimension}s_by_decade",
        _finish(alt.layer(cells, numbers), height=340),
        (
            ("value", dimension.capitalize()),
            ("decade", "Decade"),
            ("percent", "Percent"),
            ("titles", "Titles"),
            ("of", "Titles of the decade"),
        ),
        note=f"Percent of the {whole} of each decade, whose number is below it. {note}",
    )


def _runtime() -> Chart:
    base = _rows().encode(
        x=alt.X(
            "start:Q",
            title=None,
            scale=alt.Scale(zero=False, nice=False),
            axis=alt.Axis(format="d", tickMinStep=1, labelOverlap=True, labelFlush=False),
        ),
        x2="end:Q",
        tooltip=[
            alt.Tooltip("period:N", title="Years"),
            alt.Tooltip("median:Q", title="Median", format=".0f"),
            alt.Tooltip("lower_quartile:Q", title="Lower quartile", format=".0f"),
            alt.Tooltip("upper_quartile:Q", title="Upper quartile", format=".0f"),
            _titles_tooltip(),
        ],
    )
    # A margin of the surface's colour between neighbours.
    halves = base.mark_rect(
        color=_ACCENT, opacity=0.3, cursor="pointer", stroke="var(--surface)", strokeWidth=2
    ).encode(
        y=alt.Y("lower_quartile:Q", title="Minutes", scale=alt.Scale(zero=False)),
        y2="upper_quartile:Q",
    )
    medians = base.mark_rule(color=_ACCENT, strokeWidth=3).encode(y="median:Q")
    return Chart(
        "runtime",
        "Runtime over time",
        "Median runtime in minutes by year or decade of release, with the quartiles.",
        "runtime",
        _finish(alt.layer(halves, medians)),
        (
            ("period", "Years"),
            ("lower_quartile", "Lower quartile"),
            ("median", "Median"),
            ("upper_quartile", "Upper quartile"),
            ("titles", "Titles"),
        ),
        note="The median as a line, and the middle half of the titles as a band; by decade where "
        "years have few titles.",
    )


def _bars(name: str, title: str, what: str, note: str = "", color: str = _ACCENT) -> Chart:
    base = _rows().encode(
        # Room for the number at the end of the longest bar.
        x=alt.X("value:Q", axis=None, scale=alt.Scale(range=[0, {"expr": "width - 56"}])),
        y=alt.Y(
            "name:N",
            title=None,
            sort=alt.EncodingSortField("value", "max", "descending"),
            axis=alt.Axis(labelLimit=190, domain=False, ticks=False, labelFontSize=13),
        ),
        tooltip=[alt.Tooltip("name:N", title="Name"), alt.Tooltip("label:N", title=title)],
    )
    bars = base.mark_bar(color=color, cursor="pointer")
    labels = base.mark_text(align="left", dx=4, color=_FOREGROUND, fontSize=12).encode(
        text="label:N"
    )
    return Chart(
        name,
        title,
        f"Those with {what}, as bars.",
        name.replace("-", "_"),
        _finish(alt.layer(bars, labels), height=340),
        (("name", "Name"), ("value", title)),
        note=note,
    )


def _counts(name: str, title: str) -> Chart:
    return replace(
        _bars(name, title, "the most titles", "A title counts in each of them."), leave_out=True
    )


def _requests_by_sync(occurring: Collection[str | None]) -> Chart:
    shown = {outcome: color for outcome, color in _OUTCOMES.items() if outcome in occurring}
    several = len(shown) > 1
    chart = (
        _rows()
        .mark_bar(size=alt.ExprRef(_BAR_WIDTH))
        .encode(
            x=alt.X(
                "ended_at:O",
                title=None,
                sort="ascending",
                # Day and time below each other: there may be several syncs in a day.
                axis=alt.Axis(
                    labelExpr="[slice(datum.value, 5, 10), slice(datum.value, 11, 16)]",
                    labelAngle=0,
                    labelOverlap=True,
                ),
            ),
            y=alt.Y("requests:Q", title="Requests", axis=_count_axis()),
            color=alt.Color(
                "outcome:N",
                title=None,
                scale=alt.Scale(domain=list(shown), range=list(shown.values())),
                legend=alt.Legend(orient="top", labelExpr="replace(datum.label, '_', ' ')")
                if several
                else None,
            ),
            tooltip=[
                alt.Tooltip("ended_at:N", title="Ended (UTC)"),
                alt.Tooltip("outcome:N", title="Outcome"),
                alt.Tooltip("requests:Q", title="Requests", format=","),
            ],
        )
    )
    return Chart(
        "requests-by-sync",
        "Requests by sync",
        "Requests that each of the last 50 syncs sent, with its outcome.",
        "syncs",
        _finish(chart),
        (("ended_at", "Ended (UTC)"), ("outcome", "Outcome"), ("requests", "Requests")),
        note="The last 50 syncs, by the time at which they ended (UTC).",
    )


def _coverage_by_year() -> Chart:
    base = (
        _rows()
        .transform_aggregate(total_results="sum(total_results)", hits="sum(hits)", groupby=["year"])
        .encode(x=alt.X("year:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)))
    )
    announced = base.mark_bar(color=_MUTED, size=alt.ExprRef(_BAR_WIDTH)).encode(
        y=alt.Y("total_results:Q", title="Search results", axis=_count_axis()),
        tooltip=[
            _year_tooltip(),
            alt.Tooltip("total_results:Q", title="Reported by OMDb", format=","),
            alt.Tooltip("hits:Q", title="Read", format=","),
        ],
    )
    narrow = alt.ExprRef(f"0.6 * {_BAR_WIDTH}")
    read = base.mark_bar(color=_ACCENT, size=narrow, tooltip=None).encode(
        y=alt.Y("hits:Q", title="Search results")
    )
    return Chart(
        "coverage-by-year",
        "Search coverage by year",
        "Results that OMDb reported for the searches of each year, and those that were read.",
        "coverage_summary",
        _finish(alt.layer(announced, read)),
        (("year", "Year"), ("total_results", "Reported"), ("hits", "Read")),
        needs=("year", "total_results"),
        note="Wide bars: results that OMDb reported. Narrow bars: those that were read.",
    )


def _rows() -> alt.Chart:
    chart: alt.Chart = alt.Chart(alt.NamedData("rows"))
    return chart


def _year_axis_of(field: str) -> alt.X:
    return alt.X(
        field,
        title=None,
        scale=alt.Scale(zero=False, nice=False, padding=15),
        axis=alt.Axis(format="d", tickMinStep=1, tickCount=8, labelOverlap=True),
    )


def _year_tooltip() -> alt.Tooltip:
    return alt.Tooltip("year:N", title="Year")


def _titles_tooltip() -> alt.Tooltip:
    return alt.Tooltip("titles:Q", title="Titles", format=",")


def _count_axis() -> alt.Axis:
    return alt.Axis(format=",d", tickCount=4, tickMinStep=1)


def _year_axis(years: list[int]) -> alt.Axis:
    few = len(years) <= _TOP
    return alt.Axis(
        labelAngle=0,
        labelOverlap=True,
        labelExpr="datum.label" if few else "datum.value % 10 ? '' : datum.label",
    )


def _finish(chart: alt.Chart | alt.LayerChart | alt.FacetChart, height: int = 240) -> Spec:
    finished = (
        chart.properties(width="container", height=height, background="transparent")
        .configure(font="system-ui, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=_FOREGROUND,
            titleColor=_FOREGROUND,
            domainColor=_MUTED,
            gridColor=_MUTED,
            gridOpacity=0.5,
            tickColor=_MUTED,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
        )
        .configure_axisX(grid=False)
        .configure_legend(labelColor=_FOREGROUND, titleColor=_FOREGROUND, labelFontSize=12)
    )
    spec: Spec = finished.to_dict()
    return spec
