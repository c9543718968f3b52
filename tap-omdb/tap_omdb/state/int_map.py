"""A mapping from integers to integers in some 12 bytes an item; a dictionary takes a hundred."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, MutableMapping
from typing import Any

from typing_extensions import override

_LOW_BITS = 16
_LOW_MASK = (1 << _LOW_BITS) - 1


class IntMap(MutableMapping[int, int]):
    """Keeps the items whose keys have the same high bits in two arrays, sorted by the low bits.

    Keys are not negative; values are from 0 to 2^64 - 1.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._arrays: defaultdict[int, tuple[array[int], array[int]]] = defaultdict(
            lambda: (array("H"), array("Q"))
        )

    @override
    def get(self, key: int, default: Any = None, /) -> Any:
        """Return a value as a dictionary does; `Mapping.get` would take several times as long."""
        keys, values = self._arrays[key >> _LOW_BITS]
        low = key & _LOW_MASK
        index = bisect_left(keys, low)
        return values[index] if index < len(keys) and keys[index] == low else default

    @override
    def __getitem__(self, key: int) -> int:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return int(value)

    @override
    def __setitem__(self, key: int, value: int) -> None:
        keys, values = self._arrays[key >> _LOW_BITS]
        low = key & _LOW_MASK
        index = bisect_left(keys, low)
        if index < len(keys) and keys[index] == low:
            values[index] = value
        else:
            keys.insert(index, low)
            values.insert(index, value)

    @override
    def __delitem__(self, key: int) -> None:
        if key not in self:
            raise KeyError(key)
        keys, values = self._arrays[key >> _LOW_BITS]
        index = bisect_left(keys, key & _LOW_MASK)
        del keys[index], values[index]

    @override
    def __iter__(self) -> Iterator[int]:
        for high, (keys, _) in self._arrays.items():
            yield from (high << _LOW_BITS | low for low in keys)

    @override
    def __len__(self) -> int:
        return sum(len(keys) for keys, _ in self._arrays.values())
