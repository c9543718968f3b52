"""The pipeline on what OMDb really answered: every recorded title, each value checked in SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.conftest import PIPELINE, Project, running_project

RECORDED = Path(__file__).resolve().parents[3] / "shared/omdb-recorded/details.jsonl"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A copy whose emulator answers as recorded."""
    if not RECORDED.exists():
        pytest.skip("the recorded responses are not here")
    with running_project(tmp_path / "a próject") as copy:
        copy.utility("omdb-emulator", "stop")
        copy.utility("omdb-emulator", "start", "--recorded", str(RECORDED))
        yield copy


def test_every_recorded_title_is_loaded_unchanged(project: Project, tmp_path: Path) -> None:
    with RECORDED.open(encoding="utf-8") as lines:
        responses = {response["imdbID"]: response for response in map(json.loads, lines)}
    assert len(responses) == 3150
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(responses) + "\n")

    finished = project.meltano(
        *PIPELINE,
        TAP_OMDB_YEARS="[]",
        TAP_OMDB_IMDB_IDS="[]",
        TAP_OMDB_TYPES="movie",
        TAP_OMDB_TITLES_FILE=str(ids),
    )
    assert finished.returncode == 0, finished.stdout

    assert project.emulator.stats()["requests"] == len(responses)
    assert project.rows("select * from demo_raw.rejects") == []
    assert project.differences(responses.items()) == []
    assert project.rows("select imdb_id, title from demo_marts.movies order by 1") == [
        {"imdb_id": imdb_id, "title": response["Title"]}
        for imdb_id, response in sorted(responses.items())
        if response["Type"] == "movie"
    ]
