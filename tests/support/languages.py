"""A language that notes the texts that its catalog lacks."""

from __future__ import annotations

from dataclasses import fields

from presentation.language import LANGUAGES, Language


class StrictLanguage(Language):
    """A language of papers with the templates that nobody translated."""

    lacking: set[str]

    @classmethod
    def of(cls, code: str) -> StrictLanguage:
        """The language of a code, such as ``de``."""
        language = cls(**{each.name: getattr(LANGUAGES[code], each.name) for each in fields(cls)})
        object.__setattr__(language, "lacking", set())
        return language

    def unknown(self, template: str) -> str:
        self.lacking.add(template)
        return template
