# /// script
# requires-python = ">=3.10"
# dependencies = ["dlt[postgres]==1.31.0"]
# ///
"""dlt's `rest_api` source as its documentation has it: the ids are the titles' parent resource.

Its pipeline extracts, normalises and loads into Postgres, with merges by primary key.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import dlt
from dlt.sources.rest_api import rest_api_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response

_PAGE = 1000
_CONTROL = re.compile(rb"[\x00-\x1f]")


def repair(response: Response, *_: object, **__: object) -> None:
    """Remove the raw control characters that a few responses contain, and that dlt fails on."""
    response._content = _CONTROL.sub(b" ", response.content)  # noqa: SLF001 - as dlt's docs do


def load(url: str, ids: list[str], in_flight: int) -> None:
    """Run the pipeline, with so many requests under way at once."""

    @dlt.resource(name="ids")  # type: ignore[untyped-decorator]
    def known_ids() -> Iterator[list[dict[str, str]]]:
        for start in range(0, len(ids), _PAGE):
            yield [{"imdb_id": imdb_id} for imdb_id in ids[start : start + _PAGE]]

    source = rest_api_source(
        {
            "client": {"base_url": url, "paginator": "single_page"},
            "resources": [
                known_ids(),
                {
                    "name": "titles",
                    "primary_key": "imdbID",
                    "parallelized": True,
                    "endpoint": {
                        "path": "/",
                        "params": {
                            "i": "{resources.ids.imdb_id}",
                            "plot": "short",
                            "apikey": "00000000",
                        },
                        "data_selector": "$",
                        "response_actions": [repair],
                    },
                },
            ],
        }
    ).with_resources("titles")
    os.environ["EXTRACT__WORKERS"] = os.environ["EXTRACT__MAX_PARALLEL_ITEMS"] = str(in_flight)
    destination = dlt.destinations.postgres(
        "postgresql://{PGUSER}:{PGPASSWORD}@{PGHOST}:{PGPORT}/{PGDATABASE}".format(**os.environ)
    )
    with tempfile.TemporaryDirectory() as working_folder:
        pipeline = dlt.pipeline(
            "benchmark", working_folder, destination=destination, dataset_name="dlt"
        )
        pipeline.run(source, write_disposition="merge")


if __name__ == "__main__":
    emulator, file_of_ids, at_once = sys.argv[1:]
    load(emulator, Path(file_of_ids).read_text().split(), int(at_once))
