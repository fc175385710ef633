"""Networks are lent from one estimator to the next, and bring nothing along."""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

import numpy as np
import pytest

from tests.estimators.beside_scikit_learn import PROBLEMS, quietly
from tinygrad_mlp.engine import Value
from tinygrad_mlp.estimators import MLPClassifier, MLPRegressor, _lending
from tinygrad_mlp.estimators._compiled_network import Architecture, Network
from tinygrad_mlp.estimators._lending import lent_network
from tinygrad_mlp.estimators._update_rules import AdamRule
from tinygrad_mlp.nn import ACTIVATIONS

X, y = PROBLEMS["four classes"].X, PROBLEMS["four classes"].y
TARGETS = PROBLEMS["one output"].y
SMALL = Architecture((2, 3, 1), ("relu",), "identity")


@pytest.fixture(autouse=True)
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[Network]:
    """The networks that wait, none at first."""
    monkeypatch.setattr(_lending, "_waiting", [])
    return _lending._waiting


def threefold(x: Value) -> Value:
    return 3.0 * x


def test_a_name_that_means_another_function_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACTIVATIONS.data, "bent", Value.tanh)
    model = MLPRegressor(hidden_layer_sizes=[2], activation="bent", max_iter=1, random_state=0)
    quietly(model.fit, X, TARGETS)
    monkeypatch.setitem(ACTIVATIONS.data, "bent", threefold)
    hidden = 3.0 * (X @ model.coefs_[0] + model.intercepts_[0])
    expected = (hidden @ model.coefs_[1] + model.intercepts_[1]).ravel()
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-10)
    assert model.graph(X[0])[0].data == pytest.approx(expected[0])


def test_names_of_the_same_function_share_a_network(waiting: list[Network]) -> None:
    for name in ("logistic", "sigmoid"):
        quietly(MLPRegressor(activation=name, max_iter=1).fit, X, TARGETS)
    assert len(waiting) == 1


def test_only_a_few_wait(waiting: list[Network], monkeypatch: pytest.MonkeyPatch) -> None:
    assert _lending.MOST_NETWORKS == 32
    monkeypatch.setattr(_lending, "MOST_NETWORKS", 3)
    for size in range(1, 6):
        with lent_network(Architecture((2, size), (), "identity")):
            pass
    assert [network.architecture.sizes for network in waiting] == [(2, 3), (2, 4), (2, 5)]


@pytest.mark.parametrize(("limit", "left"), [(180, 3), (179, 2), (60, 1), (59, 0)])
def test_memory_counts_together(
    waiting: list[Network], monkeypatch: pytest.MonkeyPatch, limit: int, left: int
) -> None:
    monkeypatch.setattr(_lending, "MOST_NUMBERS", limit)
    networks = [Network(SMALL) for _ in range(3)]
    monkeypatch.setattr(_lending, "_taken", lambda _: networks.pop())
    for _ in range(3):
        with lent_network(SMALL) as network:
            network.outputs(np.zeros((10, 2)))  # 10 rows of 6 numbers
    assert len(waiting) == left


@pytest.mark.parametrize(("limit", "left"), [(39, 3), (38, 2), (1, 1)])
def test_parameters_count_together(
    waiting: list[Network], monkeypatch: pytest.MonkeyPatch, limit: int, left: int
) -> None:
    monkeypatch.setattr(_lending, "MOST_PARAMETERS", limit)
    networks = [Network(SMALL) for _ in range(3)]
    monkeypatch.setattr(_lending, "_taken", lambda _: networks.pop())
    for _ in range(3):
        with lent_network(SMALL) as network:
            assert len(network.parameters) == 13
    assert len(waiting) == left


def test_after_an_error_a_network_is_lent_to_nobody(waiting: list[Network]) -> None:
    with pytest.raises(ZeroDivisionError), lent_network(SMALL):
        raise ZeroDivisionError
    assert waiting == []
    quietly(MLPClassifier([3], max_iter=1, random_state=0).fit, X, y)
    assert len(waiting) == 1


def test_after_ctrl_c_a_network_is_lent_to_nobody(
    waiting: list[Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(AdamRule, "rate_of_step", interrupted)
        with pytest.warns(UserWarning, match="interrupted in epoch 1"):
            MLPClassifier([3], random_state=0).fit(X, y)
    assert waiting == []


def test_what_is_predicted_is_no_part_of_a_network() -> None:
    for dtype in (np.float64, np.float32):
        features: Any = X.astype(dtype)
        model = quietly(MLPClassifier([3], max_iter=1, random_state=0).fit, features, y)
        first = model.predict_proba(features)
        copy = first.copy()
        model.predict_proba(features + 1.0)
        assert (first == copy).all()


def _loss(_: int) -> float:
    return float(quietly(MLPClassifier([5], max_iter=3, random_state=0).fit, X, y).loss_)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_forked_processes_have_their_own() -> None:
    before = _loss(0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(_loss, range(4))
    assert [*found, _loss(0)] == [before] * 5
