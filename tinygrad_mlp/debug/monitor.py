"""``HealthMonitor``: the health of a network after every epoch of a training, and its picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tinygrad_mlp.debug.health import STATUSES, HasParameters, HealthReport, health
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, MissingDependencyError, UnknownNameError

__all__ = ["HealthMonitor"]


class HealthMonitor:
    """A callback for ``fit`` that takes the health of the model after each epoch.

    It works with either engine: it builds the loss of a few samples eagerly. The ratio
    update/weight is that of the whole epoch, whatever the optimizer; the first epoch has none, as
    nobody has seen the parameters before it.

    Args:
        loss_of: a function of the model that gives the loss to look at, of a few dozen samples.
        every: look after every so many epochs.
        stop_when: the statuses that end the training, for example ("non-finite", "exploding"), or
            one of them.

    Attributes:
        epochs: the epochs that were looked at.
        reports: the ``HealthReport`` of each.

    Raises:
        InvalidArgumentError: if ``every`` is less than 1.
        UnknownNameError: for an unknown status.

    >>> from tinygrad_mlp.losses import mean_squared_error
    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.training import fit
    >>> X, y = [[0.0], [0.5], [1.0]], [0.0, 0.25, 1.0]
    >>> def loss_of(model):
    ...     return mean_squared_error([model(x) for x in X], y)
    >>> monitor = HealthMonitor(loss_of)
    >>> model = MLP(1, [4, 1], activation="tanh", rng=0)
    >>> history = fit(model, X, y, epochs=3, callbacks=[monitor], log_every=None)
    >>> monitor.epochs, monitor.reports[-1].status
    ([1, 2, 3], 'healthy')
    """

    def __init__(
        self,
        loss_of: Callable[[Any], Value],
        *,
        every: int = 1,
        stop_when: str | Iterable[str] = (),
    ) -> None:
        if every < 1:
            raise InvalidArgumentError(f"every is {every}, but at least 1 is needed: every=10")
        self.loss_of = loss_of
        self.every = every
        self.stop_when = (stop_when,) if isinstance(stop_when, str) else tuple(stop_when)
        for status in self.stop_when:
            if status not in STATUSES:
                raise UnknownNameError.of("status", status, STATUSES)
        self.epochs: list[int] = []
        self.reports: list[HealthReport] = []
        self._previous: dict[str, float] | None = None

    def on_epoch_end(self, epoch: int, history: object, model: HasParameters) -> bool:
        """Take the health of the model if it is time; True where its status is in ``stop_when``."""
        if epoch == 1:
            self._previous = None
            self.epochs.clear()
            self.reports.clear()
        numbers = {name: parameter.data for name, parameter in model.named_parameters()}
        previous, self._previous = self._previous, numbers
        if epoch % self.every:
            return False
        report = health(model, self.loss_of(model), previous=previous)
        self.epochs.append(epoch)
        self.reports.append(report)
        return report.status in self.stop_when

    @property
    def reason(self) -> str:
        """Why it ended the training, for the history."""
        return self.reports[-1].verdict if self.reports else ""

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw the norms, the ratios update/weight and the dead units over the epochs.

        Args:
            path: the file, whose ending says the format: .svg, .png or .pdf.

        Raises:
            InvalidArgumentError: if there is nothing to draw yet.
            MissingDependencyError: without matplotlib.

        >>> HealthMonitor(max).plot("health.svg")
        Traceback (most recent call last):
            ...
        tinygrad_mlp.errors.InvalidArgumentError: there is no health to draw yet; train first: ...
        """
        if not self.reports:
            raise InvalidArgumentError(
                "there is no health to draw yet; train first: fit(model, X, y, callbacks=[monitor])"
            )
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise MissingDependencyError.of("matplotlib", "plots", extra="all") from error
        figure = Figure(figsize=(11.0, 3.2), layout="constrained")
        titles = ("norm of the gradients", "norm of the weights", "update / weight", "dead units")
        attributes = ("gradient_norm", "weight_norm", "update_ratio", "dead_share")
        for axes, title, attribute in zip(figure.subplots(1, 4), titles, attributes):
            axes.set_title(title, fontsize=10)
            axes.set_xlabel("epoch")
            self._draw_lines(axes, attribute)
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target)
        return target

    def _draw_lines(self, axes: Any, attribute: str) -> None:
        """One line per layer; a logarithmic scale where all numbers allow it."""
        shown = []
        for place, layer in enumerate(self.reports[0].layers):
            numbers = [getattr(report.layers[place], attribute) for report in self.reports]
            points = [(e, x) for e, x in zip(self.epochs, numbers) if x is not None]
            shown += [x for _, x in points]
            if points:
                axes.plot(*zip(*points), label=layer.name, linewidth=1.5, marker=".")
        if attribute == "dead_share":
            axes.set_ylim(-0.05, 1.05)
        elif shown and min(shown) > 0.0:
            axes.set_yscale("log")
        if shown:
            axes.legend(fontsize=8)
        else:
            axes.text(0.5, 0.5, "none", ha="center", va="center", transform=axes.transAxes)
