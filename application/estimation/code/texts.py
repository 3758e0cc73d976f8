"""What the code of all languages says: a comment on the design, and quoted texts."""

from __future__ import annotations

import json

from estimation_engine import Design


def quoted(text: str) -> str:
    """A text in double quotes, as R, Python and JSON read it."""
    return json.dumps(text, ensure_ascii=False)


def about(design: Design, mark: str) -> str:
    """The comment at the top; ``mark`` starts each line."""
    lines = [
        f"{design.method} sample: {design.rows} rows of {design.population}.",
        "sample.csv is the sample, downloaded as CSV. Replace amount by your column.",
    ]
    return "\n".join(f"{mark} {line}" for line in lines)
