"""``HealthMonitor``: the health of a network after every epoch of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp._text import described
from tinygrad_mlp.debug._health import STATUSES, HasParameters, HealthReport, health
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError

__all__ = ["HealthMonitor"]


class HealthMonitor:
    """A callback for ``fit`` that takes the health of the model after each epoch.

    It works with either engine: it builds the loss of a few samples eagerly. The ratio
    update/weight is that of the whole epoch, whatever the optimizer; the first epoch has none, as
    nobody has seen the parameters before it. ``viz.plots.health_curves`` draws it.

    Args:
        loss_of: a function of the model that gives the loss to look at, of a few dozen samples.
        every: look after every so many epochs.
        stop_when: the statuses that end the training, for example ("non-finite", "exploding"), or
            one of them.

    Attributes:
        epochs: the epochs that were looked at.
        reports: the ``HealthReport`` of each.

    Raises:
        InvalidArgumentError: if ``loss_of`` is no function of a model, or ``every`` is no whole
            number of at least 1.
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

    only_looks = True

    def __init__(
        self,
        loss_of: Callable[[Any], Value],
        *,
        every: int = 1,
        stop_when: str | Iterable[str] = (),
    ) -> None:
        given: object = loss_of
        if not callable(given) or hasattr(given, "named_parameters"):
            raise InvalidArgumentError(
                f"loss_of is {described(loss_of)}, but a function is needed that makes a loss of "
                "the "
                "model: HealthMonitor(lambda model: mean_squared_error("
                "[model(x) for x in X[:20]], y[:20]))"
            )
        self.loss_of = loss_of
        self.every = check_integer(every, "every")
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
