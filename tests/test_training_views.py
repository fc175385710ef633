"""How a training is shown and watched: columns, the loss of a schedule, what is compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest
import torch

from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError, ShapeError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.optim import SGD, PlateauSchedule
from tinygrad_mlp.training import History, fit, predict
from tinygrad_mlp.training._classes import classes_for
from tinygrad_mlp.training._outputs import Attributes


def history(n: int) -> History:
    numbers = [1.0 / (i + 1) for i in range(n)]
    return History(
        loss=numbers,
        validation_loss=numbers,
        accuracy=numbers,
        validation_accuracy=numbers,
        learning_rate=numbers,
        seconds=[0.1] * n,
    )


@pytest.mark.parametrize("n", [1, 2, 9, 40, 1000])
def test_numbers_stand_under_their_titles(n: int) -> None:
    titles, *rows = str(history(n)).splitlines()[2:]
    ends = [titles.index(title) + len(title) for title in titles.split("  ") if title.strip()]
    assert titles.split() == (
        [
            "epoch",
            "loss",
            "validation",
            "loss",
            "accuracy",
            "validation",
            "accuracy",
            "learning",
            "rate",
        ]
    )
    for row in rows:
        assert len(row) == len(titles)
        assert all(row[end - 1] != " " and row[end : end + 1] in {"", " "} for end in ends)
    assert [rows[0].split()[0], rows[-1].split()[0]] == ["1", str(n)]
    epochs = [int(row.split()[0]) for row in rows]
    assert epochs == sorted(set(epochs))
    gaps = np.diff(epochs)
    assert n == 1 or gaps.max() - gaps.min() <= 1
    for row, epoch in zip(rows, epochs):
        cells = row.replace(" %", "%").split()
        assert float(cells[1]) == pytest.approx(1.0 / epoch, rel=1e-3)
        assert float(cells[3].rstrip("%")) == pytest.approx(100.0 / epoch, abs=0.051)


@pytest.mark.parametrize("validated", [False, True])
def test_a_plateau_is_that_of_the_validation_loss_if_there_is_one(validated: bool) -> None:
    X, y = np.array([[0.0], [1.0], [2.0]]), np.array([0.7, -0.3, 0.9])
    other = (X, np.array([7.0, -3.0, 9.0]))
    model = MLP(1, [1], rng=0)
    found = fit(
        model,
        X,
        y,
        epochs=60,
        optimizer=SGD(model.parameters(), 0.3),
        schedule=PlateauSchedule(factor=0.5, patience=0),
        validation_data=other if validated else None,
        shuffle=False,
    )
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], 0.3)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0, eps=0)
    expected = []
    for loss in found.validation_loss if validated else found.loss:
        expected.append(optimizer.param_groups[0]["lr"])
        plateau.step(loss)
    assert found.learning_rate == pytest.approx(expected)
    assert len(set(expected)) > 1


CALLS: Final[list[int]] = []


class Counting(Module):
    """Counts how often a sample goes through it."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.inner = MLP(2, [hidden, 1], rng=0)

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        CALLS.append(1)  # an attribute that changes could not be recorded
        return self.inner.forward(x)


@pytest.mark.parametrize(
    ("hidden", "n_samples", "compiled"),
    [(3, 2, False), (3, 30, False), (3, 1000, True), (200, 3, False), (200, 300, True)],
)
def test_a_model_is_compiled_for_many_samples_only(
    hidden: int, n_samples: int, compiled: bool
) -> None:
    CALLS.clear()
    model = Counting(hidden)
    predict(model, np.ones((n_samples, 2)))
    assert (len(CALLS) < min(n_samples, 20)) == compiled
    assert compiled or len(CALLS) == n_samples


@pytest.mark.parametrize(("n", "shown"), [(6, "0, 1, 2, 3, 4, 5,"), (9, "0, 1, 2, 3, 4, 5, ...,")])
def test_many_classes_are_told_in_short(n: int, shown: str) -> None:
    X, y = np.zeros((n, 1)), np.arange(n)
    with pytest.raises((DataError, ShapeError)) as caught:
        fit(MLP(1, [2], rng=0), X, y, epochs=1, loss="categorical_cross_entropy")
    assert f"{n} classes {shown} but" in str(caught.value)


def test_truth_values_of_one_kind_are_still_two_classes() -> None:
    for y in ([True, True], [False, False]):
        assert classes_for(y, n_outputs=1).tolist() == [False, True]
        assert classes_for(y, n_outputs=2).tolist() == [False, True]


def test_one_list_among_others_that_changes_is_noticed() -> None:
    class Lists(Module):
        def __init__(self) -> None:
            self.one, self.other, self.table = [1.0], [2.0], {"rate": 1.0}

    for change in ("one", "other", "table"):
        model = Lists()
        before = Attributes(model)
        assert not before.changed()
        content = getattr(model, change)
        content.clear()
        assert before.changed()
        before.restore()
        assert not before.changed()
