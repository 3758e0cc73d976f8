"""The seeded order's arithmetic as SQL.

Owns: ``jobsvc-order-1`` in DuckDB's integers. Invariant: the same ranks as
:meth:`sampling_engine.order.SeededOrder.rank`, which a test holds against each other. Called by the
scan's statement alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from sampling_engine.order import FIRST_FACTOR, LOW_31_BITS, SECOND_FACTOR, SeededOrder


def rank_steps(order: SeededOrder, source: str, carried: Sequence[str]) -> tuple[list[str], str]:
    """Common table expressions that add the column ``rank`` to ``source``.

    Parameters
    ----------
    order : SeededOrder
        Its round keys and masks are written into the text: they are integers of our own making.
    source : str
        A table expression with a BIGINT column ``ordinal``.
    carried : sequence of str
        Its other columns, plain words, that are wanted afterwards.

    Returns
    -------
    steps : list of str
        In their order, for one WITH clause. Each is small, for DuckDB evaluates a shared part of
        an expression once only when it is a column of its own.
    name : str
        The last step: ``ordinal``, the carried columns and ``rank``.
    """
    half = order.bits // 2
    mask = (1 << half) - 1
    kept = ", ".join(["ordinal", *carried])
    steps = [_step("split", f"{kept}, ordinal >> {half} AS l, ordinal & {mask} AS r", source)]
    before = "split"
    for i, key in enumerate(order.keys):
        once = f"(xor(r, {key}) * {FIRST_FACTOR}) & {LOW_31_BITS}"
        twice = f"(xor(x, x >> 15) * {SECOND_FACTOR}) & {LOW_31_BITS}"
        steps += [
            _step(f"once_{i}", f"{kept}, l, r, {once} AS x", before),
            _step(f"twice_{i}", f"{kept}, l, r, {twice} AS x", f"once_{i}"),
            _step(
                f"round_{i}",
                f"{kept}, r AS l, xor(l, xor(x, x >> 13) & {mask}) AS r",
                f"twice_{i}",
            ),
        ]
        before = f"round_{i}"
    steps.append(_step("ranked", f"{kept}, (l << {half}) | r AS rank", before))
    return steps, "ranked"


def _step(name: str, columns: str, source: str) -> str:
    # NOT MATERIALIZED: since 1.4 DuckDB may keep a common table expression's rows in memory.
    return f"{name} AS NOT MATERIALIZED (SELECT {columns} FROM {source})"
