from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import BufferedReader
from pathlib import Path
from types import SimpleNamespace

import pytest
from singer_sdk.singerlib.messages import RecordMessage, SchemaMessage
from tap_omdb.message_writer import MAX_BUFFERED_BYTES, MessageWriter

TEXT = "x" * 2**20


@contextmanager
def pipe() -> Iterator[BufferedReader]:
    """Put a pipe in the place of standard output; yield its other end."""
    reader, writer = os.pipe()
    with (
        os.fdopen(reader, "rb") as output,
        os.fdopen(writer, "w") as stdout,
        redirect_stdout(stdout),
    ):
        yield output


def record(number: int, text: str = "") -> RecordMessage:
    return RecordMessage("movies", {"number": number, "text": text})


def numbers(output: BufferedReader, count: int) -> list[int]:
    return [json.loads(output.readline())["record"]["number"] for _ in range(count)]


def test_messages_stay_in_their_order_and_arrive_without_a_further_one() -> None:
    writer = MessageWriter()
    with pipe() as output:
        for number in range(5000):
            writer.write_message(record(number))
            if number == 9:
                assert numbers(output, 10) == [*range(10)]
        closing = threading.Thread(target=writer.close)
        closing.start()
        assert numbers(output, 4990) == [*range(10, 5000)]
        closing.join(10)
        assert not closing.is_alive()


def test_a_target_that_does_not_read_is_waited_for_only_when_the_buffer_is_full() -> None:
    writer, written = MessageWriter(), 0
    most = 2 * MAX_BUFFERED_BYTES // len(TEXT) + 2

    def write() -> None:
        nonlocal written
        for number in range(2 * most):
            writer.write_message(record(number, TEXT))
            written += 1
        writer.close()

    with pipe() as output:
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(2)
        waiting, before = thread.is_alive(), written
        assert numbers(output, 2 * most) == [*range(2 * most)]
        thread.join(10)
        assert not thread.is_alive()
    assert waiting
    assert MAX_BUFFERED_BYTES // len(TEXT) <= before <= most


def test_a_schema_is_written_before_anything_else_happens() -> None:
    with pipe() as output:
        MessageWriter().write_message(SchemaMessage("movies", {"properties": {}}, ["imdb_id"]))
        os.set_blocking(output.fileno(), False)
        assert b"SCHEMA" in output.read()


def test_an_error_is_raised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = MessageWriter()
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=full))
        writer.write_message(record(1))
        with pytest.raises(OSError, match="No space left"):
            writer.close()
        writer.close()
