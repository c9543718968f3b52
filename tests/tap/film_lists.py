"""Films, and the layouts of the lists in which people keep them."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from typing import Any

_TITLES = resources.files("omdb_emulator") / "catalogue/titles.jsonl"
FILMS: list[dict[str, str]] = [
    {name: title[name] for name in ("Title", "Year", "imdbID")}
    for title in map(json.loads, _TITLES.read_text("utf-8").splitlines())
    if title.get("Type") == "movie" and title["Year"].isdigit()
]
"""The movies of the emulator's catalogue, no two of them with the same name and year."""

Film = dict[str, Any]
Item = dict[str, Any]

WITHOUT_HEADER = "Netflix's prize"


def _cells(names: str, *values: str) -> dict[str, str]:
    return dict(zip(names.split(","), values, strict=True))


TABLES: dict[str, Callable[[Film, int], dict[str, str]]] = {
    "IMDb": lambda film, n: _cells(
        "Const,Your Rating,Date Rated,Title,URL,Title Type,Year",
        *(film["imdbID"], str(n % 10 + 1), "2024-02-29", film["Title"]),
        *(f"https://www.imdb.com/title/{film['imdbID']}/", "Movie", film["Year"]),
    ),
    "Letterboxd": lambda film, n: _cells(
        "Date,Name,Year,Letterboxd URI,Rating",
        *("2024-01-01", film["Title"], film["Year"], f"https://boxd.it/{n}", "3.5"),
    ),
    "MovieLens": lambda film, n: _cells(
        "movieId,title,genres", str(n + 1), f"{film['Title']} ({film['Year']})", "Drama|War"
    ),
    WITHOUT_HEADER: lambda film, n: _cells(
        "column 1,column 2,column 3", str(n + 1), film["Year"], film["Title"]
    ),
    "names and dates": lambda film, n: _cells(
        "Title,Release Date,note",
        *(film["Title"], f"{film['Year']}-05-01", 'a "quoted",\n\nnote ' * (n % 2)),
    ),
}
"""More layouts are in titles_file_layouts.txt; these differ in how their columns are told."""
JSON: dict[str, Callable[[Film, int], Item]] = {
    "Trakt": lambda film, n: {
        "rating": 9,
        "movie": {"title": film["Title"], "ids": {"imdb": film["imdbID"], "trakt": n}},
    },
    "names": lambda film, n: {"title": film["Title"], "year": int(film["Year"]), "n": [n, None]},
}
