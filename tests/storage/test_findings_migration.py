"""A database of schema version 18 keeps its findings when they get readings and answers.

``schema_18.sql`` is ``schema.sql`` as it was at that version, without its comments.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.sqlite.schema import NEWEST_VERSION, differences, migrate

SCHEMA = Path(__file__).with_name("schema_18.sql")
ROWS = """
    INSERT INTO users (soeid, role_name, created_at) VALUES ('ann', 'admin', '2026-01-01');
    INSERT INTO datasets (name, created_by, created_at, updated_at)
    VALUES ('d', 1, '2026-01-01', '2026-01-01');
    INSERT INTO jobs (id, run_type, dataset_id, user_id, run_parameters, created_at)
    VALUES ('j', 'sampling', 1, 1, '{}', '2026-01-01');
    INSERT INTO findings (job_id, row_id, outcome, audit_value, note, deviations, cause, user_id,
                          at)
    VALUES ('j', 'primary:1', 'ok', NULL, '', '[]', NULL, 1, '2026-01-02'),
           ('j', 'primary:2', 'exception', '12.50', 'n', '["a"]', 'control', 1, '2026-01-03'),
           ('j', 'primary:1', 'not_examinable', NULL, '', '[]', 'document', 1, '2026-01-04'),
           ('j', 'primary:9', 'ok', NULL, '', '[]', NULL, 1, '2026-01-05');
    DELETE FROM findings WHERE id = 4;
    INSERT INTO tested_attributes (job_id, position, name) VALUES ('j', 0, 'a'), ('j', 1, 'b');
"""


@pytest.fixture
def old() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.executescript(SCHEMA.read_text(encoding="utf-8"))
        connection.executescript(f"{ROWS}; PRAGMA user_version = 18;")
        yield connection


def test_the_findings_and_their_numbering_stay(old: sqlite3.Connection) -> None:
    before = old.execute("SELECT * FROM findings ORDER BY id").fetchall()
    migrate(old)
    assert old.execute("PRAGMA user_version").fetchone() == (NEWEST_VERSION,)
    assert list(differences(old)) == []
    after = old.execute("SELECT * FROM findings ORDER BY id").fetchall()
    assert after == [(*row, "first", "{}") for row in before]
    assert old.execute("PRAGMA foreign_key_check").fetchall() == []
    old.execute(
        "INSERT INTO findings (job_id, row_id, outcome, user_id, at) "
        "VALUES ('j', 'primary:1', 'ok', 1, '')"
    )
    assert old.execute("SELECT max(id) FROM findings").fetchone() == (5,)
    with pytest.raises(sqlite3.IntegrityError, match="never changes"):
        old.execute("UPDATE findings SET note = 'x'")


def test_who_chose_attributes_before_isnt_known(old: sqlite3.Connection) -> None:
    migrate(old)
    chosen = old.execute("SELECT job_id, position, name, user_id FROM tested_attributes").fetchall()
    assert chosen == [("j", 0, "a", None), ("j", 1, "b", None)]


@pytest.mark.parametrize(
    ("outcome", "answers"),
    [(None, "{}"), ("ok", '{"is_bad": true}'), (None, "[]"), ("maybe", "{}")],
)
def test_an_entry_has_an_outcome_or_answers(
    old: sqlite3.Connection, outcome: str | None, answers: str
) -> None:
    migrate(old)
    with pytest.raises(sqlite3.IntegrityError):
        old.execute(
            "INSERT INTO findings (job_id, row_id, outcome, answers, user_id, at) "
            "VALUES ('j', 'primary:3', ?, ?, 1, '')",
            [outcome, answers],
        )
