"""What a certificate's page says that a seed proves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from application.certificates.seeds import seed_sentence
from service.service import RecentResults
from tests.support.published_rounds import (
    DEFAULT_ROUND_1,
    INVENTED,
    PUBLISHED,
    ROUND_1000,
    PublishedRound,
)


def sentence(**beacon: Any) -> str:
    service: Any = SimpleNamespace(results=RecentResults())
    return seed_sentence(service, {"seed_origin": {"kind": "beacon", **beacon}})


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda it: f"{it.chain.name}-{it.number}")
def test_a_published_round_shows_that_nobody_chose_the_seed(published: PublishedRound) -> None:
    said = sentence(**published.seed)
    assert said.startswith("That nobody chose the seed")
    assert f"drand {published.chain.name}" in said
    assert published.chain.public_key[:16] in said


def test_a_plan_that_was_registered_often_does_not_show_it() -> None:
    service: Any = SimpleNamespace(results=RecentResults())
    parameters = {"seed_origin": {"kind": "beacon", **ROUND_1000.seed}}
    said = seed_sentence(service, parameters, registrations=2000)
    assert said.startswith("That the seed is a beacon’s, but not that nobody chose it")
    assert "registered 2,000 times" in said


@pytest.mark.parametrize("signature", [INVENTED, "94" + ROUND_1000.signature[2:]])
def test_an_invented_signature_of_an_older_draw_shows_nothing(signature: str) -> None:
    said = sentence(**{**ROUND_1000.seed, "signature": signature})
    assert said.startswith("Nothing: the signature isn’t that of this round")


def test_a_chained_round_without_the_one_before_is_a_claim() -> None:
    beacon = DEFAULT_ROUND_1.seed
    del beacon["previous_signature"]
    assert sentence(**beacon).startswith("Claimed, not checked")


def test_a_round_of_an_unknown_chain_is_a_claim() -> None:
    beacon = {"chain": "00" * 32, "round": 1, "signature": ROUND_1000.signature}
    assert sentence(**beacon).startswith("Claimed, not checked")
