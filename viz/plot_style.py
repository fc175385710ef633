"""How the plots look, and how they get into files: the one place that knows matplotlib's settings.

Settings hold while a plot is made and saved, and leave a person's own as they were. No plot touches
pyplot, so there is no window and no current figure. The same data give the same file, to the byte.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tinygrad_mlp.errors import MissingDependencyError
from viz.render import format_of, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["INK", "MUTED", "PALETTE", "class_look", "literal", "new_figure", "save", "style"]

PALETTE: Final = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#7a5195",
    "#5f6b7a",
)
"""Okabe and Ito's colours, which people with any kind of colour vision tell apart (Wong, "Points of
view: Color blindness", Nature Methods 8, 2011), and two more."""

INK: Final = "#1b2433"
"""The colour of texts."""

MUTED: Final = "#66717f"
"""The colour of what should stand back."""

MARKERS: Final = "os^DvPX*"

STYLE: Final[dict[Any, Any]] = {
    "axes.edgecolor": "#8793a5",
    "axes.facecolor": "white",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 11,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.facecolor": "white",
    "font.family": "sans-serif",
    "font.size": 10,
    "grid.color": "#e3e7ec",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "savefig.dpi": 200,
    "svg.hashsalt": "tinygrad-mlp",  # without it the names inside an SVG are random
    "text.color": INK,
    "text.usetex": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}

# The kinds of file, each with what would otherwise put a date or a version into it.
METADATA: Final[dict[str, dict[str, Any]]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
    "svg": {"Creator": None, "Date": None},
}


MISSING_CHARACTER: Final = re.compile(r"Glyph (\d+) .* missing from font")
"""How matplotlib warns, once for each character."""


@contextmanager
def style() -> Iterator[None]:
    """Within this block matplotlib draws in our style.

    Raises:
        MissingDependencyError: without matplotlib.

    >>> with style():
    ...     figure = new_figure(4.0, 3.0)
    >>> figure.get_size_inches().tolist()
    [4.0, 3.0]
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingDependencyError.of("matplotlib", "plots", extra="all") from error
    with matplotlib.rc_context(STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that size in inches, outside of pyplot.

    >>> new_figure(4.0, 3.0).axes
    []
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: str | os.PathLike[str] | None) -> None:
    """Write the figure into a file, if there is a path: .pdf, .png or .svg.

    Warns of characters that the font lacks, and says how to choose another one.

    Raises:
        UnknownNameError: for another ending.

    >>> save(new_figure(4.0, 3.0), None)
    """
    if path is None:
        return
    file_format = format_of(path, tuple(METADATA))
    content = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(content, format=file_format, metadata=METADATA[file_format])
    write_whole(path, content.getvalue())
    texts = [str(warning.message) for warning in caught]
    missing = [match[1] for text in texts if (match := MISSING_CHARACTER.match(text))]
    if missing:
        characters = " ".join(chr(int(code)) for code in dict.fromkeys(missing))
        warnings.warn(
            f"matplotlib's font lacks the characters {characters}, which show as boxes; name an "
            "installed font that has them: matplotlib.rcParams['font.sans-serif'] = "
            "['Noto Sans CJK SC']",
            stacklevel=3,
        )
    for warning, text in zip(caught, texts):
        if not MISSING_CHARACTER.match(text):
            warnings.warn_explicit(text, warning.category, warning.filename, warning.lineno)


def class_look(index: int) -> dict[str, Any]:
    """Colour and marker of a class; who sees no colours tells the classes by their markers.

    >>> class_look(1)
    {'color': '#d55e00', 'marker': 's'}
    """
    return {"color": PALETTE[index % len(PALETTE)], "marker": MARKERS[index % len(MARKERS)]}


def literal(text: object) -> str:
    r"""The text as it stands: matplotlib reads formulas between dollars, and hides ``_names``.

    >>> print(literal("$5 or $6"))
    \$5 or \$6
    """
    escaped = str(text).replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped
