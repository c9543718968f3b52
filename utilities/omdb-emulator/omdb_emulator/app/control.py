"""The control endpoints, with which tests read and change a running emulator."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

from omdb_emulator import CONTROL_PATH, __version__
from omdb_emulator.app.access import access_middleware
from omdb_emulator.app.clock import DAY
from omdb_emulator.app.faults import FaultError, fault_from_json
from omdb_emulator.catalogue.titles import TitleError, title_from_line

if TYPE_CHECKING:
    from starlette.requests import Request

    from omdb_emulator.app.state import State

_UNPROCESSABLE = 422
_NOT_FOUND = 404


def control_app(state: State, host: str, pid: int) -> Starlette:
    """Return the application behind the control path.

    Args:
        state: what it reads and changes.
        host: the address that the server listens on.
        pid: the id of this process, which ``health`` reports.
    """
    control = _Control(state, pid)
    routes = [
        ("health", ["GET"], control.health),
        ("stats", ["GET"], control.stats),
        ("requests", ["GET"], control.requests),
        ("reset", ["POST"], control.reset),
        ("settings", ["GET"], control.settings),
        ("settings", ["POST"], control.change_settings),
        ("faults", ["GET"], control.faults),
        ("faults", ["POST"], control.add_fault),
        ("faults", ["DELETE"], control.clear_faults),
        ("faults/{number:int}", ["DELETE"], control.remove_fault),
        ("clock", ["GET"], control.clock),
        ("clock", ["POST"], control.set_clock),
        ("pause", ["POST"], control.pause),
        ("resume", ["POST"], control.resume),
        ("keys", ["GET"], control.keys),
        ("keys/{key}", ["PUT"], control.put_key),
        ("keys/{key}", ["DELETE"], control.remove_key),
        ("titles", ["GET"], control.titles),
        ("titles", ["POST"], control.add_title),
        ("titles/{imdb_id}", ["GET"], control.title),
        ("titles/{imdb_id}", ["PATCH"], control.update_title),
        ("titles/{imdb_id}", ["DELETE"], control.remove_title),
    ]
    return Starlette(
        routes=[
            Route(f"{CONTROL_PATH}/{path}", endpoint, methods=methods)
            for path, methods, endpoint in routes
        ],
        middleware=access_middleware(host),
        exception_handlers={HTTPException: _error},
    )


async def _error(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else str(error)
    return JSONResponse({"error": detail}, status)


async def _object(request: Request) -> dict[str, Any]:
    try:
        value = await request.json()
    except json.JSONDecodeError as error:
        raise HTTPException(_UNPROCESSABLE, f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise HTTPException(_UNPROCESSABLE, "the body must be a JSON object")
    return value


class _Control:
    def __init__(self, state: State, pid: int) -> None:
        self._state = state
        self._pid = pid

    async def health(self, _: Request) -> JSONResponse:
        return JSONResponse(
            {
                "status": "paused" if self._state.is_paused else "ok",
                "version": __version__,
                "titles": len(self._state.store),
                "pid": self._pid,
            }
        )

    async def stats(self, _: Request) -> JSONResponse:
        return JSONResponse(self._state.stats.as_json())

    async def requests(self, request: Request) -> JSONResponse:
        since = request.query_params.get("since", "0")
        if not since.isdigit():
            raise HTTPException(_UNPROCESSABLE, "since must be a number")
        return JSONResponse(self._state.stats.log_as_json(int(since)))

    async def reset(self, _: Request) -> JSONResponse:
        self._state.reset()
        return JSONResponse({})

    async def settings(self, _: Request) -> JSONResponse:
        return JSONResponse(asdict(self._state.settings))

    async def change_settings(self, request: Request) -> JSONResponse:
        try:
            self._state.settings.change(await _object(request))
        except ValueError as error:
            raise HTTPException(_UNPROCESSABLE, str(error)) from None
        return JSONResponse(asdict(self._state.settings))

    async def faults(self, _: Request) -> JSONResponse:
        return JSONResponse(self._state.faults.as_json())

    async def add_fault(self, request: Request) -> JSONResponse:
        try:
            fault = fault_from_json(await _object(request))
        except FaultError as error:
            raise HTTPException(_UNPROCESSABLE, str(error)) from None
        return JSONResponse({"id": self._state.faults.add(fault)})

    async def clear_faults(self, _: Request) -> JSONResponse:
        self._state.faults.clear()
        self._state.notify()
        return JSONResponse({})

    async def remove_fault(self, request: Request) -> JSONResponse:
        if not self._state.faults.remove(request.path_params["number"]):
            raise HTTPException(_NOT_FOUND, "there is no fault with this number")
        self._state.notify()
        return JSONResponse({})

    async def clock(self, _: Request) -> JSONResponse:
        clock = self._state.clock
        return JSONResponse({"now": clock.now(), "date": clock.today().isoformat()})

    async def set_clock(self, request: Request) -> JSONResponse:
        values = await _object(request)
        clock = self._state.clock
        try:
            if unknown := values.keys() - {"date", "advance_days", "advance_seconds"}:
                msg = f"unknown clock setting {', '.join(sorted(unknown))}"
                raise ValueError(msg)  # noqa: TRY301
            day = date.fromisoformat(values["date"]) if "date" in values else None
            seconds = float(values.get("advance_seconds", 0))
            seconds += float(values.get("advance_days", 0)) * DAY
        except (TypeError, ValueError) as error:
            raise HTTPException(_UNPROCESSABLE, str(error)) from None
        if day:
            clock.set_date(day)
        clock.advance(seconds)
        return await self.clock(request)

    async def pause(self, _: Request) -> JSONResponse:
        self._state.is_paused = True
        return JSONResponse({})

    async def resume(self, _: Request) -> JSONResponse:
        self._state.is_paused = False
        self._state.notify()
        return JSONResponse({})

    async def keys(self, _: Request) -> JSONResponse:
        keys = self._state.keys
        used = keys.used if keys.day == self._state.clock.day() else {}
        return JSONResponse(
            {
                key: {"limit": limit, "used_today": used.get(key, 0)}
                for key, limit in keys.limits.items()
            }
        )

    async def put_key(self, request: Request) -> JSONResponse:
        limit = (await _object(request)).get("limit")
        if limit is not None and (not isinstance(limit, int) or limit < 0):
            raise HTTPException(_UNPROCESSABLE, "limit must be a whole number or null")
        self._state.keys.limits[request.path_params["key"]] = limit
        return JSONResponse({})

    async def remove_key(self, request: Request) -> JSONResponse:
        if self._state.keys.limits.pop(request.path_params["key"], -1) == -1:
            raise HTTPException(_NOT_FOUND, "there is no such key")
        return JSONResponse({})

    async def titles(self, _: Request) -> JSONResponse:
        return JSONResponse(self._state.store.ids())

    async def add_title(self, request: Request) -> JSONResponse:
        try:
            title = title_from_line(await _object(request))
        except TitleError as error:
            raise HTTPException(_UNPROCESSABLE, str(error)) from None
        self._state.store.put(title)
        return JSONResponse({"imdbID": title.imdb_id})

    async def title(self, request: Request) -> JSONResponse:
        title = self._state.store.get(request.path_params["imdb_id"])
        if title is None:
            raise HTTPException(_NOT_FOUND, "there is no such title")
        return JSONResponse(title.details)

    async def update_title(self, request: Request) -> JSONResponse:
        try:
            title = self._state.store.update(request.path_params["imdb_id"], await _object(request))
        except KeyError:
            raise HTTPException(_NOT_FOUND, "there is no such title") from None
        except TitleError as error:
            raise HTTPException(_UNPROCESSABLE, str(error)) from None
        return JSONResponse(title.details)

    async def remove_title(self, request: Request) -> JSONResponse:
        if not self._state.store.remove(request.path_params["imdb_id"]):
            raise HTTPException(_NOT_FOUND, "there is no such title")
        return JSONResponse({})
