"""How wide letters are: the table against the fonts themselves, and words within their boxes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest

from tests.fonts import FACES, advances, true_width
from tinygrad_mlp import Value
from tinygrad_mlp.graph import Run
from viz._graph import drawing_of
from viz._scene.letters import INDEX_SIZE, SIGNS, TABLED, WIDTHS, width_of
from viz._scene.scene import Rectangle, Scene, Words
from viz._style.drawing_options import completed


@pytest.mark.parametrize("face", FACES)
def test_the_table_holds_the_widest_of_the_fonts(face: tuple[bool, bool]) -> None:
    for letter in TABLED:
        counted, width = WIDTHS[face][letter], true_width(letter, face)
        assert width <= counted + 1e-5, letter
        assert counted < width + 0.0011, letter


@pytest.mark.parametrize("face", FACES)
def test_signs_are_no_wider_than_counted(face: tuple[bool, bool]) -> None:
    for signs, width in SIGNS.items():
        for sign in signs:
            assert 0.0 < true_width(sign, face) <= width / 1000.0, sign
            assert WIDTHS[face][sign] == width / 1000.0


@pytest.mark.parametrize("face", FACES)
def test_letters_of_other_scripts_are_no_wider_than_counted(face: tuple[bool, bool]) -> None:
    """Latin with marks, Greek, Cyrillic, Armenian, Hebrew, Arabic."""
    letters = [chr(code) for code in (*range(0xA1, 0x180), *range(0x370, 0x460))]
    letters += [chr(code) for code in (*range(0x530, 0x6E0), *range(0x1E00, 0x1F00))]
    known = [x for x in letters if unicodedata.category(x)[0] in "LNPS" and true_width(x, face)]
    assert len(known) > 600
    assert [x for x in known if WIDTHS[face][x] < true_width(x, face) - 1e-9] == []


@pytest.mark.parametrize("face", FACES)
def test_what_no_table_has_is_bounded(face: tuple[bool, bool]) -> None:
    hat = "\N{COMBINING CIRCUMFLEX ACCENT}"
    assert WIDTHS[face][hat] == 0.0
    assert WIDTHS[face]["ŷ"] == WIDTHS[face]["y"] + 0.15
    assert WIDTHS[face]["語"] == WIDTHS[face]["가"] == 1.0
    assert WIDTHS[face]["\N{SNAKE}"] >= 1.25  # in fonts with colors


def test_a_text_is_as_wide_as_its_letters() -> None:
    assert width_of([Run("mW", "code")], 10.0) == pytest.approx(9.75 + 9.89)
    assert width_of([Run("mW", "code")], 10.0, bold=True) == pytest.approx(10.42 + 11.04)
    assert width_of([Run("M", "italic"), Run("M", "upright")], 10.0) == pytest.approx(2 * 10.24)
    assert width_of([Run("1", "sub"), Run("2", "sup")], 10.0) == pytest.approx(2 * 0.75 * 6.37)
    assert width_of([], 10.0) == 0.0
    words = Words(0.0, 0.0, [Run("mW", "code")], 10.0, "#000000", bold=True)
    assert words.width == width_of(words.runs, 10.0, bold=True)


# Words in drawings


def measured(words: Words, place: int) -> float:
    """How wide words are in one of the fonts of each kind."""
    total = 0.0
    for run in words.runs:
        fonts = FACES[run.kind != "code", words.bold]
        scale = INDEX_SIZE if run.kind in ("sub", "sup") else 1.0
        advance = advances(fonts[place % len(fonts)])
        total += scale * sum([advance(letter) or 0.0 for letter in run.text])
    return total * words.size


def boxes_with_words(scene: Scene) -> Iterator[tuple[float, float, Words]]:
    """The left and right side of each box, and each text in it."""
    for group in scene.groups:
        if group.kind != "node":
            continue
        frame = group.shapes[0]
        assert isinstance(frame, Rectangle)
        left, right = frame.x - frame.width / 2.0, frame.x + frame.width / 2.0
        for shape in group.shapes:
            if isinstance(shape, Words):
                yield left, right, shape


def labeled(letters: str) -> Value:
    """A loss whose nodes have names of these letters."""
    w = [Value(0.5 + i, label=letters[i:] + letters[:i]) for i in range(3)]
    hidden = (w[0] * w[1] + w[2]).tanh()
    hidden.label = letters[::-1]
    loss = (hidden - 1.0) ** 2
    loss.backward()
    return loss


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
@pytest.mark.parametrize(
    "letters", ["mmmmmmWWWWWW", "JJJJJJJJSEPY", "firtfirtlIiI", "@@@@____????"], ids=str
)
def test_words_stay_in_their_boxes(detail: str, letters: str, place: int) -> None:
    options = completed({"detail": detail, "names": "code"})
    found = list(boxes_with_words(drawing_of(labeled(letters), options)))
    assert sum(letters[:5] in "".join([run.text for run in words.runs]) for *_, words in found)
    for left, right, words in found:
        width = measured(words, place)
        start = words.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[words.anchor] * width
        assert left <= start, words
        assert start + width <= right, words
