"""Walk, scan and the plain draw give the same rows, to the last one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from parquet_tables.progress import no_report
from sampling_engine import (
    Method,
    RandomMethod,
    Round,
    StratifiedMethod,
    scan,
    strata,
)
from sampling_engine.order import SeededOrder
from sampling_engine.planner import plan_round
from tests.sampling_engine import plain_draw
from tests.sampling_engine.conftest import Workshop

VALUES = st.none() | st.sampled_from(["", "a", "b", "NULL", "Ä", "a | b"])
METHODS = st.one_of(
    st.builds(RandomMethod, sample_size=st.integers(1, 60)),
    st.builds(RandomMethod, sample_fraction=st.sampled_from([0.01, 0.15, 0.5, 1.0])),
    st.builds(
        StratifiedMethod,
        strata_columns=st.sampled_from([("k",), ("l",), ("l", "k")]),
        sample_size=st.integers(20, 60),
        min_per_stratum=st.integers(0, 1),
    ),
    st.builds(
        StratifiedMethod,
        strata_columns=st.just(("k", "l")),
        samples_per_stratum=st.integers(1, 5),
    ),
)


@dataclass
class Case:
    keys: list[tuple[str | None, str | None]]
    methods: list[Method]
    seed: int
    splits: list[int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    keys = draw(st.lists(st.tuples(VALUES, st.sampled_from(["x", None])), min_size=1, max_size=90))
    methods = draw(st.lists(METHODS, min_size=1, max_size=3))
    splits = sorted(draw(st.lists(st.integers(0, len(keys)), max_size=2)))
    return Case(keys, methods, draw(st.integers(0, 1_000)), splits)


def plain_rounds(case: Case) -> list[int]:
    rows = len(case.keys)
    taken: list[int] = []
    for method in case.methods:
        left = rows - len(taken)
        total = plain_total(method, left)
        if isinstance(method, RandomMethod):
            taken += plain_draw.draw_random(rows, set(taken), total, case.seed)
            continue
        places = ["kl".index(name) for name in method.strata_columns]
        keys = [tuple(key[place] for place in places) for key in case.keys]
        strata = plain_draw.strata_of(keys, set(taken))
        there = [len(ordinals) for ordinals in strata.values()]
        if method.samples_per_stratum is not None:
            sizes = [min(method.samples_per_stratum, size) for size in there]
        else:
            least = [min(method.min_per_stratum, size) for size in there]
            sizes = plain_draw.share_out(there, total, least, there) if there else []
        taken += plain_draw.draw_stratified(strata, sizes, rows, case.seed)
    return taken


def plain_total(method: Method, left: int) -> int:
    if method.sample_fraction is not None:
        return int(left * method.sample_fraction + 0.5)
    return min(method.sample_size or 0, left)


@given(case=cases())
@settings(max_examples=60, deadline=None)
def test_walk_and_scan_give_the_rows_of_the_plain_draw(workshop: Workshop, case: Case) -> None:
    table = workshop.table(
        {
            "k": ("VARCHAR", [key for key, _ in case.keys]),
            "l": ("VARCHAR", [key for _, key in case.keys]),
        },
        splits=case.splits,
    )
    rounds = [
        Round(round_number=i, method=method, seed=case.seed)
        for i, method in enumerate(case.methods, start=1)
    ]
    walked = workshop.draw(table, *rounds, strategy="walk")
    scanned = workshop.draw(table, *rounds, strategy="scan")
    assert workshop.rows(walked.table) == workshop.rows(scanned.table)
    ordinals = workshop.ordinals(walked)
    assert ordinals == plain_rounds(case)
    assert len(set(ordinals)) == len(ordinals)
    own = workshop.rows(walked.table, "k, l")
    assert own == [case.keys[ordinal] for ordinal in ordinals]


def test_common_strata_are_walked_and_rare_ones_scanned_for_the_same_rows(
    workshop: Workshop,
) -> None:
    table = workshop.table_of(
        "SELECT CASE WHEN i % 50000 = 7 THEN 'rare' WHEN i % 3 = 0 THEN 'a' ELSE 'b' END AS k "
        "FROM range(200000) AS r(i)",
        splits=[70_000, 150_001],
    )
    method = StratifiedMethod(strata_columns=("k",), samples_per_stratum=3)
    both = workshop.draw(table, Round(round_number=1, method=method, seed="mixed"))
    assert both.rounds[0].run_by == "walk+scan"
    for strategy in ("walk", "scan"):
        forced = workshop.draw(
            table, Round(round_number=1, method=method, seed="mixed"), strategy=strategy
        )
        assert forced.rounds[0].run_by == strategy
        assert workshop.rows(forced.table) == workshop.rows(both.table)


def test_a_scan_whose_threshold_leaves_too_few_rows_scans_again(workshop: Workshop) -> None:
    """Eligible rows overstated a hundredfold make the first threshold far too low."""

    table = workshop.table_of("SELECT i FROM range(5000) AS r(i)")
    order = SeededOrder(5_000, 1)
    with workshop.database.cursor() as cursor:
        cursor.register("taken", {"ordinal": np.empty(0, dtype=np.int64)})
        chosen = scan.scan(
            cursor,
            table,
            order,
            strata.WholeTable(table),
            np.array([400]),
            np.array([500_000]),
            no_report,
        )
    assert (chosen.ordinals == order.first(400)).all()


def test_the_planner_scans_only_strata_that_a_walk_would_look_for_too_long() -> None:
    order = SeededOrder(10_000_000, 1)
    eligible = np.array([9_999_900, 100])
    plan = plan_round(np.array([1_000, 5]), eligible, order, None)
    assert plan.walked.tolist() == [1_000, 0]
    assert plan.scanned.tolist() == [0, 5]
    all_but_few = np.array([9_000_000]), np.array([10_000_000])
    assert plan_round(*all_but_few, order, None).run_by == "scan"
    assert plan_round(*all_but_few, order, None, look_up=False).run_by == "walk"
    assert plan_round(np.array([0, 0]), eligible, order, None).run_by == "walk"
    assert plan_round(np.array([1_000, 5]), eligible, order, "walk").run_by == "walk"
    assert plan_round(np.array([1_000, 5]), eligible, order, "scan").run_by == "scan"
