"""The search for a learning rate: exact on a parabola, and it leaves everything as it was."""

from __future__ import annotations

import pickle
from typing import Any, Final

import numpy as np
import pytest
import torch

from tinygrad_mlp import functional
from tinygrad_mlp.engine import Value, assign
from tinygrad_mlp.errors import InvalidArgumentError, NonFiniteError, UnknownNameError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.nn._module import Buffer
from tinygrad_mlp.optim import SGD, Adam, Optimizer
from tinygrad_mlp.training import RateSearch, find_learning_rate, fit, task_of
from viz.plots import learning_rate_curve

engines = pytest.mark.parametrize("engine", ["eager", "compiled", "auto"])
_rng = np.random.default_rng(5)
X: Final = _rng.normal(size=(23, 2))
Y: Final = np.sin(X[:, 0]) - X[:, 1]


class Line(Module):
    """A parabola as its loss: (slope x)^2 for the target 0, of which the curvature is 2 x^2."""

    def __init__(self, slopes: int = 1) -> None:
        self.slopes = [Value(1.0) for _ in range(slopes)]

    def forward(self, x: Any) -> Any:
        return functional.dot(self.slopes, x)


@engines
def test_on_a_parabola_the_loss_falls_below_2_over_the_curvature_and_grows_above(
    engine: str,
) -> None:
    x, curvature = 1.5, 2 * 1.5**2
    search = find_learning_rate(
        *(Line(), [[x]], [0.0]), start=0.01, end=5.0, n_steps=60, smoothing=0.0, engine=engine
    )
    rates = 0.01 * 500.0 ** (np.arange(60) / 59)
    n = len(search.rates)
    assert search.rates == pytest.approx(rates[:n], rel=1e-14)
    slopes = np.cumprod([1.0, *(1.0 - rates * curvature)])[:n]  # w <- w - rate curvature w
    assert search.losses == pytest.approx((slopes * x) ** 2, rel=1e-10)
    assert search.first == x**2
    falls = np.diff(search.losses) < 0.0
    assert falls.tolist() == (search.rates[:-1] < 2.0 / curvature).tolist()
    assert search.lowest is not None
    assert search.lowest == search.rates[search.rates > 2.0 / curvature][0]  # the step before it
    assert search.suggestion == search.lowest / 10.0
    assert search.diverged
    assert search.losses[-1] > search.first >= search.losses[-2]


@engines
def test_of_several_directions_the_most_curved_one_counts(engine: str) -> None:
    data = np.array([[3.0, 0.0], [0.0, 0.5]])
    largest = np.linalg.eigvalsh(2.0 * data.T @ data / 2)[-1]
    settings: dict[str, Any] = {"smoothing": 0.0, "engine": engine, "start": 0.01, "n_steps": 200}
    search = find_learning_rate(Line(2), data, [0.0, 0.0], **settings)
    w, expected = np.ones(2), []
    for rate in search.rates:
        expected.append(np.mean((data @ w) ** 2))
        w = w - rate * data.T @ (data @ w)
    assert search.losses == pytest.approx(expected, rel=1e-9)
    assert search.diverged
    assert search.lowest is not None
    assert search.lowest > 2.0 / largest  # until then the loss can but fall


def test_the_smoothed_loss_is_a_running_mean_from_that_of_all_samples() -> None:
    search = find_learning_rate(
        *(MLP(2, [3, 1], rng=0), X, Y), batch_size=4, rng=0, smoothing=0.8, n_steps=30, end=0.01
    )
    expected, mean = [], search.first
    for loss in search.losses:
        mean = 0.8 * mean + 0.2 * loss
        expected.append(mean)
    assert search.smoothed == pytest.approx(expected, rel=1e-14)
    whole = find_learning_rate(MLP(2, [3, 1], rng=0), X, Y, n_steps=2)
    assert search.first == whole.first == pytest.approx(whole.losses[0], rel=1e-14)
    assert not search.diverged
    assert search.rates[[0, -1]] == pytest.approx([1e-7, 0.01], rel=1e-12)


@engines
def test_the_steps_are_those_of_torch(engine: str) -> None:
    """Adam with penalties and clipping, whose rate grows from step to step."""
    model = MLP(2, [3, 1], "tanh", rng=0)
    settings: dict[str, Any] = {"l1": 0.01, "l2": 0.02, "clip_norm": 0.5, "engine": engine}
    search = find_learning_rate(
        *(model, X, Y), optimizer=Adam(model.parameters(), 123.0), start=1e-3, end=0.3, n_steps=25,
        **settings,
    )  # fmt: skip
    tensors = [torch.tensor(array, requires_grad=True) for array in model.state_dict().values()]
    optimizer = torch.optim.Adam(tensors, lr=1.0)
    expected = []
    for rate in search.rates:
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        a, b, c, d = tensors
        out = torch.tanh(torch.tensor(X) @ a.T + b) @ c.T + d
        loss = torch.nn.functional.mse_loss(out[:, 0], torch.tensor(Y))
        for tensor in tensors:
            loss = loss + 0.01 * tensor.abs().sum() + 0.02 * (tensor**2).sum()
        expected.append(loss.item())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tensors, 0.5)
        optimizer.step()
    assert search.losses == pytest.approx(expected, rel=1e-8)
    assert len(search.losses) == 25
    assert search.first == pytest.approx(expected[0], rel=1e-12)


class Busy(Module):
    """Draws, counts, remembers: all that a search could leave behind."""

    def __init__(self) -> None:
        self.inner = MLP(2, [3, 1], "tanh", rng=0)
        self.rng = np.random.default_rng(1)
        self.count = Buffer(3.0)

    def forward(self, x: Any) -> Any:
        if self.training:
            assign(self.count, self.count + 1.0)
            x = [functional.where(functional.uniform(self.rng) < 0.8, xi, 0.0) for xi in x]
        return self.inner.forward(x)


def everything(model: Module, optimizer: Optimizer, rng: np.random.Generator) -> bytes:
    return pickle.dumps(
        [
            {name: array.tolist() for name, array in model.state_dict().items()},
            [(p.grad, p.has_grad) for p in [*model.parameters(), *model.buffers()]],
            model.training,
            [repr(module.__dict__.get("training")) for module in model.modules()],
            model.rng.bit_generator.state if isinstance(model, Busy) else None,
            {name: array.tolist() for name, array in optimizer.state_dict().items()},
            repr(optimizer),
            (optimizer.initial_learning_rate, len(optimizer.parameters)),
            rng.bit_generator.state,
            task_of(model),
        ]
    )


@engines
@pytest.mark.parametrize("trained", ["never", "by hand", "by fit"])
@pytest.mark.parametrize("make", [SGD, Adam])
def test_everything_is_as_it_was(engine: str, trained: str, make: Any) -> None:
    model, rng = Busy(), np.random.default_rng(9)
    optimizer = make(model.parameters(), learning_rate=0.01)
    if trained == "by hand":
        (model(X[0].tolist()) ** 2).backward()
        optimizer.step()
        model.inner.eval()
    elif trained == "by fit":
        fit(model, X, Y, epochs=2, optimizer=optimizer, rng=rng, log_every=None)
    before = everything(model, optimizer, rng)
    settings: dict[str, Any] = {"optimizer": optimizer, "rng": rng, "engine": engine}
    search = find_learning_rate(model, X, Y, batch_size=5, n_steps=20, **settings)
    assert len(set(search.losses.tolist())) > 10
    assert everything(model, optimizer, rng) == before
    again = find_learning_rate(model, X, Y, batch_size=5, n_steps=20, **settings)
    assert again.losses.tolist() == search.losses.tolist()


def test_an_optimizer_without_parameters_stays_so_and_errors_leave_nothing() -> None:
    model, optimizer = Busy(), Adam()
    rng = np.random.default_rng(0)
    before = everything(model, optimizer, rng)

    def failing(outputs: Any, targets: Any) -> Any:
        failing_calls.append(1)
        if len(failing_calls) > 5:
            raise OSError("the disk is full")
        return functional.mean([(o - t) ** 2 for o, t in zip(outputs, targets)])

    failing_calls: list[int] = []
    find_learning_rate(model, X, Y, optimizer=optimizer, rng=rng, n_steps=3)
    assert everything(model, optimizer, rng) == before
    with pytest.raises(OSError, match="the disk is full"):
        find_learning_rate(
            *(model, X, Y), loss=failing, optimizer=optimizer, rng=rng, engine="eager"
        )
    assert everything(model, optimizer, rng) == before


@pytest.mark.parametrize("limit", ["clip_norm", "clip_value"])
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_gradients_are_clipped(engine: str, limit: str) -> None:
    """Two weights, a gradient of 1e-9 at most for each: a step of 0.5 changes next to nothing."""
    settings: dict[str, Any] = {limit: 1e-9, "start": 0.4, "end": 0.5, "n_steps": 9}
    search = find_learning_rate(Line(2), np.eye(2), [3.0, 4.0], engine=engine, **settings)
    assert search.losses == pytest.approx([search.first] * 9, rel=1e-7)
    del settings[limit]
    free = find_learning_rate(Line(2), np.eye(2), [3.0, 4.0], engine=engine, **settings)
    assert free.losses[-1] < 0.9 * search.first


def test_the_same_seed_gives_the_same_search_and_another_order_another_one() -> None:
    settings: dict[str, Any] = {"batch_size": 4, "n_steps": 12}
    searches = [
        find_learning_rate(MLP(2, [3, 1], rng=0), X, Y, rng=rng, shuffle=shuffle, **settings)
        for rng, shuffle in [(0, True), (0, True), (1, True), (0, False), (1, False)]
    ]
    a, b, c, d, e = [search.losses.tolist() for search in searches]
    assert a == b != c
    assert d == e != a


@engines
def test_it_ends_when_the_loss_is_not_finite_or_four_times_the_lowest(engine: str) -> None:
    with np.errstate(all="ignore"):
        search = find_learning_rate(
            *(MLP(2, [3, 1], "relu", rng=0), X, Y), start=1e3, end=1e300, n_steps=10, engine=engine
        )
    assert search.diverged
    assert np.isfinite(search.losses).all()
    assert np.isfinite(search.smoothed).all()
    assert search.lowest is search.steepest is search.suggestion is None
    assert "no suggestion: the loss did not fall" in str(search)


@pytest.mark.parametrize(
    ("first", "losses", "expected"),
    [
        (1.0, [1.0, 0.5, 1.9, 2.1, 0.1], (4, True)),  # above four times the lowest, and the first
        (1.0, [1.0, 0.5, 2.0, 1.9], (4, False)),
        (1.0, [0.01, 0.9, 1.0, 0.8], (4, False)),  # not above the first
        (1.0, [0.01, 1.1, 0.8], (2, True)),
        (1.0, [3.9, 4.0, 4.1, 1.0], (3, True)),
        (-1.0, [-2.0, 3.9, 4.1, 1.0], (3, True)),  # three times its size above the lowest
        (1.0, [0.5, np.inf, 0.1], (1, True)),
        (1.0, [0.5, np.nan, 0.1], (1, True)),
    ],
)
def test_when_it_ends(first: float, losses: list[float], expected: tuple[int, bool]) -> None:
    left = iter([first, *losses])

    def loss(outputs: Any, targets: Any) -> Any:
        return outputs[0] * 0.0 + next(left)

    search = find_learning_rate(
        *(Line(), [[1.0]], [0.0]), loss=loss, engine="eager", n_steps=len(losses), smoothing=0.0
    )
    assert (len(search.losses), search.diverged) == expected
    assert search.losses.tolist() == losses[: expected[0]]


def test_a_loss_that_is_nan_from_the_start_is_an_error() -> None:
    model = MLP(2, [1], rng=0)
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError, match="not finite before the f"):
        find_learning_rate(model, 1e200 * X, Y)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"start": 0.0}, "start is 0.0"),
        ({"start": "a"}, "start is 'a'"),
        ({"start": 1.0, "end": 1.0}, "end is 1.0"),
        ({"n_steps": 1}, "n_steps is 1"),
        ({"smoothing": 1.0}, "smoothing is 1.0"),
        ({"smoothing": -0.1}, "smoothing is -0.1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"l1": -1.0}, "l1 is -1.0"),
        ({"l2": -1.0}, "l2 is -1.0"),
        ({"clip_norm": 0.0}, "clip_norm is 0.0"),
        ({"clip_value": 0.0}, "clip_value is 0.0"),
        ({"optimizer": 3}, "optimizer is 3"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        find_learning_rate(MLP(2, [1]), X, Y, **settings)


def test_batches_of_one_are_refused_to_batch_norm() -> None:
    model = MLP(2, [3, 1], batch_norm=True, rng=0)
    with pytest.raises(InvalidArgumentError, match="batch_size=1 makes batches of one sample"):
        find_learning_rate(model, X, Y, batch_size=1)
    before = {name: array.tolist() for name, array in model.state_dict().items()}
    assert find_learning_rate(model, X, Y, batch_size=6, n_steps=5).losses.shape == (5,)
    assert before == {name: array.tolist() for name, array in model.state_dict().items()}


def test_unknown_names_are_refused() -> None:
    for name in ("optimizer", "engine", "loss"):
        settings: dict[str, Any] = {name: "nothing"}
        with pytest.raises(UnknownNameError, match="nothing"):
            find_learning_rate(MLP(2, [1]), X, Y, **settings)


SEARCH: Final = RateSearch(
    np.array([0.001, 0.01, 0.1, 1.0, 10.0]),
    np.array([4.0, 4.1, 2.0, 0.9, 9.0]),
    np.array([4.0, 3.9, 2.0, 1.0, 5.0]),
    first=4.0,
    diverged=True,
)


def test_what_a_search_says() -> None:
    assert (SEARCH.lowest, SEARCH.steepest, SEARCH.suggestion) == (1.0, 0.1, 0.1)
    assert str(SEARCH) == (
        "5 steps, rates 0.001 to 10; the loss diverged\n"
        "the smoothed loss is lowest at 1; suggestion, a tenth of that: 0.1"
    )
    flat = RateSearch(SEARCH.rates, SEARCH.losses, SEARCH.smoothed, first=1.0)
    assert flat.lowest is flat.steepest is flat.suggestion is None
    assert str(flat).startswith("5 steps, rates 0.001 to 10; the loss did not diverge\nno sug")
    at_once = RateSearch(SEARCH.rates[:1], SEARCH.losses[:1], SEARCH.smoothed[:1], first=5.0)
    assert (at_once.lowest, at_once.steepest) == (0.001, None)


def test_the_plot_marks_the_suggestion_over_a_logarithm() -> None:
    (axes,) = learning_rate_curve(SEARCH, title="a search").axes
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning rate", "loss")
    points, line, lowest, suggestion = axes.lines
    assert np.array_equal(points.get_ydata(), SEARCH.losses)
    assert np.array_equal(line.get_ydata(), SEARCH.smoothed)
    assert np.array_equal(line.get_xdata(), SEARCH.rates)
    assert np.array_equal(lowest.get_xdata(), [1.0])
    assert np.array_equal(lowest.get_ydata(), [1.0])
    assert np.array_equal(suggestion.get_xdata(), [0.1, 0.1])
    assert suggestion.get_label() == "suggestion: 0.1"
    low, high = axes.get_ylim()
    assert 0.0 < low < 0.9
    assert 4.0 < high < 5.0  # where it diverges it is cut off
    flat = RateSearch(SEARCH.rates, SEARCH.losses, SEARCH.smoothed, first=1.0)
    assert len(learning_rate_curve(flat, theme="dark").axes[0].lines) == 2


def test_the_plot_needs_a_search() -> None:
    with pytest.raises(InvalidArgumentError, match=r"learning_rate_curve\(find_learning_rate\("):
        learning_rate_curve([0.1, 0.2])  # type: ignore[arg-type]
