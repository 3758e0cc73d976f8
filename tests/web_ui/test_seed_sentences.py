"""What a certificate's page says that a seed proves."""

from __future__ import annotations

import pytest

from application.certificates.statement import seed_sentence
from storage.certificates.beacons import CHAINS


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.name)
def test_a_round_of_a_known_chain_shows_that_nobody_chose_the_seed(chain: object) -> None:
    origin = {"kind": "beacon", "chain": vars(chain)["hash"], "round": 1, "signature": "00"}
    assert seed_sentence({"seed_origin": origin}).startswith("That nobody chose the seed")


def test_a_round_of_an_unknown_chain_shows_nothing() -> None:
    origin = {"kind": "beacon", "chain": "00" * 32, "round": 1, "signature": "00"}
    assert seed_sentence({"seed_origin": origin}).startswith("Not checkable")
