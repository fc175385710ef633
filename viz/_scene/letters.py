"""How wide letters are: a table of the widths in the common fonts, so that words fit their boxes.

A reader's machine chooses the font: DejaVu, Helvetica or Arial for words, DejaVu Serif or Times for
names in math. What is counted of each letter is the widest of them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from tinygrad_mlp.graph import Run

__all__ = ["INDEX_SIZE", "TABLED", "width_of"]

INDEX_SIZE: Final = 0.75
"""The size of an index beside that of its letter."""

TABLED: Final = (
    "".join(map(chr, range(ord(" "), ord("~") + 1)))
    + "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρςστυφχψω"
)
"""The letters whose widths are in the tables, in their order."""

SANS: Final = """
    318 401 460 838 637 951 780 275 391 391 500 838 318 361 318 337 637 637 637 637 637 637 637
    637 637 637 337 337 838 838 838 556 1015 685 687 722 771 667 611 778 752 295 500 667 558 863
    749 788 667 788 722 667 611 732 685 989 686 667 686 391 337 391 838 556 500 613 635 550 635
    616 353 635 634 278 278 580 278 975 634 612 635 635 412 521 393 634 592 818 592 592 525 637
    337 637 838 685 687 558 685 632 686 752 788 295 656 685 863 749 632 788 752 604 632 611 611
    788 686 788 765 660 639 592 612 541 544 634 612 339 590 592 637 559 558 612 603 635 587 634
    603 579 660 578 660 838
"""
"""The widths in thousandths of the size: the widest of DejaVu Sans, Helvetica and Arial."""

BOLD_SANS: Final = """
    349 457 521 838 696 1002 873 307 458 458 523 838 380 416 380 366 696 696 696 696 696 696 696
    696 696 696 400 400 838 838 838 611 1000 774 763 734 831 684 684 821 837 373 556 775 638 996
    837 851 733 851 771 721 683 813 774 1104 771 725 726 458 366 458 838 556 500 675 716 593 716
    679 436 716 712 343 343 666 343 1042 712 688 716 716 494 596 479 712 652 924 646 652 583 712
    366 712 838 774 763 638 774 684 726 837 851 373 775 774 996 837 632 851 837 733 684 683 725
    851 771 850 851 688 716 682 688 557 591 712 688 390 711 633 736 682 591 688 792 716 593 779
    639 676 783 646 794 870
"""

SERIF: Final = """
    318 402 460 838 637 951 891 275 391 391 500 838 318 338 318 337 637 637 637 637 637 637 637
    637 637 637 337 337 838 838 838 537 1000 723 735 766 802 730 694 799 873 396 444 748 665 1024
    875 820 673 820 753 686 667 843 723 1028 722 722 695 391 337 391 838 500 500 597 641 561 641
    592 371 641 645 320 311 606 320 949 645 603 641 641 479 514 402 645 565 856 564 565 527 637
    337 637 838 723 735 694 723 730 695 873 820 396 748 723 1024 875 704 820 873 673 708 667 722
    820 722 877 830 676 579 598 603 537 542 600 603 393 656 634 650 608 551 603 658 588 561 683
    554 608 701 606 785 816
"""
"""The widest of DejaVu Serif, STIX and Times, upright and italic."""

BOLD_SERIF: Final = """
    349 439 555 838 696 1000 903 307 474 474 523 838 349 416 349 366 696 696 696 696 696 696 696
    696 696 696 370 370 838 838 838 586 1000 776 846 796 868 763 710 855 945 468 500 870 704 1107
    915 872 752 872 832 723 745 873 776 1124 776 722 730 474 366 474 838 500 500 648 700 609 700
    637 431 700 728 380 362 693 380 1059 728 667 700 700 527 563 462 728 582 861 597 582 568 644
    364 644 838 776 846 710 776 763 730 945 872 468 870 776 1107 915 746 872 945 752 708 745 714
    872 776 914 891 770 665 661 667 608 593 728 667 484 750 702 732 694 593 667 732 666 609 738
    673 694 905 658 942 953
"""

SIGNS: Final = {
    "\N{PRIME}\N{SUPERSCRIPT LEFT PARENTHESIS}\N{SUPERSCRIPT RIGHT PARENTHESIS}": 320,
    "\N{MIDDLE DOT}\N{NO-BREAK SPACE}\N{LEFT SINGLE QUOTATION MARK}"
    "\N{RIGHT SINGLE QUOTATION MARK}": 380,
    "⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉": 440,
    "\N{DEGREE SIGN}\N{EN DASH}\N{MODIFIER LETTER CAPITAL T}": 500,
    "\N{SUPERSCRIPT MINUS}\N{DOUBLE VERTICAL LINE}\N{PARTIAL DIFFERENTIAL}": 560,
    "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}": 660,
    "\N{NABLA}": 760,
    "\N{MINUS SIGN}\N{MULTIPLICATION SIGN}\N{DIVISION SIGN}\N{PLUS-MINUS SIGN}≤≥≈≠↑↓": 840,
    "\N{N-ARY SUMMATION}\N{ELEMENT OF}": 915,
    "→←√∞": 980,
    "\N{HORIZONTAL ELLIPSIS}\N{VERTICAL ELLIPSIS}\N{EM DASH}": 1000,
}
"""Signs, which are as wide in one font as in another: at most so wide."""

MARKS: Final = frozenset({"Mn", "Me", "Cf"})
"""The categories of what stands over other letters, or is not seen."""


class Widths(dict[str, float]):
    """The width of each letter in sizes; for one that no table has, at least its width.

    >>> widths = Widths(SANS)
    >>> widths["m"], widths["語"]
    (0.975, 1.0)
    """

    def __init__(self, table: str, bold: bool = False) -> None:
        numbers = [int(number) / 1000.0 for number in table.split()]
        super().__init__(zip(TABLED, numbers, strict=True))
        for signs, width in SIGNS.items():
            self.update(dict.fromkeys(signs, width / 1000.0))
        self._bold = bold

    def __missing__(self, letter: str) -> float:
        self[letter] = width = self._bound(letter)
        return width

    def _bound(self, letter: str) -> float:
        category = unicodedata.category(letter)
        if category in MARKS:
            return 0.0
        base = unicodedata.normalize("NFD", letter)[0]
        if base in TABLED:  # some marks stand beside the letter
            return self[base] + (0.15 if base.isascii() else 0.27)
        if unicodedata.east_asian_width(letter) in "WF":
            return 1.0 if category.startswith("L") else 1.4
        return (1.2 if self._bold else 1.0) * (1.15 if category == "Ll" else 1.25)


WIDTHS: Final = {
    (False, False): Widths(SANS),
    (False, True): Widths(BOLD_SANS, bold=True),
    (True, False): Widths(SERIF),
    (True, True): Widths(BOLD_SERIF, bold=True),
}
"""By whether the letters are those of math, and whether they are bold."""


def width_of(runs: Iterable[Run], size: float, bold: bool = False) -> float:
    """How wide letters are in the widest of the common fonts.

    >>> from tinygrad_mlp.graph import Run
    >>> round(width_of([Run("mW", "code")], 10.0), 9), round(width_of([Run("12", "sub")], 10.0), 9)
    (19.64, 9.555)
    """
    total = 0.0
    for run in runs:
        scale = INDEX_SIZE if run.kind in ("sub", "sup") else 1.0
        widths = WIDTHS[run.kind != "code", bold]
        total += scale * sum(map(widths.__getitem__, run.text))
    return total * size
