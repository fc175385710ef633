"""What a page is told of the data alone: it needs that once, however often the rest changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from tinygrad_mlp._text import visible
from viz._run.run_samples import RunSamples
from viz._run.run_settings import RunSettings

__all__ = ["MOST_SENT", "SentData", "data_of"]

MOST_SENT: Final = 2000
"""Of the samples to learn from, and of those held out."""


class HasData(Protocol):
    """A run, as far as its data go."""

    @property
    def version(self) -> int:
        """Grows with each change."""

    @property
    def settings(self) -> RunSettings:
        """The present settings."""

    @property
    def samples(self) -> RunSamples:
        """The present samples."""


@dataclass(frozen=True, slots=True, eq=False)
class SentData:
    """The data of a run, and the part of the scene that belongs to them alone.

    Attributes:
        samples: the samples.
        n_painted: how many of them, the last ones, were painted.
        version: the version of the run that had them first.
        parts: their parts of the scene, by name.

    >>> from viz._run.run import Run
    >>> run = Run()
    >>> data = data_of(run)
    >>> run.set("learning_rate", 0.5)
    >>> data.are_of(run), run.set("noise", 0.5), data.are_of(run)
    (True, None, False)
    """

    samples: RunSamples
    n_painted: int
    version: int
    parts: dict[str, Any]

    def are_of(self, run: HasData) -> bool:
        """Whether a run has these data still, be it after it began anew."""
        old, new = self.samples, run.samples
        if len(run.settings.painted) != self.n_painted or new.names != old.names:
            return False
        return old is new or all(
            np.array_equal(getattr(old, name), getattr(new, name))
            for name in ("train", "held_out", "y", "X")
        )


def data_of(run: HasData, before: SentData | None = None) -> SentData:
    """The data of a run: those from before where it has them still.

    >>> from viz._run.run import Run
    >>> run = Run()
    >>> data = data_of(run)
    >>> data.parts["points"]["n_points"], data_of(run, data) is data
    ([375, 125], True)
    """
    if before is not None and before.are_of(run):
        return before
    samples, n_painted = run.samples, len(run.settings.painted)
    seen = [*samples.train[:MOST_SENT].tolist(), *samples.held_out[:MOST_SENT].tolist()]
    n_train = min(len(samples.train), MOST_SENT)
    n_given = len(samples.X) - n_painted
    X = samples.X[samples.train]
    parts = {
        "points": {
            "X": samples.X[seen].tolist(),
            "y": samples.y[seen].tolist(),
            "held_out": [0] * n_train + [1] * (len(seen) - n_train),
            "sample": seen,
            "painted": [int(i >= n_given) for i in seen],
            "n_points": [len(samples.train), len(samples.held_out)],
        },
        "names": [visible(name) for name in samples.names],
        "ranges": np.column_stack([X.min(axis=0), X.max(axis=0)]).tolist(),
        "medians": np.median(X, axis=0).tolist(),
    }
    return SentData(samples, n_painted, run.version, parts)
