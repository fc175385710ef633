"""Training: ``fit``, the history it returns, callbacks, predictions, weights on disk.

>>> from tinygrad_mlp.data import make_moons
>>> from tinygrad_mlp.nn import MLP
>>> X, y = make_moons(60, noise=0.1, rng=0)
>>> model = MLP(2, [8, 1], rng=0)
>>> history = fit(model, X, y, epochs=60, optimizer="adam", learning_rate=0.1, log_every=None)
>>> accuracy(model, X, y) > 0.9
True
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tinygrad_mlp._words import refuse_name
from tinygrad_mlp.training._callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    TrainingEndCallback,
    TrainingStartCallback,
)
from tinygrad_mlp.training._choosing import ENGINES
from tinygrad_mlp.training._engines import EagerEngine, Engine
from tinygrad_mlp.training._epoch_logs import CSVLogger, JSONLinesLogger
from tinygrad_mlp.training._evaluation import (
    ConfusionTable,
    accuracy,
    confusion_table,
    predict,
    predict_proba,
)
from tinygrad_mlp.training._history import Finding, History
from tinygrad_mlp.training._loop import fit
from tinygrad_mlp.training._rate_finder import RateSearch, find_learning_rate
from tinygrad_mlp.training._scores import (
    MultilabelScores,
    RegressionScores,
    multilabel_scores,
    regression_scores,
)
from tinygrad_mlp.training._task import Task, task_of
from tinygrad_mlp.training._weights import (
    WeightsFile,
    check_writable,
    load_model,
    load_weights,
    read_weights,
    save_weights,
)

__all__ = [
    "ENGINES",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "ConfusionTable",
    "EagerEngine",
    "EarlyStopping",
    "Engine",
    "Finding",
    "History",
    "JSONLinesLogger",
    "MultilabelScores",
    "RateSearch",
    "RegressionScores",
    "Task",
    "TrainingEndCallback",
    "TrainingStartCallback",
    "WeightsFile",
    "accuracy",
    "check_writable",
    "confusion_table",
    "find_learning_rate",
    "fit",
    "load_model",
    "load_weights",
    "multilabel_scores",
    "predict",
    "predict_proba",
    "read_weights",
    "regression_scores",
    "save_weights",
    "task_of",
]

if not TYPE_CHECKING:
    __getattr__ = partial(refuse_name, __name__)
