"""The datasets among which a filter lets one choose, by name.

Owns: which of them are offered: those that changed last, since a list of thousands serves nobody,
and always the one that is chosen. Invariant: nobody is offered a dataset that they may not see.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

from storage.accounts.datasets import DatasetFilters, get_dataset, list_datasets
from storage.accounts.users import User
from storage.errors import NotFound
from storage.sqlite.database import Transaction

MAX_COUNT = 100
ALL = DatasetFilters()


@dataclass(frozen=True)
class DatasetChoice:
    """Ids and names in the names' order; ``others`` is how many more one may see."""

    datasets: list[tuple[int, str]]
    chosen: int | None
    others: int


def dataset_choice(tx: Transaction, viewer: User, chosen: int | None) -> DatasetChoice:
    """What is offered to a viewer; namesakes are told apart by their ids."""
    listed, total = list_datasets(tx, viewer, ALL, offset=0, limit=MAX_COUNT)
    found = {dataset.id: dataset.name for dataset in listed}
    others = total - len(found)
    if chosen is not None and chosen not in found:
        with suppress(NotFound):
            found[chosen] = get_dataset(tx, chosen, viewer).name
            others -= 1
    times = Counter(found.values())
    named = [
        (number, name if times[name] == 1 else f"{name} ({number})")
        for number, name in found.items()
    ]
    return DatasetChoice(sorted(named, key=lambda one: one[1].casefold()), chosen, others)
