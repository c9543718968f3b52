"""The pipeline on what OMDb really answered: every recorded title, each value checked in SQL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project

RECORDED = Path(__file__).resolve().parents[3] / "shared/omdb-recorded/details.jsonl"


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded replies are not here")
def test_every_recorded_title_arrives_as_it_was_said(project: Project, tmp_path: Path) -> None:
    with RECORDED.open(encoding="utf-8") as lines:
        replies = {reply["imdbID"]: reply for reply in map(json.loads, lines)}
    assert len(replies) == 3150
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(replies) + "\n")
    project.utility("omdb-emulator", "stop")
    project.utility("omdb-emulator", "start", "--recorded", str(RECORDED), "--log-requests")

    project.run(
        TAP_OMDB_YEARS="[]",
        TAP_OMDB_IMDB_IDS="[]",
        TAP_OMDB_TYPES="movie",
        TAP_OMDB_TITLES_FILE=str(ids),
    )

    assert project.emulator.stats()["requests"] == len(replies)
    assert project.rows("select * from demo_raw.rejects") == []
    assert project.differences(replies.items()) == []
    assert project.rows("select imdb_id, title from demo_marts.movies order by 1") == [
        {"imdb_id": imdb_id, "title": reply["Title"]}
        for imdb_id, reply in sorted(replies.items())
        if reply["Type"] == "movie"
    ]
