"""The active faults, and how the control endpoint describes them."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omdb_emulator.app.effects import EFFECTS
from omdb_emulator.app.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omdb_emulator.app.fault import Request

_NONE = type(None)
_TYPES: dict[str, tuple[type, ...]] = {
    "match": (dict,),
    "kind": (str, _NONE),
    "skip": (int,),
    "times": (int, _NONE),
    "per_query": (bool,),
    "probability": (int, float),
    "seed": (int,),
    "status": (int, _NONE),
    "body": (str, _NONE),
    "content_type": (str, _NONE),
    "headers": (dict,),
    "retry_after": (int, str, _NONE),
    "message": (str, _NONE),
    "seconds": (int, float),
    "megabytes": (int, _NONE),
    "fraction": (int, float),
    "reset": (bool,),
    "location": (str, _NONE),
    "age": (int,),
}
_STATUSES = range(200, 600)


class FaultError(ValueError):
    """A fault that is not valid; the message gives the reason."""


def fault_from_json(settings: Mapping[str, Any]) -> Fault:
    """Make a fault from the JSON object that the control endpoint received.

    Raises:
        FaultError: if a setting is unknown, or its value is not valid.
    """
    names = {item.name for item in dataclasses.fields(Fault)}
    unknown = sorted(settings.keys() - names)
    if unknown:
        msg = f"unknown fault setting {', '.join(unknown)}; known are {', '.join(sorted(names))}"
        raise FaultError(msg)
    if settings.get("effect") not in EFFECTS:
        msg = f"effect must be one of {', '.join(EFFECTS)}, not {settings.get('effect')!r}"
        raise FaultError(msg)
    fault = Fault(**settings)
    for name, types in _TYPES.items():
        value = getattr(fault, name)
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            msg = f"{name} cannot be {value!r}"
            raise FaultError(msg)
    if fault.status is not None and fault.status not in _STATUSES:
        msg = f"status must be a number from 200 to 599, not {fault.status}"
        raise FaultError(msg)
    if fault.megabytes is not None and fault.megabytes < 1:
        msg = f"megabytes must be at least 1, not {fault.megabytes}"
        raise FaultError(msg)
    return fault


@dataclass(slots=True)
class _ActiveFault:
    fault: Fault
    rng: random.Random
    matched: Counter[bytes] = field(default_factory=Counter)
    hit: Counter[bytes] = field(default_factory=Counter)

    def hits(self, request: Request) -> bool:
        fault = self.fault
        if not fault.matches(request):
            return False
        if not EFFECTS[fault.effect].applies(request):
            return False
        counted_as = request.query_string if fault.per_query else b""
        self.matched[counted_as] += 1
        if self.matched[counted_as] <= fault.skip:
            return False
        if fault.times is not None and self.hit[counted_as] >= fault.times:
            return False
        if fault.probability < 1 and self.rng.random() >= fault.probability:
            return False
        self.hit[counted_as] += 1
        return True


class Faults:
    """The active faults; a request gets the first one that hits it."""

    def __init__(self) -> None:
        """Start without faults."""
        self._active: dict[int, _ActiveFault] = {}
        self._last = 0

    def __bool__(self) -> bool:
        """Whether any fault is active."""
        return bool(self._active)

    def add(self, fault: Fault) -> int:
        """Add a fault and return its number."""
        self._last += 1
        self._active[self._last] = _ActiveFault(fault, random.Random(fault.seed))  # noqa: S311
        return self._last

    def remove(self, number: int) -> bool:
        """Remove a fault; return whether there was one with this number."""
        return self._active.pop(number, None) is not None

    def clear(self) -> None:
        """Remove all faults."""
        self._active.clear()

    def is_active(self, number: int) -> bool:
        """Whether a fault has not been removed."""
        return number in self._active

    def as_json(self) -> list[dict[str, Any]]:
        """Return the active faults, each with its number and hits."""
        return [
            {"id": number, "hits": active.hit.total(), **dataclasses.asdict(active.fault)}
            for number, active in self._active.items()
        ]

    def select(self, request: Request) -> tuple[int, Fault] | None:
        """Return the fault that hits a request, with its number."""
        for number, active in self._active.items():
            if active.hits(request):
                return number, active.fault
        return None
