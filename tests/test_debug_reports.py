"""Labels and reasons are data: a report shows them, and the terminal interprets none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tinygrad_mlp import MLP, Value, fit
from tinygrad_mlp.debug import HealthMonitor, HealthReport, Location, health, trace_forward
from tinygrad_mlp.training import Finding, History

RAW: Final = "red\x1b[31m"
SHOWN: Final = "red\\x1b[31m"


class Named:
    """A model whose layers are called by a person."""

    def __init__(self, *numbers: float) -> None:
        self.values = [Value(number) for number in numbers]

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        return iter([(f"{RAW}{i}", value) for i, value in enumerate(self.values)])


def report(loss_of: Callable[[Value, Value], Value], *numbers: float) -> HealthReport:
    model = Named(*numbers)
    return health(model, loss_of(*model.values))


REPORTS: Final = {
    "healthy": report(lambda a, b: a * b, 1.0, 2.0),
    "non-finite": report(lambda a, b: a.log() + b, 0.0, 1.0),
    "exploding": report(lambda a, b: 1e5 * a + b, 1.0, 1.0),
    "vanishing": report(lambda a, b: 1e-5 * a + b, 1.0, 1.0),
    "no gradient": report(lambda a, b: 0.0 * b + a, 1.0, 1.0),
}


class Stops:
    """A callback that ends the training after the first epoch."""

    reason = RAW

    def on_epoch_end(self, epoch: int, history: History, model: object) -> bool:
        return True


def test_a_health_report() -> None:
    for status, found in REPORTS.items():
        assert found.status == status
        assert RAW not in str(found)
        assert RAW not in found.verdict
        assert f"\n{SHOWN}1  " in str(found)
        assert (SHOWN in found.verdict) == (status != "healthy")
    assert REPORTS["no gradient"].verdict == (
        f"no gradient reaches {SHOWN}1: all of its gradients are 0; the loss does not depend on "
        "its parameters, or is flat in them here"
    )
    assert REPORTS["healthy"].layers[0].name == f"{RAW}0"  # the data stay what they are


def test_the_reason_of_a_callback(capsys: pytest.CaptureFixture[str]) -> None:
    history = fit(MLP(1, [1], rng=0), [[0.0], [1.0]], [0.5, 0.6], epochs=2, callbacks=[Stops()])
    printed = capsys.readouterr().out
    for text in (printed, str(history), repr(history)):
        assert f"stopped by Stops ({SHOWN})" in text
        assert RAW not in text
    assert history.reason == f"stopped by Stops ({RAW})"


def test_the_reason_of_a_health_monitor() -> None:
    monitor = HealthMonitor(lambda model: (0.0 * model.values[0]).log(), stop_when="non-finite")
    assert monitor.on_epoch_end(1, None, Named(1.0))
    assert monitor.reason.startswith(f"non-finite: {SHOWN}0 has ")


@pytest.mark.parametrize(
    "text",
    [
        str(Finding(f"dead units in {RAW}", f"print({RAW!r}, {RAW})")),
        str(Location(f"{RAW}.py", 3, RAW)),
        str(trace_forward(Value(2.0, label=RAW) * 3.0)[0]),
        str(History(loss=[1.0], engine=RAW, advice=(Finding(RAW, ""),))),
    ],
)
def test_other_reports(text: str) -> None:
    assert "\x1b" not in text
    assert SHOWN in text
