"""Small workbooks with one fault each, by a fixed seed.

``python -m tests.import_engine.mutated_workbooks 3000`` imports 3,000 of them and prints the
results. Each ends as tables or as an error with a code; the calling process never ends.
"""

from __future__ import annotations

import collections
import contextlib
import json
import random
import re
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from import_engine.errors import UnreadableFile
from import_engine.work import ImportWork
from import_engine.workbooks.importing import import_workbook
from parquet_tables.child_process import ChildDied, ask_child
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from tests.import_engine.raw_workbooks import TABLE, packed, raw_workbook, unpacked

SEED = 20_240_229
FILES_A_CHILD = 100
BATCH_MODULE = "tests.import_engine.workbook_batch"

_NUMBERS = (
    b"0", b"-1", b"1", b"2", b"7", b"255", b"16385", b"1048576", b"1048577", b"2147483647",
    b"2147483648", b"4294967295", b"4294967296", b"18446744073709551615", b"1" * 40, b"", b"x",
    b"1e9", b"NaN", b"0x10",
)  # fmt: skip
_REFERENCES = (
    b"A1", b"XFD1", b"XFD1048576", b"A1048576", b"AAAA1", b"ZZZZZZZ1", b"A0", b"1A", b"", b"A",
    b"A4294967295", b"a1", b"$B$2", b"B99999999999999999999", b"A1:XFD1048576",
)  # fmt: skip
_KINDS = (b"s", b"b", b"e", b"n", b"str", b"inlineStr", b"d", b"x", b"")


def base_workbook() -> bytes:
    """Every kind of cell, a declared range and counts."""
    rows = (
        TABLE
        + '<row r="4" spans="1:9"><c r="A4" t="b"><v>1</v></c><c r="B4" t="e"><v>#DIV/0!</v></c>'
        '<c r="C4" t="str"><f>A1</f><v>text</v></c><c r="D4" s="1"><v>43831.5</v></c>'
        '<c r="E4" t="inlineStr"><is><r><t>in</t></r></is></c><c r="F4" t="d"><v>2020-01-02</v></c>'
        '<c r="G4"><f t="shared" ref="G4:G9" si="0">A4+1</f><v>1e300</v></c></row>'
    )
    strings = (
        '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="3" '
        'uniqueCount="3"><si><t>id</t></si><si><r><t>na</t></r><r><t>me</t></r></si>'
        "<si><t>Ann</t></si></sst>"
    )
    return raw_workbook(rows, before='<dimension ref="A1:G4"/>', strings=strings)


def mutated(base: bytes, number: int) -> bytes:
    """The mutation of that number."""
    chance = random.Random(SEED + number)
    mutation = chance.choice((_flip, _flip, _cut, _central, _attribute, _attribute, _xml, _text))
    return mutation(base, chance)


def _flip(content: bytes, chance: random.Random) -> bytes:
    """Other bytes in the archive."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8, 40))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut(content: bytes, chance: random.Random) -> bytes:
    """An end that is missing, or a piece that is there twice."""
    at, to = sorted(chance.randrange(len(content)) for _ in range(2))
    return content[:at] if chance.random() < 0.5 else content[:to] + content[at:]


def _central(content: bytes, chance: random.Random) -> bytes:
    """A field of a ZIP header: version, flags, method, time, checksum, sizes, lengths, offset."""
    mark, first, last = chance.choice(((b"PK\x03\x04", 4, 28), (b"PK\x01\x02", 4, 44),
                                       (b"PK\x05\x06", 4, 20)))  # fmt: skip
    places = [found.start() for found in re.finditer(re.escape(mark), content)]
    at = chance.choice(places) + chance.randrange(first, last, 2)
    value = chance.choice((0, 1, 8, 9, 99, 0x7FFF, 0xFFFF, chance.randrange(1 << 16)))
    return content[:at] + struct.pack("<H", value) + content[at + 2 :]


def _part(content: bytes, chance: random.Random, change: Callable[[bytes], bytes]) -> bytes:
    parts = unpacked(content)
    name = chance.choice(list(parts)[-3:] * 3 + list(parts))
    return packed({**parts, name: change(parts[name])})


def _attribute(content: bytes, chance: random.Random) -> bytes:
    """The value of an attribute: a row's number, a reference, a count, a kind, a style."""

    def change(xml: bytes) -> bytes:
        found = list(re.finditer(rb'([\w:]+)="([^"]*)"', xml))
        if not found:
            return xml
        match = chance.choice(found)
        values = chance.choice((_NUMBERS, _REFERENCES, _KINDS))
        return xml[: match.start(2)] + chance.choice(values) + xml[match.end(2) :]

    return _part(content, chance, change)


def _xml(content: bytes, chance: random.Random) -> bytes:
    """A tag that is missing, doubled, or another one."""

    def change(xml: bytes) -> bytes:
        found = list(re.finditer(rb"<[^>]*>", xml))
        one, other = chance.choice(found), chance.choice(found)
        put = chance.choice((b"", one[0] * 2, other[0], b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"<"))
        return xml[: one.start()] + put + xml[one.end() :]

    return _part(content, chance, change)


def _text(content: bytes, chance: random.Random) -> bytes:
    """The text of an element: a value, an index of a text, a date."""

    def change(xml: bytes) -> bytes:
        found = list(re.finditer(rb">([^<]+)<", xml))
        if not found:
            return xml
        match = chance.choice(found)
        texts = (*_NUMBERS, b"1e308", b"-1e308", b"2958466", b"\xff", b"&x;", b"\0", b"-693594")
        return xml[: match.start(1)] + chance.choice(texts) + xml[match.end(1) :]

    return _part(content, chance, change)


def ends_of(numbers: Sequence[int], folder: Path) -> dict[int, str]:
    """How the import of each mutation ends: ``tables`` or an error's code.

    A child imports many files, to be fast. The file at which it dies is imported as the server
    does, in a child of its own.
    """
    base = base_workbook()
    for number in numbers:
        (folder / f"{number}.xlsx").write_bytes(mutated(base, number))
    ends: dict[int, str] = {}
    todo = list(numbers)
    while todo:
        batch, log = todo[:FILES_A_CHILD], folder / "ends"
        log.write_bytes(b"")
        request = json.dumps({"folder": str(folder), "numbers": batch, "log": str(log)})
        with contextlib.suppress(ChildDied):
            ask_child(
                BATCH_MODULE, request.encode() + b"\n", folder / "errors", ignore_progress, 9999
            )
        done = dict(json.loads(line) for line in log.read_text().splitlines())
        ends.update(done)
        todo = todo[len(done) :]
        if len(done) < len(batch):
            fatal = todo.pop(0)
            ends[fatal] = _alone(folder, fatal)
    return ends


def _alone(folder: Path, number: int) -> str:
    destination = folder / f"alone-{number}"
    destination.mkdir()
    with (
        ParquetDatabase(folder, folder / "spill", memory_mb=128) as database,
        database.cursor() as cursor,
    ):
        work = ImportWork(cursor, destination, ignore_progress, 32_768, 1 << 26)
        try:
            import_workbook(work, folder / f"{number}.xlsx")
        except UnreadableFile as error:
            return error.code
    return "tables"


def main(count: int) -> None:
    """Import ``count`` mutations and print the results."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        ends = ends_of(range(count), Path(folder))
    assert len(ends) == count
    for end, times in collections.Counter(ends.values()).most_common():
        print(f"{times:6,} {end}", [n for n, e in ends.items() if e == end][:5])
    print(f"{len(ends):,} in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]))
