"""Many footers at once: a step that is equal in all of them is one operation of numpy.

The footers of a table's files hold the same fields in nearly the same order, so 10,000 of them are
read in about the steps of one. It only accepts: a footer that it can't follow, or that contradicts
itself, is left to :mod:`parquet_tables.footers.checks`, which says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lazy_dataclasses import dataclass
from parquet_tables.footers.structures import MAGIC

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

_BYTE, _INTEGERS, _INTEGER, _LONG, _DOUBLE, _BINARY = 3, (4, 5, 6), 5, 6, 7, 8
_LIST, _SET, _STRUCT = 9, 10, 12
_LARGEST_STEP = 0xF0
_VARINT_BYTES = 8
_MAX_DEPTH = 8
"""Values within values that are skipped; writers have four."""
_STEPS_OF_BYTE = 4
"""Steps for each byte of the longest footer: footers of many forms need more."""
_PADDING = bytes(16)
_ABSENT = np.iinfo(np.int64).min

_NUM_ROWS, _ROW_GROUPS = 3, 4
_CHUNKS, _GROUP_ROWS = 1, 3
_METADATA, _LAST_INDEX = 3, 7
_VALUES, _SIZE, _DATA_PAGE, _DICTIONARY_PAGE = range(4)
_NUMBERS = {5: _VALUES, 7: _SIZE, 9: _DATA_PAGE, 11: _DICTIONARY_PAGE}
"""Fields of a chunk's metadata."""
_TYPE, _ENCODINGS, _PATH, _CODEC = 1, 2, 3, 4
_ENUMERATIONS = {_TYPE: range(8), _ENCODINGS: range(10), _CODEC: range(8)}
"""Fields of a chunk's metadata whose values have names; DuckDB refuses others."""
_REQUIRED_OF_FILE = {1, 2, 3, 4}
_REQUIRED_OF_GROUP = {1, 2, 3}
_REQUIRED_OF_METADATA = {1, 2, 3, 4, 5, 6, 7, 9}


@dataclass(frozen=True)
class _Chunks:
    """Numbers of column chunks."""

    file: Int64s
    column: Int64s
    values: Int64s
    start: Int64s
    first_data: Int64s
    end: Int64s
    group_rows: Int64s


class FootersAtOnce:
    """The footers of some files, read at once.

    ``forms`` has the part of each footer that doesn't depend on the rows: files with equal ones
    have the same columns. It is None of a footer that must be read by itself. ``rows`` are stated.
    """

    def __init__(self, footers: Sequence[bytes]) -> None:
        self.forms: list[bytes | None] = [None] * len(footers)
        walk = _Walk(footers)
        self.rows, self._groups, self._chunks = walk.rows, walk.groups, walk.chunks
        try:
            walk.run()
        except _NoCommonForm:
            return
        places = zip(
            (walk.before_rows - walk.start).tolist(),
            (walk.after_groups - walk.start).tolist(),
            walk.is_read().tolist(),
            strict=True,
        )
        for at, (before, after, is_read) in enumerate(places):
            if is_read:
                self.forms[at] = footers[at][:before] + footers[at][after:]

    def agree(
        self, data_ends: Sequence[int], flat_leaves: Mapping[bytes, tuple[bool, ...]]
    ) -> list[bool]:
        """Whether each footer agrees with itself, as :func:`checks.require_agreement` demands.

        Parameters
        ----------
        data_ends : sequence of int
            The place of each footer in its file.
        flat_leaves : mapping
            By form, whether a row has exactly one value of each leaf column. A footer of another
            form doesn't agree.
        """
        number_of = {form: at for at, form in enumerate(flat_leaves)}
        form = np.array([number_of.get(own or b"", -1) for own in self.forms], dtype=np.int64)
        agrees: Bools = form >= 0
        if not agrees.any() or not self._chunks:
            return [False] * len(form)
        leaves = np.array([len(flat) for flat in flat_leaves.values()], dtype=np.int64)
        is_flat = np.zeros((len(leaves), int(leaves.max()) + 1), dtype=np.bool_)
        for at, flat in enumerate(flat_leaves.values()):
            is_flat[at, : len(flat)] = flat
        chunks = self._of(agrees)
        leaves_of = leaves[form[chunks.file]]
        is_single = is_flat[form[chunks.file], np.minimum(chunks.column, leaves_of)]
        fits: Bools = (chunks.values >= chunks.group_rows) & (chunks.group_rows >= 0)
        fits &= ~is_single | (chunks.values == chunks.group_rows)
        fits &= (chunks.column < leaves_of) & _are_apart(chunks, np.array(data_ends))
        agrees[chunks.file[~fits]] = False
        is_first = chunks.column == 0
        rows = np.zeros(len(agrees), dtype=np.int64)
        np.add.at(rows, chunks.file[is_first], chunks.group_rows[is_first])
        count = np.bincount(chunks.file, minlength=len(agrees))
        agrees &= (rows == self.rows) & (count == self._groups * leaves[form])
        answer: list[bool] = agrees.tolist()
        return answer

    def _of(self, files: Bools) -> _Chunks:
        """The chunks of some files."""
        columns = [np.concatenate(parts) for parts in zip(*self._chunks, strict=True)]
        own = files[columns[0]]
        return _Chunks(*(column[own] for column in columns))


def _are_apart(chunks: _Chunks, data_ends: Int64s) -> Bools:
    """Whether chunks with values begin after the chunk before, and end among the data."""
    fits = np.ones(len(chunks.file), dtype=np.bool_)
    order = np.lexsort((chunks.end, chunks.start, chunks.file))
    order = order[chunks.values[order] != 0]
    file, start, end = chunks.file[order], chunks.start[order], chunks.end[order]
    reached = np.full(len(order), len(MAGIC), dtype=np.int64)
    reached[1:] = np.where(file[1:] == file[:-1], end[:-1], len(MAGIC))
    first_data = chunks.first_data[order]
    fits[order] = (
        (reached <= start) & (start <= first_data) & (first_data < end) & (end <= data_ends[file])
    )
    return fits


class _NoCommonForm(Exception):
    """The footers differ so much that it is faster to read each by itself."""


class _Walk:
    """A place in each of some footers; methods move it in those whose numbers they get.

    A place only moves on. One that leaves its footer reads others' bytes, or zeros, and isn't at
    the end of its footer when all is read.
    """

    def __init__(self, footers: Sequence[bytes]) -> None:
        sizes = np.array([len(footer) for footer in footers], dtype=np.int64)
        self.content = np.frombuffer(b"".join([*footers, _PADDING]), dtype=np.uint8)
        self.end: Int64s = np.cumsum(sizes)
        self.start: Int64s = self.end - sizes
        self.at = self.start.copy()
        self.is_strange = np.zeros(len(sizes), dtype=np.bool_)
        self.rows, self.groups, self.before_rows, self.after_groups, self._group_rows = np.full(
            (5, len(sizes)), _ABSENT, dtype=np.int64
        )
        self._numbers = np.full((len(_NUMBERS), len(sizes)), _ABSENT, dtype=np.int64)
        self.chunks: list[tuple[Int64s, ...]] = []
        self._steps_left = _STEPS_OF_BYTE * int(sizes.max(initial=0))
        self._depth = 0

    def is_read(self) -> Bools:
        """Whether a footer was read to its end."""
        read: Bools = ~self.is_strange & (self.at == self.end)
        return read

    def run(self) -> None:
        """Read all footers; raise _NoCommonForm if that takes too many steps."""
        after_rows = self.rows.copy()
        every = np.arange(len(self.at))
        seen = np.zeros(len(self.at), dtype=np.int64)
        for field, kind, files in self._fields(every):
            seen[files] |= _bit(field)
            if (field, kind) == (_NUM_ROWS, _LONG):
                self.before_rows[files] = self.at[files] - 1
                self.rows[files] = self._integers(files)
                after_rows[files] = self.at[files]
            elif (field, kind) == (_ROW_GROUPS, _LIST):
                self._refuse(files, after_rows[files] != self.at[files] - 1)
                self._row_groups(files)
                self.after_groups[files] = self.at[files]
        self._require(every, seen, _REQUIRED_OF_FILE)
        self._refuse(every, (self.rows < 0) | (self.groups < 0))

    def _row_groups(self, files: Int64s) -> None:
        for kind, own, counts in self._lists(files):
            if kind != _STRUCT:
                self.is_strange[own] = True
                continue
            self.groups[own] = counts
            for _, groups in self._elements(own, counts):
                self._row_group(groups)

    def _row_group(self, files: Int64s) -> None:
        self._group_rows[files] = _ABSENT
        chunks: list[tuple[Int64s, ...]] = []
        seen = np.zeros(len(self.at), dtype=np.int64)
        for field, kind, own in self._fields(files):
            seen[own] |= _bit(field)
            if (field, kind) == (_CHUNKS, _LIST):
                for of_kind, lists, counts in self._lists(own):
                    if of_kind != _STRUCT:
                        self.is_strange[lists] = True
                        continue
                    chunks += [
                        self._chunk(column, one) for column, one in self._elements(lists, counts)
                    ]
            elif (field, kind) == (_GROUP_ROWS, _LONG):
                self._group_rows[own] = self._integers(own)
        self._require(files, seen, _REQUIRED_OF_GROUP)
        self.chunks += [(*chunk, self._group_rows[chunk[0]]) for chunk in chunks]

    def _chunk(self, column: int, files: Int64s) -> tuple[Int64s, ...]:
        self._numbers[:, files] = _ABSENT
        seen = np.zeros(len(self.at), dtype=np.int64)
        for field, kind, own in self._fields(files):
            if (field, kind) == (_METADATA, _STRUCT):
                for inner, inner_kind, of in self._fields(own):
                    seen[of] |= _bit(inner)
                    if inner in _NUMBERS and inner_kind == _LONG:
                        self._numbers[_NUMBERS[inner], of] = self._integers(of)
                    elif inner == _PATH:
                        self._names(of, inner_kind)
                    elif inner in _ENUMERATIONS:
                        self._enumeration(_ENUMERATIONS[inner], of, inner_kind)
            elif field < _METADATA - 1 or field > _LAST_INDEX:  # another file, or encryption
                self.is_strange[own] = True
        self._require(files, seen, _REQUIRED_OF_METADATA)
        values, size, data_page, dictionary_page = self._numbers[:, files]
        self._refuse(files, (values < 0) | (size < 0) | (data_page < 0))
        start = np.where(dictionary_page >= len(MAGIC), dictionary_page, data_page)
        return files, np.full(len(files), column), values, start, data_page, start + size

    def _enumeration(self, known: range, files: Int64s, kind: int) -> None:
        """Move over a value of an enumeration, or a list of them; refuse unknown ones."""
        if kind == _LIST:
            for of_kind, own, counts in self._lists(files):
                if of_kind == _LIST:
                    self.is_strange[own] = True
                    continue
                for _, elements in self._elements(own, counts):
                    self._enumeration(known, elements, of_kind)
        elif kind == _INTEGER:
            values = self._integers(files)
            self._refuse(files, (values < 0) | (values >= known.stop))
        else:
            self.is_strange[files] = True

    def _names(self, files: Int64s, kind: int) -> None:
        """Move over a list of texts; refuse another value."""
        if kind != _LIST:
            self.is_strange[files] = True
            return
        for of_kind, own, counts in self._lists(files):
            self.is_strange[own] |= of_kind != _BINARY
            for _, elements in self._elements(own, counts):
                self._skip(elements, _BINARY)

    def _require(self, files: Int64s, seen: Int64s, required: set[int]) -> None:
        """Refuse footers that lack a field of a structure."""
        mask = sum(map(_bit, required))
        self._refuse(files, seen[files] & mask != mask)

    def _refuse(self, files: Int64s, are_strange: Bools) -> None:
        self.is_strange[files[are_strange]] = True

    def _fields(self, files: Int64s) -> Iterator[tuple[int, int, Int64s]]:
        """Yield the id and the type of each field of a structure, and the footers that have it.

        The consumer moves over the value, or leaves it to be skipped.
        """
        last = np.zeros(len(files), dtype=np.int64)
        while True:
            header = self._bytes(files)
            self._refuse(files, (header > 0) & (header < 16))
            goes_on = (header >= 16) & ~self.is_strange[files]
            if not goes_on.all():
                files, header, last = files[goes_on], header[goes_on], last[goes_on]
            if not len(files):
                return
            last = last + (header >> 4)
            for code, own in _equal(last << 4 | header & 15, files):
                place = self.at[own[0]]
                yield code >> 4, code & 15, own
                if self.at[own[0]] == place:
                    self._skip(own, code & 15)

    def _lists(self, files: Int64s) -> Iterator[tuple[int, Int64s, Int64s]]:
        """Read the heads of lists: the type of the elements, and the number in each footer."""
        header = self._bytes(files)
        counts = header >> 4
        is_long = header >= _LARGEST_STEP
        if is_long.any():
            counts[is_long] = self._varints(files[is_long])
        numbers = np.zeros(len(self.at), dtype=np.int64)
        numbers[files] = counts
        for kind, own in _equal(header & 15, files):
            yield kind, own, numbers[own]

    def _elements(self, files: Int64s, counts: Int64s) -> Iterator[tuple[int, Int64s]]:
        """Yield the number of each element of lists, and the footers that have it."""
        number = 0
        while True:
            self._step()
            has_more = (counts > number) & (self.at[files] < self.end[files])
            has_more &= ~self.is_strange[files]
            if not has_more.all():
                files, counts = files[has_more], counts[has_more]
            if not len(files):
                return
            yield number, files
            number += 1

    def _skip(self, files: Int64s, kind: int) -> None:
        if kind in _INTEGERS:
            self._varints(files)
        elif kind == _BINARY:
            sizes = self._varints(files)  # which moves, too
            self.at[files] += sizes
        elif kind in (_STRUCT, _LIST, _SET):
            self._depth += 1
            if self._depth > _MAX_DEPTH:
                self.is_strange[files] = True
            elif kind == _STRUCT:
                for _ in self._fields(files):
                    pass
            else:
                self._skip_lists(files)
            self._depth -= 1
        elif kind <= _BYTE:
            self.at[files] += kind == _BYTE
        elif kind == _DOUBLE:
            self.at[files] += 8
        else:
            self.is_strange[files] = True

    def _skip_lists(self, files: Int64s) -> None:
        for kind, own, counts in self._lists(files):
            if kind <= _BYTE:
                self.at[own] += counts
                continue
            for _, elements in self._elements(own, counts):
                self._skip(elements, kind)

    def _integers(self, files: Int64s) -> Int64s:
        values = self._varints(files)
        return (values >> 1) ^ -(values & 1)

    def _varints(self, files: Int64s) -> Int64s:
        byte = self._bytes(files)
        values = byte & 127
        at = np.flatnonzero(byte > 127)
        for shift in range(7, 7 * _VARINT_BYTES, 7):
            if not len(at):
                return values
            byte = self._bytes(files[at])
            values[at] |= (byte & 127) << shift
            at = at[byte > 127]
        self.is_strange[files[at]] = True
        return values

    def _bytes(self, files: Int64s) -> Int64s:
        """The byte at each place, which moves on."""
        self._step()
        at = self.at[files]
        self.at[files] = at + 1
        return self.content.take(at, mode="clip").astype(np.int64)

    def _step(self) -> None:
        self._steps_left -= 1
        if self._steps_left < 0:
            raise _NoCommonForm


def _bit(field: int) -> int:
    """A field's bit among those that were seen; the last one is of all unknown fields."""
    return 1 << min(field, 62)


def _equal(codes: Int64s, files: Int64s) -> Iterator[tuple[int, Int64s]]:
    """Split footers by their code."""
    if (codes == codes[0]).all():
        yield int(codes[0]), files
        return
    for code in np.unique(codes).tolist():
        yield code, files[codes == code]
