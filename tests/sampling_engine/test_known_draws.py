"""Draws of every method and draw version are the recorded ones."""

from __future__ import annotations

from sampling_engine.methods import METHODS
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.known_draws import DRAWS, RECORDED, known_draws


def test_each_draw_is_the_recorded_one(workshop: Workshop) -> None:
    assert list(known_draws(workshop)) == RECORDED.read_text(encoding="utf-8").splitlines()


def test_every_parameter_of_every_method_has_a_known_draw() -> None:
    for declaration in METHODS:
        used = {name for method, body in DRAWS if method == declaration.name for name in body}
        assert used, declaration.name
        if not declaration.is_other_name:
            names = {parameter.name for parameter in declaration.parameters}
            assert names - used <= {"seed", "proportional"}, declaration.name
