"""The look that a firm gives its working papers: name, logo, colour and texts."""

from __future__ import annotations

from lazy_dataclasses import dataclass

COLOR = "#1f3b57"


@dataclass(frozen=True)
class Letterhead:
    """The look of a paper.

    Parameters
    ----------
    header, footer : str
        Texts at the top and bottom of each printed page.
    running : str
        The reference of the paper, at the top of each printed page.
    color : str
        The colour of headings, as ``#rrggbb``; whoever accepts it checks it.
    logo : bytes, optional
        A PNG or JPEG image; ``logo_type`` is "png" or "jpeg", ``logo_height`` its pixels.
    """

    firm: str = ""
    address: str = ""
    header: str = ""
    footer: str = ""
    running: str = ""
    color: str = COLOR
    logo: bytes | None = None
    logo_type: str = "png"
    logo_height: int = 0
