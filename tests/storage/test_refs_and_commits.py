"""Commits are immutable manifests; refs name them and move by compare-and-swap."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import replace

import pytest

from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User
from storage.errors import Conflict, InvalidValue, NotFound, RefImmutable, RefMoved
from storage.jobs.jobs import get_job
from storage.jobs.publishing import NewCommit, Outcome, publish
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database
from storage.versions.data_files import AttachedFile, StoredFile
from storage.versions.manifests import (
    Manifest,
    get_commit,
    history,
    insert_commit,
    parse_manifest,
    referenced_files,
)
from storage.versions.refs import (
    create_ref,
    delete_ref,
    get_ref,
    list_refs,
    move_ref,
    parse_ref_name,
    parse_version_name,
    resolve,
)
from tests.storage.conftest import a_table, claim, submit


def manifest_of(
    dataset: DatasetRecord, message: str = "first", parent: str | None = None
) -> Manifest:
    return Manifest(
        dataset_id=dataset.id,
        parent_id=parent,
        author="bg54677",
        message=message,
        created_at="2025-07-07T00:00:00.000000+00:00",
        tables=(a_table(), a_table(5, "Zweites Blatt")),
    )


def test_commit_id_is_the_hash_of_the_manifest(dataset: DatasetRecord) -> None:
    manifest = manifest_of(dataset)
    text = manifest.canonical_json()
    assert manifest.commit_id == hashlib.sha256(text.encode()).hexdigest()
    assert text == json.dumps(
        json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


def test_manifest_round_trip_keeps_table_order(dataset: DatasetRecord) -> None:
    manifest = manifest_of(dataset)
    again = parse_manifest(manifest.canonical_json())
    assert again == manifest
    assert [table.key for table in again.tables] == ["primary", "Zweites Blatt"]


def test_residual_has_source_files_and_a_deletion_vector(dataset: DatasetRecord) -> None:
    source = a_table(rows=1000)
    residual = replace(source, key="residual", deletion_vector=StoredFile("b" * 64, 10, 99))
    manifest = replace(manifest_of(dataset), tables=(residual,))
    again = parse_manifest(manifest.canonical_json())
    assert again == manifest
    assert again.table("residual").row_count == 990
    assert again.file_hashes == {"a" * 64, "b" * 64}


OLD_ID = "858f9cf195039be1e83550afcb3de063134aaa8cd47f3fa23b71b4340fa1321e"


def test_ids_of_stored_files_are_as_before(dataset: DatasetRecord) -> None:
    manifest = replace(manifest_of(dataset), dataset_id=1)
    assert manifest.commit_id == OLD_ID


def test_commit_id_covers_the_version_of_attached_files(dataset: DatasetRecord) -> None:
    file = AttachedFile("lake", "s3://lake/a.parquet", 100, 5000, e_tag="1")
    local = AttachedFile("disk", "file:///lake/a.parquet", 100, 5000, modified_ns="1", inode="2")
    table = replace(a_table(), files=(file, local))
    manifest = replace(manifest_of(dataset), tables=(table,))
    again = parse_manifest(manifest.canonical_json())
    assert again == manifest
    assert again.table("primary").row_count == 200
    assert again.attached_files == {file, local}
    assert again.stored_files == []
    other = replace(table, files=(replace(file, e_tag="2"), local))
    assert replace(manifest, tables=(other,)).commit_id != manifest.commit_id
    assert replace(file, e_tag="2").path != file.path


def test_unknown_table_error_names_the_tables(dataset: DatasetRecord) -> None:
    with pytest.raises(NotFound, match=r'no table "primry".*mean "primary".*Zweites Blatt'):
        manifest_of(dataset).table("primry")


def test_commits_are_immutable(database: Database, dataset: DatasetRecord, user: User) -> None:
    with database.write() as tx:
        commit = insert_commit(tx, user.id, manifest_of(dataset))
    with pytest.raises(sqlite3.IntegrityError, match="never changes"), database.write() as tx:
        tx.execute("UPDATE commits SET message = 'other' WHERE id = ?", [commit.id])
    with database.read() as tx:
        assert get_commit(tx, dataset.id, commit.id) == commit
        assert referenced_files(tx) == {"a" * 64}


def test_history_lists_a_commit_and_its_ancestors(
    database: Database, dataset: DatasetRecord, user: User
) -> None:
    parent = None
    with database.write() as tx:
        for number in range(4):
            parent = insert_commit(tx, user.id, manifest_of(dataset, f"m{number}", parent)).id
        assert parent is not None
        commits, total = history(tx, dataset.id, parent, 1, 2)
    assert [commit.manifest.message for commit in commits] == ["m2", "m1"]
    assert total == 4


def test_ref_moves_only_from_the_expected_commit(
    database: Database, dataset: DatasetRecord, user: User, clock: Clock
) -> None:
    with database.write() as tx:
        one = insert_commit(tx, user.id, manifest_of(dataset, "one")).id
        two = insert_commit(tx, user.id, manifest_of(dataset, "two")).id
        move_ref(tx, dataset.id, "main", expected=None, commit_id=one, clock=clock)
    with pytest.raises(RefMoved), database.write() as tx:
        move_ref(tx, dataset.id, "main", expected=None, commit_id=two, clock=clock)
    with database.read() as tx:
        assert get_ref(tx, dataset.id, "main").commit_id == one


def test_resolve_tries_ref_then_commit_then_prefix(
    database: Database, dataset: DatasetRecord, user: User, clock: Clock
) -> None:
    with database.write() as tx:
        commit_id = insert_commit(tx, user.id, manifest_of(dataset)).id
        create_ref(tx, dataset.id, "v1", commit_id, clock)
        assert resolve(tx, dataset.id, "v1") == commit_id
        assert resolve(tx, dataset.id, commit_id) == commit_id
        assert resolve(tx, dataset.id, commit_id[:7]) == commit_id
        with pytest.raises(NotFound, match="Available: main, v1"):
            resolve(tx, dataset.id, "v2")
        with pytest.raises(NotFound, match="no commit yet"):
            resolve(tx, dataset.id, "main")


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", ".x", "ä", "x" * 101, "0" * 64, "a/b"])
def test_ambiguous_ref_names_are_invalid(name: str) -> None:
    with pytest.raises(InvalidValue, match="can't name a ref"):
        parse_ref_name(name)


@pytest.mark.parametrize("name", ["smpl-", "smpl-q1", "expl-q1"])
def test_names_of_samples_and_queries_are_reserved(name: str) -> None:
    assert parse_ref_name(name) == name
    with pytest.raises(InvalidValue, match=f'starts with "{name[:5]}" is reserved'):
        parse_version_name(name, ("body", "name"))


def test_main_cannot_be_deleted(database: Database, dataset: DatasetRecord, clock: Clock) -> None:
    with database.write() as tx:
        create_ref(tx, dataset.id, "zz", None, clock)
        create_ref(tx, dataset.id, "aa", None, clock)
        with pytest.raises(Conflict):
            delete_ref(tx, dataset.id, "main", clock)
        with pytest.raises(Conflict):
            create_ref(tx, dataset.id, "zz", None, clock)
        delete_ref(tx, dataset.id, "zz", clock)
        assert [ref.name for ref in list_refs(tx, dataset.id)[0]] == ["main", "aa"]


def test_publishing_is_one_transaction(
    database: Database, dataset: DatasetRecord, user: User, clock: Clock
) -> None:
    submit(database, user, dataset, clock)
    job = claim(database, clock)
    new = NewCommit(ref_name="main", message="import", tables=[a_table()])
    commit_id = publish(database, job, Outcome({"rows": 3}, new), clock)
    with database.read() as tx:
        done = get_job(tx, job.id)
        assert get_ref(tx, dataset.id, "main").commit_id == commit_id == done.output_commit_id
    assert done.output_summary == {
        "rows": 3,
        "output_commit_id": commit_id,
        "output_ref": "main",
    }


def test_result_without_ref_belongs_to_its_job(
    database: Database, dataset: DatasetRecord, user: User, clock: Clock
) -> None:
    submit(database, user, dataset, clock)
    imported = publish(
        database,
        claim(database, clock),
        Outcome({}, NewCommit(ref_name="main", message="m", tables=[a_table()])),
        clock,
    )
    submit(database, user, dataset, clock, "job-2")
    job = claim(database, clock)
    alone = NewCommit(ref_name=None, message="q", tables=[a_table()], parent_id=imported)
    commit_id = publish(database, job, Outcome({}, alone), clock)
    with database.read() as tx:
        assert get_job(tx, job.id).output_commit_id == commit_id
        assert (get_job(tx, job.id).output_summary or {})["output_ref"] is None
        assert get_commit(tx, dataset.id, commit_id or "").manifest.parent_id == imported
        assert get_ref(tx, dataset.id, "main").commit_id == imported
        assert [ref.name for ref in list_refs(tx, dataset.id)[0]] == ["main"]


def test_failed_publication_leaves_nothing(
    database: Database, dataset: DatasetRecord, user: User, clock: Clock
) -> None:
    submit(database, user, dataset, clock)
    job = claim(database, clock)
    taken = NewCommit(ref_name="main", message="m", tables=[a_table()], new_ref=True)
    with pytest.raises(Conflict):
        publish(database, job, Outcome({}, taken), clock)
    with database.read() as tx:
        assert get_job(tx, job.id).status == "running"
        assert referenced_files(tx) == set()


def test_second_publication_of_a_job_fails(
    database: Database, dataset: DatasetRecord, user: User, clock: Clock
) -> None:
    submit(database, user, dataset, clock)
    job = claim(database, clock)
    outcome = Outcome({}, NewCommit(ref_name="main", message="m", tables=[a_table()]))
    publish(database, job, outcome, clock)
    with pytest.raises(Exception, match="isn't the running one"):
        publish(database, job, outcome, clock)
    with database.read() as tx:
        head = get_ref(tx, dataset.id, "main").commit_id
        assert head is not None
        assert history(tx, dataset.id, head, 0, 10)[1] == 1


def test_left_commits_are_recorded_except_parents(
    database: Database, dataset: DatasetRecord, user: User, clock: Clock
) -> None:
    def left() -> dict[str, str]:
        rows = tx.execute("SELECT commit_id, left_at FROM left_commits").fetchall()
        return {row["commit_id"]: row["left_at"] for row in rows}

    with database.write() as tx:
        one = insert_commit(tx, user.id, manifest_of(dataset, "one")).id
        two = insert_commit(tx, user.id, manifest_of(dataset, "two", one)).id
        move_ref(tx, dataset.id, "main", expected=None, commit_id=one, clock=clock)
        move_ref(tx, dataset.id, "main", expected=one, commit_id=two, clock=clock)
        assert left() == {}
        move_ref(tx, dataset.id, "main", expected=two, commit_id=one, clock=clock)
        first = left()
        assert list(first) == [two]
        create_ref(tx, dataset.id, "v2", two, clock)
        delete_ref(tx, dataset.id, "v2", clock)
        assert list(left()) == [two]
        assert left()[two] > first[two]


@pytest.mark.parametrize("name", ["smpl-q1", "expl-sums"])
def test_samples_and_saved_queries_never_move(
    database: Database, dataset: DatasetRecord, user: User, clock: Clock, name: str
) -> None:
    with database.write() as tx:
        old = insert_commit(tx, user.id, manifest_of(dataset)).id
        new = insert_commit(tx, user.id, manifest_of(dataset, "second", old)).id
        create_ref(tx, dataset.id, name, old, clock)
        with pytest.raises(RefImmutable):
            move_ref(tx, dataset.id, name, expected=old, commit_id=new, clock=clock)
        assert get_ref(tx, dataset.id, name).commit_id == old
