"""``HealthMonitor``: the health of a network after every epoch of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp._text import described
from tinygrad_mlp.debug._health import STATUSES, HasParameters, HealthReport, LayerHealth, health
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError

__all__ = ["HealthMonitor"]

_CALL: Final = "HealthMonitor(lambda model: mean_squared_error([model(x) for x in X[:20]], y[:20]))"


class HealthMonitor:
    """A callback for ``fit`` that takes the health of the model after each epoch.

    It works with either engine: it builds the loss of a few samples eagerly. The ratio
    update/weight is that of the whole epoch, whatever the optimizer; the first epoch has none, as
    nobody has seen the parameters before it. ``viz.plots.health_curves`` draws it.

    Args:
        loss_of: a function of the model that gives the loss to look at, of a few dozen samples;
            None for what ``fit`` minimizes: its loss and penalties, in the mode in which the model
            trains, with random numbers that the training then draws as if nobody had looked.
        n_samples: of how many of the training samples that is, spread evenly over them.
        every: look after every so many epochs.
        stop_when: the statuses that end the training, for example ("non-finite", "exploding"), or
            one of them.

    Attributes:
        epochs: the epochs that were looked at.
        reports: the ``HealthReport`` of each.

    Raises:
        InvalidArgumentError: if ``loss_of`` is no function of a model, or ``every`` or
            ``n_samples`` is no whole number of at least 1; without ``loss_of`` if it is used in
            another loop than that of ``fit``.
        UnknownNameError: for an unknown status.

    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.training import fit
    >>> X, y = [[0.0], [0.5], [1.0]], [0.0, 0.25, 1.0]
    >>> monitor = HealthMonitor()
    >>> model = MLP(1, [4, 1], activation="tanh", rng=0)
    >>> history = fit(model, X, y, epochs=3, callbacks=[monitor], log_every=None)
    >>> monitor.epochs, monitor.reports[-1].status
    ([1, 2, 3], 'healthy')
    """

    only_looks = True

    def __init__(
        self,
        loss_of: Callable[[Any], Value] | None = None,
        *,
        n_samples: int = 32,
        every: int = 1,
        stop_when: str | Iterable[str] = (),
    ) -> None:
        given: object = loss_of
        if given is not None and (not callable(given) or hasattr(given, "named_parameters")):
            raise InvalidArgumentError(
                f"loss_of is {described(loss_of)}, but a function is needed that makes a loss of "
                f"the model: {_CALL}; HealthMonitor() takes the loss of fit"
            )
        self.loss_of = loss_of
        self.n_samples = check_integer(n_samples, "n_samples")
        self._loss_of_fit: Callable[[int], Value] | None = None
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
        report = health(model, self._loss(model), previous=previous)
        self.epochs.append(epoch)
        self.reports.append(report)
        return report.status in self.stop_when

    def on_training_start(self, loss_of_samples: Callable[[int], Value], model: object) -> None:
        """Learn what ``fit`` minimizes."""
        self._loss_of_fit = loss_of_samples

    def on_training_end(self, history: object, model: object) -> None:
        """Let go of the data."""
        self._loss_of_fit = None

    def _loss(self, model: HasParameters) -> Value:
        if self.loss_of is not None:
            return self.loss_of(model)
        if self._loss_of_fit is None:
            raise InvalidArgumentError(
                "HealthMonitor() looks at the loss of fit, and this is another loop; tell it what "
                f"to look at: {_CALL}"
            )
        return self._loss_of_fit(self.n_samples)

    def state_dict(self) -> dict[str, Any]:
        """What it has seen, in numbers and texts, for a training that goes on later."""
        return {
            "epochs": list(self.epochs),
            "reports": [asdict(report) for report in self.reports],
            "previous": self._previous,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the monitor stood whose ``state_dict`` this is."""
        reports = [
            HealthReport(tuple([LayerHealth(**x) for x in report["layers"]]), report["loss"])
            for report in state["reports"]
        ]
        self.epochs[:], self.reports[:] = state["epochs"], reports
        self._previous = state["previous"]

    @property
    def reason(self) -> str:
        """Why it ended the training, for the history."""
        return self.reports[-1].verdict if self.reports else ""
