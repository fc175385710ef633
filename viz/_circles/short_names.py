"""Names short enough for circles, of which no two become alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tinygrad_mlp._text import shortened
from tinygrad_mlp.graph._naming import FreeNames

__all__ = ["short_names"]


def short_names(names: Iterable[str], limit: int) -> dict[str, str]:
    """Each name with at most so many characters, cut at a place where all of them stay apart.

    They are cut in the middle; where that makes two of them alike, all are cut at their ends, or
    wherever else they differ. If there is no such place, the later ones get ``#2``, ``#3``, ...

    >>> list(short_names(["sepal length", "petal length", "id"], 10).values())
    ['sepal…ngth', 'petal…ngth', 'id']
    >>> list(short_names(["sepal length scaled", "sepal width scaled"], 10).values())
    ['sepal len…', 'sepal wid…']
    """
    names = list(dict.fromkeys(names))
    taken = {name for name in names if len(name) <= limit}
    long = [name for name in names if len(name) > limit]
    for cut in _ways_to_cut(long, limit):
        if len({*taken, *cut}) == len(names):
            break
    else:
        free = FreeNames(taken)
        cut = [free.take(shortened(name, limit)) for name in long]
    return {**{name: name for name in names}, **dict(zip(long, cut, strict=True))}


def _ways_to_cut(names: list[str], limit: int) -> Iterator[list[str]]:
    """All names cut in the middle, then at the end, then further and further to the left."""
    yield [shortened(name, limit) for name in names]
    for tail in range(limit):
        head = limit - 1 - tail
        yield [f"{name[:head]}\N{HORIZONTAL ELLIPSIS}{name[len(name) - tail :]}" for name in names]
