"""The details of one title."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omdb_emulator.protocol.errors import Response, error_response
from omdb_emulator.protocol.parameters import is_full

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omdb_emulator.catalogue.titles import Title
    from omdb_emulator.protocol.behaviour import Behaviour


def details(title: Title, query: Mapping[str, str], behaviour: Behaviour) -> Response:
    """Return the response with the details of a title."""
    if title.error is not None:
        return error_response(title.error)
    return Response(200, behaviour.current(title).body(full=is_full(query, "plot")))
