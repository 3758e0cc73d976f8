"""Generated names of columns, from a file to the certificate and back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.contract.draw_requests import one
from tests.contract.name_clashes import (
    AMOUNT,
    DAY,
    NUMBER,
    ROWS,
    VALUES,
    WORD,
    Asked,
    differences,
    quoted,
)
from tests.contract.test_certificates import require_accepted
from tests.contract.test_column_names import plain_names
from tests.support.any_names import distinct, generated_names
from tests.support.live_server import LiveServer
from tests.support.nightly import amount

NAMES = distinct(
    [*generated_names(amount(4, 20), 7), "{ordinal.__class__}", '"', "{}%s?$1\\", "\u202e{0}"]
)
KINDS = (int, str, float, str)


def imported(server: LiveServer, names: list[str]) -> Asked:
    """A new dataset of a Parquet file with these columns."""
    columns = [
        [KINDS[at % 4](cell) if (cell := VALUES[at % 4](row, at)) else None for row in range(ROWS)]
        for at in range(len(names))
    ]
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_arrays(list(map(pa.array, columns)), names), file)
    dataset_id = server.new_dataset()
    job = server.import_text(dataset_id, file.getvalue(), "table.parquet")
    assert job["status"] == "completed", job
    asked = Asked(server, dataset_id, names)
    shown = asked.get(f"{asked.table}/schema")["columns"]
    assert [column["name"] for column in shown] == names
    return asked


@pytest.fixture(scope="module")
def plain(server: LiveServer) -> Asked:
    return imported(server, plain_names(len(NAMES)))


@pytest.fixture(scope="module")
def odd(server: LiveServer) -> Asked:
    return imported(server, NAMES)


def same(plain: Asked, odd: Asked, *answers: Iterator[object]) -> bool:
    names = dict(zip(plain.names, odd.names, strict=True))
    assert not differences(*map(list, answers), names)  # type: ignore[arg-type]
    return True


@pytest.mark.parametrize("start", range(0, len(NAMES), 4))
def test_draws_with_each_name_in_each_role(plain: Asked, odd: Asked, start: int) -> None:
    assert same(plain, odd, plain.draws(start), odd.draws(start))
    assert same(plain, odd, plain.pages(start, start + 1), odd.pages(start, start + 1))


def test_reports_files_and_comparisons(plain: Asked, odd: Asked, tmp_path: Path) -> None:
    for asked in (plain, odd):
        list(asked.draws(0))
    assert same(plain, odd, plain.files(tmp_path), odd.files(tmp_path))
    assert same(plain, odd, plain.menus(), odd.menus())
    assert same(plain, odd, plain.comparisons(), odd.comparisons())
    assert same(plain, odd, iter([plain.report()]), iter([odd.report()]))
    assert same(plain, odd, iter([plain.profile(plain.names)]), iter([odd.profile(odd.names)]))
    assert len(odd.row_diff()) == len(plain.row_diff()) == ROWS


@pytest.mark.parametrize("start", range(0, len(NAMES), 8))
def test_certificates_are_accepted(odd: Asked, start: int) -> None:
    number, word, amount, day = odd.names[start : start + 4]
    some = f"{quoted(number)} > 2 AND {quoted(word)} <> 'red'"
    rounds = [
        one("random", some, sample_size=5),
        one("stratified", strata_columns=[word, day], sample_size=9),
        one("weighted", weight_column=amount, sample_size=4),
        one("monetary_unit", book_column=amount, sample_size=4),
        one("cluster", cluster_column=number, num_clusters=2),
    ]
    job = odd.server.draw(odd.dataset_id, {"rounds": rounds})
    assert job["status"] == "completed", job
    require_accepted(odd.server, job["id"], odd.dataset_id)


def test_findings_are_entered_by_file(odd: Asked) -> None:
    server, key = odd.server, odd.names[AMOUNT]
    job = server.draw(odd.dataset_id, {"rounds": [one("random", sample_size=6)]})
    path = f"/api/sampling/jobs/{job['id']}/findings"
    text = server.admin.get(path, params={"format": "csv"}).content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {odd.names[place] for place in (NUMBER, WORD, AMOUNT, DAY)} <= set(rows[0])
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([key, "outcome"])
    writer.writerows([row[key], "ok"] for row in rows)
    answer = server.admin.post(
        path,
        files={"file": ("list.csv", file.getvalue())},
        data={"key": json.dumps([key]), "options": json.dumps({"header_row": 1})},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["counts"]["open"] == 0
