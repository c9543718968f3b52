"""Writes Singer messages to standard output, in large pieces and from a thread of its own.

A target stops reading while it loads a batch. Requests go on meanwhile, until the buffer is full.
"""

from __future__ import annotations

import logging
import os
import sys
import threading

from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.singerlib.messages import Message, SchemaMessage
from typing_extensions import override

# Named as the plugin, as other messages about the command line are.
logger = logging.getLogger("tap-omdb")

MAX_BUFFERED_BYTES = 2 * 2**20
"""About 1,500 movies, and as many again on their way to the target. The last message may exceed
it."""

_CHUNK_BYTES = 65_536
"""What a pipe holds: larger pieces would not save any more system calls."""
_MAX_DELAY_SECONDS = 0.05
_IDLE_SECONDS = 1.0
"""The thread ends when there is nothing to write for so long; the next message starts another."""


class MessageWriter(MsgSpecWriter):
    """Buffers messages, and writes them in their order for as long as the target reads them."""

    def __init__(self) -> None:
        """Create a writer; its thread starts with the first message."""
        super().__init__()
        self._changed = threading.Condition()
        self._buffer = bytearray()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._error: OSError | None = None

    @override
    def write_message(self, message: Message) -> None:
        """Buffer a message; wait while the buffer is full, or until a SCHEMA is written.

        Without a target, the run thus ends before its first request. Exits with one line then, and
        whenever the target has exited.
        """
        data = self.format_message(message)
        with self._changed:
            self._changed.wait_for(lambda: len(self._buffer) < MAX_BUFFERED_BYTES or self._error)
            self._raise_error()
            before = len(self._buffer)
            self._buffer += data
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="message-writer")
                self._thread.start()
            elif not before or before < _CHUNK_BYTES <= len(self._buffer):
                self._changed.notify_all()
        if isinstance(message, SchemaMessage):
            self.close()

    def close(self) -> None:
        """Wait until everything is written; further messages may follow."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._thread is None)
            self._is_closing = False
            self._raise_error()

    def _write(self) -> None:
        try:
            while data := self._next_chunk():
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
        except OSError as error:
            with self._changed:
                self._error, self._thread = error, None
                self._changed.notify_all()

    def _next_chunk(self) -> bytearray:
        """Wait for enough messages, or for a moment; return nothing if the thread is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._buffer or self._is_closing, _IDLE_SECONDS)
            if self._buffer:
                self._changed.wait_for(
                    lambda: len(self._buffer) >= _CHUNK_BYTES or self._is_closing,
                    _MAX_DELAY_SECONDS,
                )
            else:
                self._thread = None
            data, self._buffer = self._buffer, bytearray()
            self._changed.notify_all()
        return data

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is None:
            return
        if not isinstance(error, BrokenPipeError):
            raise error
        # What is written from now on, until the interpreter has exited, would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        logger.error("The target has stopped reading: see its own log")
        sys.exit(1)
