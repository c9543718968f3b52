"""The control endpoints, with which tests read and change a running emulator."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from omdb_emulator import __version__
from omdb_emulator.catalogue.titles import Title, TitleError, title_from_line
from omdb_emulator.faults import Fault
from omdb_emulator.state import DAY, State

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_STATE = web.AppKey("state", State)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_routes = web.RouteTableDef()


def control_app(state: State, host: str) -> web.Application:
    """Return the application behind the control path.

    It accepts only requests for this server, and from none but its origin. A browser sends the
    origin of a page with every request of that page that can change something, and the host name of
    the URL with all requests. A foreign host name would be DNS rebinding.

    Args:
        state: what it reads and changes.
        host: the address that the server listens on, whose name is accepted besides loopback.
    """
    hosts = _LOOPBACK | {f"[{host}]" if ":" in host else host}

    @web.middleware
    async def protect(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.headers.get("Host", "").lower()
        origin = request.headers.get("Origin")
        if re.sub(r":\d*$", "", name) not in hosts:
            return web.json_response({"error": f"the host {name!r} is not allowed"}, status=400)
        if origin is not None and origin.lower() != f"http://{name}":
            return web.json_response({"error": f"the origin {origin} is not allowed"}, status=403)
        return await handler(request)

    app = web.Application(middlewares=[protect, _errors_as_json])
    app[_STATE] = state
    app.add_routes(_routes)
    return app


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.json_response({"error": error.reason}, status=error.status)
    except (TitleError, msgspec.MsgspecError) as error:
        return web.json_response({"error": str(error)}, status=422)


async def _object(request: web.Request) -> dict[str, Any]:
    return msgspec.json.decode(await request.read(), type=dict[str, Any])


@_routes.get("/health")
async def _health(request: web.Request) -> web.StreamResponse:
    state = request.app[_STATE]
    return web.json_response(
        {
            "status": "ok",
            "version": __version__,
            "titles": len(state.store),
            "pid": os.getpid(),
        }
    )


@_routes.get("/stats")
async def _stats(request: web.Request) -> web.StreamResponse:
    return web.json_response(request.app[_STATE].stats.as_json())


@_routes.get("/requests")
async def _requests(request: web.Request) -> web.StreamResponse:
    return web.json_response(request.app[_STATE].stats.log_as_json())


@_routes.post("/reset")
async def _reset(request: web.Request) -> web.StreamResponse:
    request.app[_STATE].reset()
    return web.json_response({})


@_routes.post("/settings")
async def _change_settings(request: web.Request) -> web.StreamResponse:
    state = request.app[_STATE]
    state.settings = state.settings.changed(await _object(request))
    return web.json_response(msgspec.to_builtins(state.settings))


@_routes.get("/faults")
async def _faults(request: web.Request) -> web.StreamResponse:
    return web.json_response(request.app[_STATE].faults.as_json())


@_routes.post("/faults")
async def _add_fault(request: web.Request) -> web.StreamResponse:
    fault = Fault.parse(await request.read())
    return web.json_response({"id": request.app[_STATE].faults.add(fault)})


@_routes.delete("/faults")
async def _clear_faults(request: web.Request) -> web.StreamResponse:
    request.app[_STATE].faults.clear()
    request.app[_STATE].notify()
    return web.json_response({})


@_routes.delete(r"/faults/{number:\d+}")
async def _remove_fault(request: web.Request) -> web.StreamResponse:
    if not request.app[_STATE].faults.remove(int(request.match_info["number"])):
        raise web.HTTPNotFound(reason="there is no fault with this number")
    request.app[_STATE].notify()
    return web.json_response({})


class _Move(Struct, forbid_unknown_fields=True):
    date: dt.date | None = None
    advance_days: float = 0


@_routes.post("/clock")
async def _move_clock(request: web.Request) -> web.StreamResponse:
    move = msgspec.json.decode(await request.read(), type=_Move)
    clock = request.app[_STATE].clock
    if move.date:
        clock.set_date(move.date)
    clock.offset += move.advance_days * DAY
    return web.json_response({"date": clock.today().isoformat()})


@_routes.get("/keys")
async def _keys(request: web.Request) -> web.StreamResponse:
    state = request.app[_STATE]
    used = state.keys.used_on(state.clock.day())
    limits = state.keys.limits.items()
    return web.json_response(
        {key: {"limit": limit, "used_today": used.get(key, 0)} for key, limit in limits}
    )


class _Limit(Struct):
    limit: Annotated[int, Meta(ge=0)] | None = None


@_routes.put("/keys/{key}")
async def _put_key(request: web.Request) -> web.StreamResponse:
    body = msgspec.json.decode(await request.read(), type=_Limit)
    request.app[_STATE].keys.limits[request.match_info["key"]] = body.limit
    return web.json_response({})


@_routes.delete("/keys/{key}")
async def _remove_key(request: web.Request) -> web.StreamResponse:
    if request.app[_STATE].keys.limits.pop(request.match_info["key"], -1) == -1:
        raise web.HTTPNotFound(reason="there is no such key")
    return web.json_response({})


@_routes.get("/titles")
async def _titles(request: web.Request) -> web.StreamResponse:
    return web.json_response(request.app[_STATE].store.ids())


@_routes.post("/titles")
async def _add_title(request: web.Request) -> web.StreamResponse:
    title = title_from_line(await _object(request))
    request.app[_STATE].store.put(title)
    return web.json_response({"imdbID": title.imdb_id})


def _title_of(request: web.Request) -> Title:
    title = request.app[_STATE].store.get(request.match_info["imdb_id"])
    if title is None:
        raise web.HTTPNotFound(reason="there is no such title")
    return title


@_routes.get("/titles/{imdb_id}")
async def _title(request: web.Request) -> web.StreamResponse:
    return web.json_response(_title_of(request).details)


@_routes.patch("/titles/{imdb_id}")
async def _update_title(request: web.Request) -> web.StreamResponse:
    imdb_id = _title_of(request).imdb_id
    title = request.app[_STATE].store.update(imdb_id, await _object(request))
    return web.json_response(title.details)


@_routes.delete("/titles/{imdb_id}")
async def _remove_title(request: web.Request) -> web.StreamResponse:
    request.app[_STATE].store.remove(_title_of(request).imdb_id)
    return web.json_response({})
