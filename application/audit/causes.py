"""The causes of exceptions."""

from __future__ import annotations

from collections.abc import Mapping

CAUSES: Mapping[str, str] = {
    "clerical": "Clerical error",
    "instruction": "Instruction not known or misunderstood",
    "control": "Control not performed",
    "system": "Error of a system or interface",
    "cut_off": "Wrong period",
    "judgement": "Judgement or estimate",
    "document": "Document missing or incomplete",
    "intentional": "Intentional or possible fraud",
    "other": "Other",
}
"""Causes of exceptions (ISA 530 ¶12 asks for nature and cause), by their titles."""
