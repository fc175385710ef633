"""What the page unpacks is what Python packed: every kind of block, by zlib itself."""

from __future__ import annotations

import base64
import random
import zlib

import pytest

from tests.replaying import Opener
from tinygrad_mlp.debug import worked_example

KINDS = {
    "stored": (0, zlib.Z_DEFAULT_STRATEGY),
    "fixed": (9, zlib.Z_FIXED),
    "letters alone": (9, zlib.Z_HUFFMAN_ONLY),
    "one letter": (9, zlib.Z_RLE),
    "dynamic": (9, zlib.Z_DEFAULT_STRATEGY),
}
RANDOM = random.Random(0)
NUMBERS = ",".join(str(RANDOM.choice((7, 12, 493))) for _ in range(40_000))
LETTERS = "".join(RANDOM.choice("abcdefghij0123456789,[]é∂中👩") for _ in range(70_000))
FAR = LETTERS[:300] + "x" * 32_000 + LETTERS[:300]  # the distance and the length are the longest
TEXTS = {"nothing": "", "a letter": "é", "numbers": NUMBERS, "letters": LETTERS, "far": FAR}


def packed(text: str, kind: str) -> str:
    level, strategy = KINDS[kind]
    packing = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, 9, strategy)
    return lettered(packing.compress(text.encode()) + packing.flush())


def lettered(content: bytes) -> str:
    return base64.b85encode(content).decode().translate(str.maketrans("<{", ":,"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_block_is_unpacked(viewer: Opener, kind: str) -> None:
    page = viewer(worked_example()).page
    for name, text in TEXTS.items():
        assert page.evaluate("text => unpacked(text)", packed(text, kind)) == text, name


def test_a_damaged_page_says_so(viewer: Opener) -> None:
    page = viewer(worked_example()).page
    for damaged in (packed(NUMBERS, "dynamic")[:-50], lettered(b"\xff" * 9), ""):
        said = page.evaluate(
            "text => { try { return unpacked(text); } catch (e) { return e.message; } }", damaged
        )
        assert said == "this page is damaged: write it again"
