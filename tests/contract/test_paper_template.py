"""The firm's template of working papers: what it accepts, refuses, and shows on papers."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook

from application.audit.logos import logo_of
from domain_errors import InvalidRequest
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer
from tests.support.papers import examined_sample, ledger

PATH = "/api/paper-template"
FIRM = {
    "firm": "Audit & Söhne <GmbH>",
    "address": "Ringstraße 1, 1010 Wien",
    "header": 'Entwurf"}',
    "footer": "Vertraulich",
    "color": "#7a1f2b",
    "cover_rows": ["Office: Vienna"],
    "sign_offs": ["Partner", "Manager"],
    "standard_text": "Prepared under ISA [DE].",
}


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int = 40,
    height: int = 20,
    *more: bytes,
    depth: int = 8,
    packed: bytes | None = None,
    interlace: int = 0,
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, interlace)
    pixels = packed
    if pixels is None:
        pixels = zlib.compress(b"".join(b"\0" + b"\x20\x40\x60" * width for _ in range(height)))
    parts = [chunk(b"IHDR", header), *more, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def text_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def change(server: LiveServer, **fields: Any) -> httpx.Response:
    return server.admin.patch(PATH, json=fields)


@pytest.fixture(scope="module", autouse=True)
def _template_of_this_module(server: LiveServer) -> Iterator[None]:
    """Other tests on the same server have papers of the usual look."""
    yield
    fields = dict.fromkeys(("firm", "address", "header", "footer", "standard_text", "logo"), "")
    answer = change(server, **fields, cover_rows=[], sign_offs=[], language="en")
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def paper(server: LiveServer) -> str:
    """The path of a working paper."""
    return f"/api/sampling/jobs/{examined_sample(server, ledger(server), 'random')}/working-paper"


def test_papers_have_the_firms_look(server: LiveServer, paper: str) -> None:
    hidden = chunk(b"tEXt", b"Comment\0<script>")
    answer = change(server, **FIRM, logo=text_of(png(40, 20, hidden))).json()
    assert answer["has_logo"] is True
    assert answer["template"]["logo"] is None
    page = server.admin.get(paper).text
    assert "Audit &amp; Söhne &lt;GmbH&gt;" in page
    for text in ("--accent: #7a1f2b", "Ringstraße 1", "Partner", "Prepared under ISA [DE]."):
        assert text in page
    assert "<dt>Office</dt><dd>Vienna</dd>" in page
    assert 'Entwurf"' not in page  # a text in the style sheet is escaped
    assert f'src="data:image/png;base64,{text_of(png())}"' in page  # without its comment
    book = load_workbook(io.BytesIO(server.admin.get(paper, params={"format": "xlsx"}).content))
    assert "Söhne" in str(book["Cover"].oddHeader.left.text)
    assert book["Cover"].oddFooter.left.text == "Vertraulich"
    assert len(book["Cover"]._images) == 1
    for ending in ("html", "xlsx"):
        assert server.admin.get(f"{PATH}/preview", params={"format": ending}).status_code == 200


def jpeg(width: int = 40, height: int = 20, *more: bytes) -> bytes:
    """A grey image whose blocks each have two bits: no difference, and the end of the block."""

    def segment(kind: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, kind, len(data) + 2) + data

    code = bytes([1, *[0] * 15, 0])  # one code of one bit
    blocks = -(-width // 8) * -(-height // 8)
    bits = "0" * (2 * blocks)
    bits += "1" * (-len(bits) % 8)
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
            *more,
            segment(0xDB, b"\0" + b"\x01" * 64),
            segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0"),
            segment(0xC4, b"\0" + code),
            segment(0xC4, b"\x10" + code),
            segment(0xDA, b"\x01\x01\0\0\x3f\0"),
            int(bits, 2).to_bytes(len(bits) // 8, "big"),
            b"\xff\xd9",
        ]
    )


def test_a_jpeg_is_a_logo_without_its_metadata(server: LiveServer, paper: str) -> None:
    comment = b"\xff\xfe\x00\x0a<script>"
    answer = change(server, logo=text_of(jpeg(40, 20, comment)))
    assert answer.status_code == 200, answer.text
    page = server.admin.get(paper).text
    assert f'src="data:image/jpeg;base64,{text_of(jpeg())}"' in page
    book = load_workbook(io.BytesIO(server.admin.get(paper, params={"format": "xlsx"}).content))
    (image,) = book["Cover"]._images
    assert (image.format, image.width, image.height) == ("jpeg", 40, 20)


def test_fields_stay_until_they_are_cleared(server: LiveServer) -> None:
    change(server, **FIRM, logo=text_of(png()))
    kept = change(server, footer="New").json()
    assert (kept["template"]["firm"], kept["template"]["footer"]) == (FIRM["firm"], "New")
    assert kept["has_logo"] is True
    cleared = change(server, firm="", cover_rows=[], logo="").json()
    assert (cleared["template"]["firm"], cleared["template"]["cover_rows"]) == (None, None)
    assert cleared["has_logo"] is False


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("color", "red"),
        ("color", "#12345"),
        ("color", "#ffff99"),
        ("cover_rows", ["without a colon"]),
        ("logo", "not base64!"),
        ("logo", text_of(b"<svg onload='alert(1)'/>")),
        ("logo", text_of(png()[:-20])),
        ("logo", text_of(png(5000, 1))),
        ("logo", text_of(b"\xff\xd8\xff\xe0\0\x04xx\xff\xd9")),
        ("logo", text_of(png(packed=b"garbage"))),
        ("logo", text_of(png(packed=b""))),
        ("logo", text_of(png(packed=zlib.compress(bytes(2_419))))),
        ("logo", text_of(png(depth=99))),
        ("logo", text_of(png(depth=4))),
        ("firm", "Audit \u202egnP"),
        ("header", "two\nlines"),
    ],
)
def test_a_bad_field_is_refused(server: LiveServer, field: str, value: object) -> None:
    answer = change(server, **{field: value})
    assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"][0]["loc"][:2] == ["body", field]


def test_an_interlaced_logo_is_whole_with_all_of_its_passes() -> None:
    """8 × 8 pixels in seven passes: 1, 1, 2, 2 × 2, 2 × 4, 4 × 4 and 4 × 8 of 3 bytes."""
    whole = 4 + 4 + 7 + 2 * 7 + 2 * 13 + 4 * 13 + 4 * 25
    assert logo_of(text_of(png(8, 8, packed=zlib.compress(bytes(whole)), interlace=1))).height == 8
    with pytest.raises(InvalidRequest, match="isn't a whole"):
        logo_of(text_of(png(8, 8, packed=zlib.compress(bytes(whole - 1)), interlace=1)))


def test_a_jpeg_loses_comments_between_scans_and_what_follows_its_end() -> None:
    frame = b"\xff\xc2\0\x0b\x08\0\x10\0\x20\x01\x01\x11\0"
    scan = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + b"\x12\xff\0\x34\xff\xd0\x56"
    hidden = b"\xff\xfe\0\x08secret"
    start, end = b"\xff\xd8", b"\xff\xd9"
    content = start + hidden + frame + scan + hidden + scan + end + b"more" + end
    logo = logo_of(text_of(content))
    assert (logo.content, logo.height) == (start + frame + scan + scan + end, 16)
    for cut in (start + frame + end, start + frame + scan, content[:20]):
        with pytest.raises(InvalidRequest, match="isn't a whole"):
            logo_of(text_of(cut))


def test_a_large_logo_is_refused() -> None:
    large = text_of(png(40, 20, chunk(b"junk", bytes(150_000))))
    with pytest.raises(InvalidRequest, match="at most 150,000 are allowed"):
        logo_of(large)


def test_the_template_sets_the_language_of_papers(server: LiveServer, paper: str) -> None:
    change(server, language="de")
    assert '<html lang="de">' in server.admin.get(paper).text
    assert '<html lang="fr">' in server.admin.get(paper, params={"language": "fr"}).text
    path = paper.replace("working-paper", "paper-facts")
    assert server.admin.patch(path, json={"language": "en"}).status_code == 200
    assert '<html lang="en">' in server.admin.get(paper).text
    assert_problem(server.admin.get(paper, params={"language": "es"}), 422, "invalid_request")
    for cleared, language in ((path, "de"), (PATH, "en")):
        answer = server.admin.patch(cleared, json={"language": ""})
        assert answer.status_code == 200, answer.text
        assert f'<html lang="{language}">' in server.admin.get(paper).text
