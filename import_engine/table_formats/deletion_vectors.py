"""The last position of a deletion vector of Delta, read before anything expands the vector.

References
----------
Delta Transaction Log Protocol, "Deletion Vector Format"; Roaring Bitmap Format Specification,
"Extension for 64-bit implementations".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

MAGIC = 1681511377
_ARRAYS_ONLY, _WITH_RUNS = 12346, 12347
_OFFSETS_FROM, _ARRAY_MAX, _BITSET_BYTES = 4, 4096, 8192


def positions_stop(vector: bytes, limit: int) -> int | None:
    """One more than the last position of a vector; None if that is more than a limit.

    It reads no container beyond the limit, so its time is that of the limit.

    Raises
    ------
    ValueError
        It isn't a vector.
    """
    try:
        return _stop(vector, limit)
    except (struct.error, IndexError) as error:
        raise ValueError("A deletion vector ends early.") from error


def _stop(vector: bytes, limit: int) -> int | None:
    magic, bitmaps = struct.unpack_from("<IQ", vector)
    if magic != MAGIC:
        raise ValueError("A deletion vector has another magic number.")
    at, before, stop = 12, -1, 0
    for _ in range(bitmaps):
        (high,) = struct.unpack_from("<I", vector, at)
        if high <= before:
            raise ValueError("The bitmaps of a deletion vector aren't in order.")
        if high << 32 >= limit:
            return None
        before, start = high, at + 4
        for last, end in _containers(vector, start):
            at = end
            stop = (high << 32) + last + 1
            if stop > limit:
                return None
    return stop


def _containers(vector: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The last position of each container of a bitmap, and where the container ends."""
    (cookie,) = struct.unpack_from("<I", vector, at)
    at += 4
    runs = np.empty(0, dtype=np.uint8)
    if cookie == _ARRAYS_ONLY:
        (count,) = struct.unpack_from("<I", vector, at)
        at += 4
    elif cookie & 0xFFFF == _WITH_RUNS:
        count = (cookie >> 16) + 1
        size = (count + 7) // 8
        runs = np.unpackbits(_numbers(vector, at, size, "u1"), bitorder="little")
        at += size
    else:
        raise ValueError("A bitmap of a deletion vector has another cookie.")
    heads = _numbers(vector, at, 2 * count, "<u2").astype(np.int64)
    at += 4 * count
    if not len(runs) or count >= _OFFSETS_FROM:
        at += 4 * count
    if not count:
        yield -1, at
    before = -1
    for place, (key, more) in enumerate(heads.reshape(-1, 2).tolist()):
        if key <= before:
            raise ValueError("The containers of a deletion vector aren't in order.")
        before = key
        if len(runs) and runs[place]:
            (pairs,) = struct.unpack_from("<H", vector, at)
            found = _numbers(vector, at + 2, 2 * pairs, "<u2").astype(np.int64).reshape(-1, 2)
            last, at = int(found.sum(axis=1).max(initial=-1)), at + 2 + 4 * pairs
        elif more < _ARRAY_MAX:
            last = int(_numbers(vector, at, more + 1, "<u2").max())
            at += 2 * (more + 1)
        else:
            bits = np.unpackbits(_numbers(vector, at, _BITSET_BYTES, "u1"), bitorder="little")
            last, at = int(np.flatnonzero(bits).max(initial=-1)), at + _BITSET_BYTES
        yield (key << 16) + last, at


def _numbers(vector: bytes, at: int, count: int, type_: str) -> np.ndarray:
    if at + count * np.dtype(type_).itemsize > len(vector):
        raise IndexError(at)
    return np.frombuffer(vector, type_, count, at)
