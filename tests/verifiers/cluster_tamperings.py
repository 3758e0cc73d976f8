"""Tamperings with clusters in strata, by size and in stages, and with sorted lines and points."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.verifiers.keyed_tamperings import HELD, Rows, drawn, rows_of
from tests.verifiers.tamperings import (
    ALONE,
    GONE,
    LEAN,
    TAMPERINGS,
    Files,
    load,
    payload_of,
    put,
    rehash,
    sealed,
    statement,
    tampering,
)
from verifiers.verify_sample import canonical

__all__ = ["TAMPERINGS"]

OF_CLUSTERS = [
    *("cluster_strata", "cluster_divided", "cluster_rows", "cluster_size", "cluster_floats"),
    *("cluster_stages", "cluster_later", "keyed_cluster_strata", "keyed_cluster_stages"),
]
ALONG_LINES = ["sorted_line", "sorted_points", "points"]

KEPT = ("sample.csv", "ledger.json")
"""Files that are held back, but not the data."""

Change = tuple[str, Any]

OF_ROUNDS: list[tuple[str, str, str, tuple[str, ...], list[Change]]] = [
    # Parameters of clusters
    (
        "strata_hidden",
        "cluster_strata",
        "unknown_member",
        (),
        [("parameters.strata_columns", GONE)],
    ),
    ("strata_empty", "cluster_strata", "wrong_type", (), [("parameters.strata_columns", [])]),
    (
        "bands_of_strata",
        "cluster_strata",
        "group_label",
        ALONE,
        [("parameters.strata_columns.1.breaks.0", 106)],
    ),
    (
        "clusters_of_strata",
        "cluster_strata",
        "clusters_drawn",
        ALONE,
        [("parameters.num_clusters", 4)],
    ),
    (
        "rows_of_clusters",
        "cluster_strata",
        "allocation",
        ALONE,
        [("parameters.samples_per_cluster", 5)],
    ),
    (
        "allocation_each",
        "cluster_divided",
        "clusters_drawn",
        ALONE,
        [("parameters.cluster_allocation", "each")],
    ),
    (
        "allocation_other",
        "cluster_divided",
        "wrong_type",
        (),
        [("parameters.cluster_allocation", "equal")],
    ),
    (
        "divided_clusters",
        "cluster_divided",
        "clusters_drawn",
        ALONE,
        [("parameters.num_clusters", 12)],
    ),
    ("too_few_to_divide", "cluster_divided", "allocation", ALONE, [("parameters.num_clusters", 5)]),
    (
        "chances_called_equal",
        "cluster_rows",
        "facts",
        ALONE,
        [("parameters.cluster_probability", "equal")],
    ),
    (
        "chances_by_a_column",
        "cluster_rows",
        "facts",
        (),
        [("parameters.cluster_probability", "size")],
    ),
    ("clusters_by_rows", "cluster_rows", "clusters_drawn", ALONE, [("parameters.num_clusters", 4)]),
    (
        "chances_called_rows",
        "cluster_size",
        "facts",
        (),
        [("parameters.cluster_probability", "rows")],
    ),
    ("size_column_forgotten", "cluster_size", "facts", (), [("parameters.size_column", GONE)]),
    (
        "size_column_other",
        "cluster_size",
        "data_columns",
        ALONE,
        [("parameters.size_column", "ratio")],
    ),
    (
        "subclusters_more",
        "cluster_stages",
        "clusters_drawn",
        ALONE,
        [("parameters.num_subclusters", 3)],
    ),
    ("subclusters_all", "cluster_stages", "facts", (), [("parameters.num_subclusters", GONE)]),
    (
        "rows_of_subclusters",
        "cluster_stages",
        "allocation",
        ALONE,
        [("parameters.samples_per_cluster", 1)],
    ),
    # Facts of clusters
    ("first_stage_withheld", "cluster_rows", "groups_count", ALONE, [("facts.first_stage", None)]),
    ("first_stage_forgotten", "cluster_rows", "missing_member", (), [("facts.first_stage", GONE)]),
    ("first_stage_count", "cluster_rows", "groups_count", ALONE, [("facts.first_stage_count", 29)]),
    (
        "first_stage_hash",
        "cluster_rows",
        "groups_hash",
        ALONE,
        [("facts.first_stage_sha256", "0" * 64)],
    ),
    ("cluster_member", "cluster_rows", "unknown_member", (), [("facts.first_stage.0.note", "x")]),
    (
        "cluster_drawn_is_a_number",
        "cluster_rows",
        "wrong_type",
        (),
        [("facts.first_stage.0.drawn", 1)],
    ),
    (
        "cluster_size_is_a_number",
        "cluster_rows",
        "wrong_type",
        (),
        [("facts.first_stage.0.size", 20)],
    ),
    ("drawn_clusters_fewer", "cluster_rows", "clusters_drawn", ALONE, [("facts.drawn", 8)]),
    ("clusters_more", "cluster_size", "clusters_drawn", ALONE, [("facts.clusters", 30)]),
    ("cluster_rows_other", "cluster_rows", "facts", ALONE, [("facts.first_stage.3.size", "21")]),
    (
        "cluster_size_claimed",
        "cluster_size",
        "probability",
        ALONE,
        [("facts.first_stage.3.size", "999999")],
    ),
    (
        "cluster_size_zero",
        "cluster_size",
        "clusters_drawn",
        ALONE,
        [("facts.first_stage.5.size", "0")],
    ),
    ("cluster_size_missing", "cluster_size", "facts", ALONE, [("facts.first_stage.5.size", None)]),
    ("cluster_chance", "cluster_size", "probability", ALONE, [("facts.first_stage.4.part", "1")]),
    (
        "cluster_chance_above_one",
        "cluster_size",
        "probability",
        ALONE,
        [("facts.first_stage.4.whole", "1")],
    ),
    (
        "cluster_without_a_chance",
        "cluster_size",
        "probability",
        ALONE,
        [("facts.first_stage.4.whole", "0")],
    ),
    (
        "cluster_of_another_stratum",
        "cluster_size",
        "groups",
        ALONE,
        [("facts.first_stage.4.stratum", 9)],
    ),
    (
        "cluster_key_other",
        "cluster_rows",
        "groups",
        ALONE,
        [("facts.first_stage.0.key.school", "school x")],
    ),
    (
        "cluster_column_other",
        "cluster_rows",
        "groups",
        ALONE,
        [("facts.first_stage.0.key.id", "1")],
    ),
    (
        "cluster_removed",
        "cluster_rows",
        "groups",
        ALONE,
        [("facts.first_stage.2", GONE), ("facts.first_stage_count", 29)],
    ),
    # Rows
    (
        "probability_of_clusters",
        "cluster_size",
        "probability",
        LEAN,
        [("probabilities.2", 0.5), ("weights.2", 2)],
    ),
    (
        "probability_of_subclusters",
        "cluster_stages",
        "probability",
        LEAN,
        [("probabilities.2", 0.5), ("weights.2", 2)],
    ),
    (
        "clusters_have_reserves",
        "keyed_cluster_strata",
        "facts",
        LEAN,
        [("reserves", "next_in_order")],
    ),
    # Keyed orders of clusters
    ("start_of_strata", "keyed_cluster_strata", "clusters_drawn", HELD, [("order.start", "0.9")]),
    (
        "start_of_subclusters",
        "keyed_cluster_stages",
        "clusters_drawn",
        ALONE,
        [("order.start", "0.9")],
    ),
    # A sorted line
    (
        "line_sorted_otherwise",
        "sorted_line",
        "ordinals",
        KEPT,
        [("parameters.sort_columns", ["score", "region"])],
    ),
    (
        "line_sorted_by_one",
        "sorted_line",
        "data_columns",
        ALONE,
        [("parameters.sort_columns", ["class"])],
    ),
    ("line_nested", "sorted_line", "ordinals", KEPT, [("parameters.sort_order", "nested")]),
    (
        "line_in_another_order",
        "sorted_line",
        "wrong_type",
        (),
        [("parameters.sort_order", "descending")],
    ),
    ("line_sorted_by_none", "sorted_line", "wrong_type", (), [("parameters.sort_columns", [])]),
    (
        "line_sorted_by_four",
        "sorted_line",
        "wrong_type",
        (),
        [("parameters.sort_columns", ["region"] * 4)],
    ),
    ("first_of_a_line", "sorted_line", "facts", LEAN, [("facts.first", "7")]),
    ("step_of_a_line", "sorted_line", "facts", ALONE, [("facts.step", "7")]),
    ("places_of_a_line", "sorted_line", "facts", ALONE, [("parameters.sample_size", 22)]),
    (
        "probability_of_a_line",
        "sorted_line",
        "probability",
        LEAN,
        [("probabilities.4", 0.5), ("weights.4", 2)],
    ),
    # Points
    ("points_called_pareto", "sorted_points", "wrong_type", (), [("parameters.selection", "cell")]),
    ("points_with_reserves", "sorted_points", "facts", ALONE, [("reserves", "pareto")]),
    (
        "points_sorted_otherwise",
        "sorted_points",
        "ordinals",
        KEPT,
        [("parameters.sort_columns", ["score", "class", "region"])],
    ),
    (
        "points_serpentine",
        "sorted_points",
        "ordinals",
        KEPT,
        [("parameters.sort_order", "serpentine")],
    ),
    ("points_fewer", "sorted_points", "sample_size", ALONE, [("parameters.sample_size", 24)]),
    ("total_of_points", "sorted_points", "facts", KEPT, [("facts.total", "1")]),
    ("rows_of_points", "points", "facts", KEPT, [("facts.rows", 400)]),
    ("take_all_of_points", "points", "probability", KEPT, [("facts.take_all", 1)]),
    ("unit_of_points", "points", "facts", KEPT, [("facts.exponent", 60)]),
    ("units_of_points", "points", "facts", ALONE, [("facts.decimals", 3)]),
    (
        "probability_of_points",
        "points",
        "probability",
        KEPT,
        [("probabilities.4", 0.5), ("weights.4", 2)],
    ),
    (
        "probability_of_sorted_points",
        "sorted_points",
        "probability",
        KEPT,
        [("probabilities.4", 0.5), ("weights.4", 2)],
    ),
]
"""Name, folder, code, files that are kept back, and paths and values in the last round."""


def restated(rnd: Any) -> None:
    """Compute the hashes of a round's lists again."""
    rehash(rnd)
    if "first_stage" in rnd["facts"]:
        copied = {"ordinals": rnd["ordinals"], "facts": {"groups": rnd["facts"]["first_stage"]}}
        rehash(copied)
        rnd["facts"]["first_stage_sha256"] = copied["facts"]["groups_sha256"]


def _register(
    name: str, base: str, code: str, without: tuple[str, ...], changes: list[Change]
) -> None:
    def change(predicate: Any) -> None:
        rnd = predicate["rounds"][-1]
        for path, value in changes:
            put(rnd, path, value)
        if any(path.startswith("facts.first_stage.") for path, _ in changes):
            restated(rnd)

    change.__name__ = name
    statement(base, code, without)(change)


for _name, _base, _code, _without, _changes in OF_ROUNDS:
    _register(_name, _base, _code, _without, _changes)


def changed_members(base: str) -> Iterator[tuple[str, Files]]:
    """Give the files of a folder with another value of each member of the last round.

    The hashes are computed again, and the data are there. Left out are the filter and the warnings,
    which the ledger and nobody shows. Of a list the first, middle and last value is changed.
    """
    files = {name: content for name, content in load(base).items() if name not in KEPT}
    payload = payload_of(files)
    for path in _paths(json.loads(payload)["predicate"]["rounds"][-1]):
        if path[0] in ("warnings", "filter"):
            continue
        whole = json.loads(payload)
        rnd = inside = whole["predicate"]["rounds"][-1]
        for part in path[:-1]:
            inside = inside[part]
        inside[path[-1]] = _another(inside[path[-1]])
        if "sha256" not in str(path[-1]):
            restated(rnd)
        yield ".".join(map(str, path)), sealed(files, canonical(whole).encode())


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        places = list(value)
    elif isinstance(value, list):
        places = sorted({0, len(value) // 2, len(value) - 1}) if value else []
    else:
        yield path
        return
    for place in places:
        yield from _paths(value[place], (*path, place))


def _another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1 if isinstance(value, int) else value * 1.01
    if value is None:
        return "0"
    return str(int(value) + 1) if value.isdigit() else f"{value}x"


def of_round(
    base: str, code: str, without: tuple[str, ...] = ALONE
) -> Callable[[Callable[[Any], Any]], None]:
    """Register a change of the last round, whose hashes are computed again."""

    def register(change: Callable[[Any], Any]) -> None:
        def changed(predicate: Any) -> None:
            change(predicate["rounds"][-1])
            restated(predicate["rounds"][-1])

        changed.__name__ = change.__name__
        statement(base, code, without)(changed)

    return register


def _both(rnd: Any) -> tuple[Any, Any]:
    """A drawn cluster, and one that wasn't drawn, of one stratum and of the same size."""
    listed = rnd["facts"]["first_stage"]
    return next(
        (one, other)
        for one in listed
        for other in listed
        if one["drawn"]
        and not other["drawn"]
        and all(one[name] == other[name] for name in ("stratum", "size"))
    )


def _groups_of(rnd: Any, cluster: Any) -> list[Any]:
    own = cluster["key"].items()
    return [group for group in rnd["facts"]["groups"] if own <= group["key"].items()]


@of_round("cluster_rows", "clusters_drawn")
def cluster_drawn_in_place_of_another(rnd: Any) -> None:
    """The list and its groups say that the one was drawn; the rows stay."""
    one, other = _both(rnd)
    one["drawn"], other["drawn"] = False, True


@of_round("cluster_strata", "clusters_drawn")
def cluster_and_its_rows_drawn_in_place_of_another(rnd: Any) -> None:
    pair = _both(rnd)
    pair[0]["drawn"], pair[1]["drawn"] = False, True
    (one,), (other,) = (_groups_of(rnd, cluster) for cluster in pair)
    for name in ("allocated", "sampled", "last_rank"):
        one[name], other[name] = other[name], one[name]


@of_round("cluster_stages", "clusters_drawn")
def subcluster_drawn_in_place_of_another(rnd: Any) -> None:
    drawn_one = next(each for each in rnd["facts"]["first_stage"] if each["drawn"])
    groups = _groups_of(rnd, drawn_one)
    one = next(group for group in groups if group["allocated"])
    other = next(group for group in groups if not group["allocated"])
    for name in ("allocated", "sampled", "last_rank"):
        one[name], other[name] = other[name], one[name]


@of_round("cluster_stages", "groups", KEPT)
def rows_moved_between_subclusters(rnd: Any) -> None:
    """The cluster keeps its size."""
    left_out = next(each for each in rnd["facts"]["first_stage"] if not each["drawn"])
    one, other = _groups_of(rnd, left_out)[:2]
    one["rows"], other["rows"] = one["rows"] + 1, other["rows"] - 1


@of_round("cluster_strata", "groups")
def clusters_in_another_order(rnd: Any) -> None:
    listed = rnd["facts"]["first_stage"]
    listed[0], listed[1] = listed[1], listed[0]


@of_round("cluster_size", "groups")
def strata_numbered_from_one(rnd: Any) -> None:
    """Another number has another start."""
    for each in rnd["facts"]["first_stage"]:
        each["stratum"] += 1


@of_round("cluster_later", "groups", KEPT)
def strata_of_a_later_round_numbered_otherwise(rnd: Any) -> None:
    """L1 takes the numbers as they are; the data show them."""
    for each in rnd["facts"]["first_stage"]:
        each["stratum"] += 54


@of_round("cluster_size", "facts", KEPT)
def sizes_of_two_clusters_exchanged(rnd: Any) -> None:
    """No row and no chance of a stratum changes, but those of the two."""
    listed = [each for each in rnd["facts"]["first_stage"] if each["stratum"] == 1]
    one, other = listed[0], listed[1]
    for name in ("size", "part"):
        one[name], other[name] = other[name], one[name]


@of_round("cluster_rows", "order_violated", HELD)
def seed_of_clusters(rnd: Any) -> None:
    rnd["seed"] = rnd["effective_seed"] = "6"


def _exchange(rnd: Any, place: int, ordinal: int) -> None:
    rnd["ordinals"][place] = ordinal


@of_round("sorted_line", "ordinals", KEPT)
def row_of_a_line_exchanged(rnd: Any) -> None:
    _exchange(rnd, 4, next(row for row in range(500) if row not in rnd["ordinals"]))


@of_round("sorted_line", "ordinals", KEPT)
def rows_of_a_line_in_another_order(rnd: Any) -> None:
    rnd["ordinals"].sort()


@of_round("points", "ordinals", KEPT)
def row_of_points_exchanged(rnd: Any) -> None:
    _exchange(rnd, 4, next(row for row in range(500) if row not in rnd["ordinals"]))


@of_round("sorted_points", "ordinals", KEPT)
def rows_of_points_in_another_order(rnd: Any) -> None:
    rnd["ordinals"].sort()


@of_round("sorted_points", "ordinals", KEPT)
def seed_of_points(rnd: Any) -> None:
    rnd["seed"] = rnd["effective_seed"] = "6"


@of_round("sorted_line", "facts", KEPT)
def seed_of_a_line(rnd: Any) -> None:
    rnd["seed"] = rnd["effective_seed"] = "6"


@of_round("points", "ordinals", KEPT)
def points_called_pareto_with_reserves(rnd: Any) -> None:
    rnd["parameters"]["selection"], rnd["reserves"] = "pareto", "pareto"


@statement("sorted_line", "order_violated", ALONE)
def line_called_one_by_positions(predicate: Any) -> None:
    del predicate["rounds"][0]["parameters"]["sort_columns"]
    predicate["data"]["columns"] = []


@statement("points", "replacement_row", ALONE)
def replacement_of_points(predicate: Any) -> None:
    ordinals = predicate["rounds"][0]["ordinals"]
    row = next(row for row in range(500) if row not in ordinals)
    predicate["issue"] = 2
    predicate["replacements"] = [
        {
            "round_number": 1,
            "ordinal_out": ordinals[0],
            "ordinal_in": row,
            "place": 1,
            "reason": "closed",
            "recorded_by": "auditor",
            "recorded_at": predicate["issued_at"],
        }
    ]


# --- data.csv ---


def of_data(
    base: str, code: str, column: str
) -> Callable[[Callable[[Rows, int, list[int]], Any]], None]:
    """Register a change of data.csv, given its rows, a column's place and the drawn ordinals."""

    def register(change: Callable[[Rows, int, list[int]], Any]) -> None:
        def function(files: Files) -> Files:
            rows = rows_of(files["data.csv"])
            change(rows, rows[0].index(column), drawn(files))
            out = io.StringIO(newline="")
            csv.writer(out, lineterminator="\n").writerows(rows)
            kept = {name: data for name, data in files.items() if name not in KEPT}
            return {**kept, "data.csv": out.getvalue().encode()}

        function.__name__ = change.__name__
        tampering(base, code)(function)

    return register


def _undrawn(rows: Rows, at: int, ordinals: list[int]) -> list[list[str]]:
    """The rows that weren't drawn and have a value in the column."""
    return [row for k, row in enumerate(rows[1:]) if k not in ordinals and row[at]]


@of_data("cluster_size", "facts", "pupils")
def size_of_a_row(rows: Rows, at: int, ordinals: list[int]) -> None:
    _undrawn(rows, at, ordinals)[0][at] = "900.000"


@of_data("cluster_size", "facts", "pupils")
def size_of_a_row_missing(rows: Rows, at: int, ordinals: list[int]) -> None:
    _undrawn(rows, at, ordinals)[0][at] = ""


@of_data("cluster_size", "facts", "pupils")
def size_of_a_row_negative(rows: Rows, at: int, ordinals: list[int]) -> None:
    _undrawn(rows, at, ordinals)[0][at] = "-1.000"


@of_data("cluster_floats", "facts", "score")
def half_a_unit_of_a_size(rows: Rows, at: int, ordinals: list[int]) -> None:
    """A half goes to the even number: of 2.5 units 2, not 3."""
    row = next(row for row in _undrawn(rows, at, ordinals) if float(row[at]) == 2.5e-6)
    row[at] = "2.6e-06"


@of_data("cluster_floats", "facts", "score")
def infinite_size(rows: Rows, at: int, ordinals: list[int]) -> None:
    _undrawn(rows, at, ordinals)[0][at] = "inf"


@of_data("cluster_strata", "groups", "region")
def row_of_a_cluster_in_another_stratum(rows: Rows, at: int, ordinals: list[int]) -> None:
    row = next(row for row in _undrawn(rows, at, ordinals) if row[at] == "south")
    row[at] = 'no"rth'


@of_data("cluster_stages", "groups", "class")
def row_in_another_subcluster(rows: Rows, at: int, ordinals: list[int]) -> None:
    row = _undrawn(rows, at, ordinals)[0]
    row[at] = str((int(row[at]) + 1) % 5)


@of_data("keyed_cluster_stages", "key_missing", "class")
def subcluster_without_a_value(rows: Rows, at: int, ordinals: list[int]) -> None:
    """The value of the last subcluster becomes none, so the groups keep their order."""
    for row in rows[1:]:
        row[at] = "" if row[at] == "3" else row[at]


@of_data("sorted_line", "ordinals", "region")
def value_along_a_line(rows: Rows, at: int, ordinals: list[int]) -> None:
    _undrawn(rows, at, ordinals)[-1][at] = "a"


@of_data("sorted_points", "ordinals", "region")
def value_along_points(rows: Rows, at: int, ordinals: list[int]) -> None:
    for row in _undrawn(rows, at, ordinals)[:40]:
        row[at] = "a"


@of_data("points", "ordinals", "score")
def weights_of_two_rows_exchanged(rows: Rows, at: int, ordinals: list[int]) -> None:
    """The total stays; a drawn row is shorter on the line."""
    one = rows[1 + ordinals[3]]
    other = next(row for row in _undrawn(rows, at, ordinals) if _is_lighter(row, one, at))
    one[at], other[at] = other[at], one[at]


def _is_lighter(row: list[str], than: list[str], at: int) -> bool:
    """Whether a row passes the filter and has a smaller weight."""
    return row[2] == "true" and float(row[at]) < float(than[at]) / 2


@of_data("points", "facts", "score")
def weight_of_a_row(rows: Rows, at: int, ordinals: list[int]) -> None:
    next(row for row in _undrawn(rows, at, ordinals) if row[2] == "true")[at] = "0.9"
