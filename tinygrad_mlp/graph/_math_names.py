"""A name as books write it: a letter, its indices, the layer in brackets above, a hat.

It is data, which is written in several ways: as text, as one types it, in LaTeX, and as runs of
letters for a drawing. What a person typed is read back in any of these spellings.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from tinygrad_mlp._text import visible
from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["MathName", "Run", "in_latex", "parse_name"]

LOWERED: Final = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
RAISED: Final = str.maketrans("0123456789()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾")
GREEK: Final = {"delta": "δ"}
HAT: Final = "\N{COMBINING CIRCUMFLEX ACCENT}"

LABEL: Final = re.compile(r"(?P<letter>[A-Za-z])(?P<number>\d+)|(?P<word>[A-Za-z]+)_(?P<tail>\w+)")
INDICES: Final = r"_?(?P<indices{}>\d+(?:,\d+)*)"
LAYER: Final = r"\^?[(\[](?P<layer{}>\d+)[)\]]"
SPELLING: Final = re.compile(
    r"(?:(?P<owner>[^.\s]+)\.)?(?P<base>delta|[A-Za-z])(?P<hat>_?hat)?"
    f"(?:(?:{LAYER.format(1)})?(?:{INDICES.format(1)})?|{INDICES.format(2)}{LAYER.format(2)})"
    r"(?:#(?P<copy>\d+))?"
)
IN_LATEX: Final = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "{}$&#_%"},
}


class Run(NamedTuple):
    """Letters that stand together in one manner.

    Attributes:
        text: the letters.
        kind: "italic", "upright", "sub", "sup" or "code" (a name of the program, as it is).
    """

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class MathName:
    """A name as books write it.

    Attributes:
        base: a letter or "delta"; or a word; or a name of the program where ``is_code``.
        indices: unit and input, or only the unit; text where it comes from a label.
        layer: the number of the layer, from 1; None where there is none to say.
        hat: whether it is an estimate.
        owner: the model, where a graph has several.
        copy: 2, 3, ... for the second and third that has this name, such as of another sample.
        is_code: whether it is a name of the program, which no book has.

    >>> name = MathName("w", (2, 1), layer=1)
    >>> print(name, name.typed, name.latex)
    w₂₁⁽¹⁾ w[1]_21 w_{21}^{(1)}
    >>> print(MathName("y", (1,), hat=True), MathName.code("layers.0.scale"))
    ŷ₁ layers.0.scale
    """

    base: str
    indices: tuple[int | str, ...] = ()
    layer: int | None = None
    hat: bool = False
    owner: str = ""
    copy: int = 1
    is_code: bool = False

    @classmethod
    def code(cls, text: str) -> MathName:
        """A name of the program as it is.

        >>> MathName.code("v24").text
        'v24'
        """
        return cls(text, is_code=True)

    @classmethod
    def of_label(cls, label: str) -> MathName:
        r"""What a person calls a node: a letter and number, a word and what follows _, or as is.

        >>> print(*[MathName.of_label(label).latex for label in ("x1", "net_h1", "my loss")])
        x_{1} \mathrm{net}_{h1} \texttt{my loss}
        """
        found = LABEL.fullmatch(label) if label.isascii() else None
        if found is None:
            return cls(label) if len(label) == 1 and label.isalpha() else cls.code(visible(label))
        if found["letter"]:
            return cls(found["letter"], (found["number"],))
        return cls(found["word"], (found["tail"],))

    @property
    def counted(self) -> str:
        """The indices in one word, with commas where they would run together.

        >>> MathName("w", (2, 1)).counted, MathName("w", (12, 1)).counted
        ('21', '12,1')
        """
        texts = list(map(str, self.indices))
        together = "".join(texts)
        return together if len(together) <= len(texts) else ",".join(texts)

    @property
    def letter(self) -> str:
        """The base as it is shown, with its hat.

        >>> MathName("delta").letter, MathName("y", hat=True).letter
        ('δ', 'ŷ')
        """
        base = self.base if self.is_code else GREEK.get(self.base, self.base)
        return unicodedata.normalize("NFC", base + HAT) if self.hat else base

    @property
    def text(self) -> str:
        """On one line, for a terminal and for tooltips: w₂₁⁽¹⁾."""
        named = all(isinstance(index, int) or index.isdecimal() for index in self.indices)
        below = self.counted.translate(LOWERED) if named else f"_{self.counted}"
        return f"{self._before}{self.letter}{below}{self._layer.translate(RAISED)}{self._behind}"

    @property
    def typed(self) -> str:
        """In characters that every keyboard has: w[1]_21, yhat_1, delta[2]_1.

        >>> MathName("y", (1,), hat=True).typed, MathName("h", (3,), 2, copy=2).typed
        ('yhat_1', 'h[2]_3#2')
        """
        if self.is_code:
            return self.text
        layer = "" if self.layer is None else f"[{self.layer}]"
        below = f"_{self.counted}" if self.indices else ""
        return f"{self._before}{self.base}{'hat' if self.hat else ''}{layer}{below}{self._behind}"

    @property
    def latex(self) -> str:
        r"""In LaTeX, for math mode.

        >>> print(MathName("delta", (1,), 2).latex, MathName.code("a_b").latex)
        \delta_{1}^{(2)} \texttt{a\_b}
        """
        if self.is_code:
            base = f"\\texttt{{{in_latex(self.base)}}}"
        elif self.base in GREEK:
            base = f"\\{self.base}"
        else:
            base = self.base if len(self.base) == 1 else f"\\mathrm{{{in_latex(self.base)}}}"
        base = f"\\hat{{{base}}}" if self.hat else base
        before = f"\\texttt{{{in_latex(self.owner)}}}\\," if self.owner else ""
        below = f"_{{{in_latex(self.counted)}}}" if self.indices else ""
        copy = f"\\#{self.copy}" if self.copy > 1 else ""
        above = "\\,".join(filter(None, (self._layer, copy)))
        return f"{before}{base}{below}{f'^{{{above}}}' if above else ''}"

    @property
    def runs(self) -> list[Run]:
        """The letters for a drawing, in the order in which they stand.

        >>> [(run.text, run.kind) for run in MathName("w", (2, 1), 1).runs]
        [('w', 'italic'), ('21', 'sub'), ('(1)', 'sup')]
        """
        kind = "code" if self.is_code else "italic" if len(self.letter) == 1 else "upright"
        runs = (
            Run(self._before, "code"),
            Run(self.letter, kind),
            Run(self.counted, "sub"),
            Run(self._layer, "sup"),
            Run(self._behind, "code"),
        )
        return [run for run in runs if run.text]

    @property
    def spellings(self) -> tuple[str, str, str]:
        r"""What a person may type for it.

        >>> MathName("w", (2, 1), 1).spellings
        ('w₂₁⁽¹⁾', 'w[1]_21', 'w_{21}^{(1)}')
        """
        return self.text, self.typed, self.latex

    def again(self, copy: int) -> MathName:
        """The name of the second, third, ... that is called so.

        >>> print(MathName("h", (1,), 1).again(2))
        h₁⁽¹⁾#2
        """
        return replace(self, copy=copy)

    @property
    def _layer(self) -> str:
        return "" if self.layer is None else f"({self.layer})"

    @property
    def _before(self) -> str:
        return f"{self.owner}." if self.owner else ""

    @property
    def _behind(self) -> str:
        return f"#{self.copy}" if self.copy > 1 else ""

    def __str__(self) -> str:
        return self.text


def parse_name(text: str) -> MathName:
    r"""The name that a person typed, in any spelling: w[1]_21, w_21^(1), w₂₁⁽¹⁾, w_{21}^{(1)}.

    Two digits are two indices of a weight; larger indices are told apart by commas.

    Raises:
        InvalidArgumentError: if it is no such name, or if three or more digits could mean several.

    >>> parse_name("w^(1)_{21}") == parse_name("w₂₁⁽¹⁾") == MathName("w", (2, 1), 1)
    True
    >>> print(parse_name(r"\hat{y}_1"), parse_name("delta[2]_1"), parse_name("MLP#2.w[1]_12,3#4"))
    ŷ₁ δ₁⁽²⁾ MLP#2.w₁₂,₃⁽¹⁾#4
    """
    found = SPELLING.fullmatch(_plain(text))
    if found is None:
        raise InvalidArgumentError(
            f"{visible(text)!r} is no name as books write it; write the letter, the layer in "
            "brackets and the indices: w[1]_21, z[1]_2, h[1]_2, yhat_1"
        )
    digits = found["indices1"] or found["indices2"] or ""
    layer = found["layer1"] or found["layer2"]
    indices = tuple([int(index) for index in digits.split(",") if index])
    if found["base"] == "w" and "," not in digits and len(digits) > 1:
        if len(digits) > 2:
            raise InvalidArgumentError(
                f"{visible(text)!r} has {len(digits)} digits, which could mean several weights; "
                f"write a comma between the two indices: w_{digits[:-1]},{digits[-1]}"
            )
        indices = (int(digits[0]), int(digits[1]))
    return MathName(
        found["base"],
        indices,
        None if layer is None else int(layer),
        hat=bool(found["hat"]),
        owner=found["owner"] or "",
        copy=int(found["copy"] or 1),
    )


def _plain(text: str) -> str:
    """Any spelling in plain letters, digits, brackets and _."""
    plain = unicodedata.normalize("NFKD", text)
    plain = re.sub(r"\\hat\s*\{?\s*(\w)\s*\}?", r"\1hat", plain)
    plain = plain.replace(HAT, "hat").replace("δ", "delta").replace("\\", "")
    return re.sub(r"[{}\s]", "", plain)


def in_latex(text: str) -> str:
    r"""A text that means nothing but itself in LaTeX.

    >>> print(in_latex("50 % of a_b"))
    50 \% of a\_b
    """
    return "".join([IN_LATEX.get(character, character) for character in text])
