"""A plugin of pytest: whoever imports scikit-learn's MLP from here on gets ours."""

from __future__ import annotations

import pytest
from sklearn import neural_network

from tinygrad_mlp import estimators

__all__ = ["global_random_seed"]

neural_network.MLPClassifier = estimators.MLPClassifier
neural_network.MLPRegressor = estimators.MLPRegressor


@pytest.fixture
def global_random_seed() -> int:
    """What the conftest of scikit-learn gives its tests."""
    return 42
