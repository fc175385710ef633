"""The solvers "sgd" and "adam": epochs, batches, and when it is enough.

What counts is kept in attributes of the estimator, as scikit-learn has them, so that
``partial_fit`` and ``warm_start`` go on from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from tinygrad_mlp.estimators._batches import Samples, batches_of, shuffled
from tinygrad_mlp.estimators._compiled_network import Network
from tinygrad_mlp.estimators._fit_hooks import FitHooks
from tinygrad_mlp.estimators._flat_weights import Weights
from tinygrad_mlp.estimators._line_of_fit import warn_of_fit
from tinygrad_mlp.estimators._update_rules import AdamRule, SGDRule, UpdateRule
from tinygrad_mlp.training._steps_in_pieces import Pieces

__all__ = ["StochasticFit"]

Array = NDArray[Any]


class StochasticFit:
    """One fit of an estimator by "sgd" or "adam".

    Args:
        estimator: the estimator, whose attributes say what to do, and keep what came of it.
        network: the network, with the weights to begin from.
        hooks: those of the estimator's callbacks; None for one epoch, as in ``partial_fit``.

    >>> from tinygrad_mlp.estimators import MLPRegressor
    >>> model = MLPRegressor("squared_error", [2], random_state=0, max_iter=3, tol=1.0)
    >>> X, y = np.array([[0.0], [1.0]]), np.array([0.0, 1.0])
    >>> model.set_params(n_iter_no_change=1).fit(X, y).n_iter_
    3
    """

    def __init__(self, estimator: Any, network: Network, hooks: FitHooks | None) -> None:
        self._estimator = estimator
        self._network = network
        self._hooks = hooks
        self._validation: Samples | None = None

    def run(self, samples: Samples) -> Weights:
        """Train, and return the weights to keep.

        Raises:
            ValueError: if the validation set would have fewer than two samples; if a batch norm
                would get a batch of one.
        """
        estimator = self._estimator
        if estimator.early_stopping:
            samples, self._validation = self._split(samples)
            self._begin_to_validate()
        rule = self._rule()
        batch_size = self._batch_size(len(samples))
        estimator.n_iter_ = 0
        try:
            self._run_epochs(samples, batch_size, rule)
        except KeyboardInterrupt:
            self._network.is_whole = False
            warn_of_fit(
                f"the training was interrupted in epoch {estimator.n_iter_ + 1}; the estimator has "
                "the weights that it had then",
            )
        finally:
            self._network.forget_samples()
        if estimator.early_stopping:
            best: Weights = estimator._best_weights
            return best
        return self._network.weights

    def _run_epochs(self, samples: Samples, batch_size: int, rule: UpdateRule) -> None:
        estimator, network = self._estimator, self._network
        n_samples = len(samples)
        order = np.arange(n_samples) if estimator.shuffle else None
        while estimator.n_iter_ < estimator.max_iter:
            if self._hooks is not None:
                self._hooks.begin_epoch()
            if order is not None:
                order = shuffled(order, estimator._random_state)
            estimator.loss_ = self._run_epoch(samples, batch_size, order, rule)
            estimator.n_iter_ += 1
            estimator.t_ += n_samples
            estimator.loss_curve_.append(estimator.loss_)
            self._say(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
            self._count_failures()
            rule.end_epoch(estimator.t_)
            stopped = self._hooks is None or self._hooks.end_epoch(lambda: network.weights)
            if self._is_enough(rule) or stopped:
                return
        self._warn_of_no_convergence()

    def _run_epoch(
        self, samples: Samples, batch_size: int, order: Array | None, rule: UpdateRule
    ) -> float:
        """A step for each batch, and the mean of what the samples cost, penalties included."""
        pieces = None
        has_steps_to_join = len(samples) > batch_size
        if isinstance(samples.X, np.ndarray) and has_steps_to_join:
            pieces = self._network.pieces(samples, batch_size, rule)
        if pieces is not None:
            return self._run_pieces(pieces, samples, batch_size, order)
        return self._run_steps(batches_of(samples, batch_size, order), rule)

    def _run_pieces(
        self, pieces: Pieces, samples: Samples, batch_size: int, order: Array | None
    ) -> float:
        """Many steps in a call of the C library."""
        network, n_samples = self._network, len(samples)
        order = np.arange(n_samples) if order is None else order
        counts, sums = None, pieces.sizes
        if samples.weights is not None:
            counts, sums = network.counts_of_batches(samples.weights[order], batch_size)
        strengths = float(self._estimator.alpha) / sums
        total, step, done = 0.0, 0, 0
        while step < pieces.n_steps:
            rest = None if counts is None else counts[done:]
            losses, sizes = network.take_piece(pieces, order[done:], step, rest, strengths[step:])
            total = float(np.add.accumulate(np.append(total, losses * sizes))[-1])
            step, done = step + len(sizes), done + int(sizes.sum())
        return total / n_samples

    def _run_steps(self, batches: Iterable[Samples], rule: UpdateRule) -> float:
        """A call for each step."""
        network, alpha = self._network, self._estimator.alpha
        total, n_samples = 0.0, 0
        with np.errstate(all="ignore"):
            for batch in batches:
                loss = network.objective(batch.X, batch.targets, batch.weights, alpha)
                rule.step(network.parameters, network.gradients)
                total += loss * len(batch)
                n_samples += len(batch)
        return total / n_samples

    # When it is enough

    def _count_failures(self) -> None:
        """How many epochs in a row were no better than the best one, by ``tol``."""
        estimator = self._estimator
        if self._validation is not None:
            better = self._validate(self._validation)
        else:
            best = np.inf if estimator.best_loss_ is None else estimator.best_loss_
            better = not estimator.loss_ > best - float(estimator.tol)
            estimator.best_loss_ = min(best, estimator.loss_)
        estimator._no_improvement_count = 0 if better else estimator._no_improvement_count + 1

    def _validate(self, held_out: Samples) -> bool:
        """Note score and loss of what is held out, and the weights if they are the best so far."""
        estimator, network = self._estimator, self._network
        loss, outputs = network.evaluate(held_out.X, held_out.targets, held_out.weights)
        score = estimator._score_of(outputs, held_out.targets, held_out.weights)
        estimator.validation_loss_curve_.append(loss)
        estimator.validation_scores_.append(score)
        self._say(f"Validation score: {score:f}")
        better = not score < estimator.best_validation_score_ + float(estimator.tol)
        if score > estimator.best_validation_score_:
            estimator.best_validation_score_ = score
            estimator._best_weights = network.weights
        return better

    def _is_enough(self, rule: UpdateRule) -> bool:
        """Whether to stop; an adaptive rate shrinks instead, as long as it can."""
        estimator = self._estimator
        if estimator._no_improvement_count <= estimator.n_iter_no_change:
            return False
        what = "validation score" if self._validation is not None else "training loss"
        reason = (
            f"The {what} has not improved by more than tol={estimator.tol:f} for "
            f"{estimator.n_iter_no_change} epochs in a row."
        )
        if rule.goes_on_slower():
            estimator._no_improvement_count = 0
            self._say(f"{reason} Setting learning rate to {rule.learning_rate:f}")
            return False
        self._say(f"{reason} Stopping.")
        return True

    def _warn_of_no_convergence(self) -> None:
        warn_of_fit(
            f"{type(self._estimator).__name__} stopped at max_iter={self._estimator.max_iter} "
            "epochs while it was still improving; give a larger max_iter, or a larger "
            "learning_rate_init",
            ConvergenceWarning,
        )

    # What it begins with

    def _split(self, samples: Samples) -> tuple[Samples, Samples]:
        """What is trained on, and what is held out: the very samples that scikit-learn takes."""
        estimator = self._estimator
        stratifies = is_classifier(estimator) and estimator.n_outputs_ == 1
        train = held_out = np.arange(0)
        if estimator.validation_fraction > 0.0:  # train_test_split would name its own argument
            train, held_out = train_test_split(
                np.arange(len(samples)),
                random_state=estimator._random_state,
                test_size=estimator.validation_fraction,
                stratify=samples.targets.astype(bool) if stratifies else None,
            )
        if len(held_out) < 2:
            raise ValueError(
                "The validation set is too small: early_stopping would hold out "
                f"{len(held_out)} of {len(samples)} samples, but two are needed at least; give "
                "more samples, or a larger validation_fraction"
            )
        return samples.rows(train), samples.rows(held_out)

    def _begin_to_validate(self) -> None:
        """Nothing is the best yet, unless an earlier fit has validated too."""
        estimator = self._estimator
        if estimator.validation_scores_ is None:
            estimator.best_loss_ = None
            estimator.validation_scores_, estimator.validation_loss_curve_ = [], []
            estimator.best_validation_score_ = -np.inf
            estimator._best_weights = self._network.weights

    def _rule(self) -> UpdateRule:
        """The rule of this fit; ``partial_fit`` goes on with the one that there is."""
        estimator = self._estimator
        if self._hooks is None and hasattr(estimator, "_rule"):
            rule: UpdateRule = estimator._rule
            return rule
        size, dtype = len(self._network.parameters), self._network.parameters.dtype
        if estimator.solver == "sgd":
            estimator._rule = SGDRule(
                size,
                estimator.learning_rate_init,
                estimator.learning_rate,
                estimator.momentum,
                estimator.nesterovs_momentum,
                estimator.power_t,
                dtype,
            )
        else:
            estimator._rule = AdamRule(
                size,
                estimator.learning_rate_init,
                estimator.beta_1,
                estimator.beta_2,
                estimator.epsilon,
                dtype,
            )
        made: UpdateRule = estimator._rule
        return made

    def _batch_size(self, n_samples: int) -> int:
        given = self._estimator.batch_size
        is_auto = isinstance(given, str)
        size = min(200 if is_auto else int(given), n_samples)
        if self._estimator.batch_norm and (n_samples - 1) % size == 0:
            raise ValueError(
                f"of {n_samples} samples in batches of {size} the last batch has one, which "
                "batch_norm cannot compare with others; give another batch_size"
            )
        if not is_auto and given > n_samples:
            warn_of_fit(
                f"batch_size={given} is more than the {n_samples} samples that there are to train "
                "on; all of them are one batch",
            )
        return size

    def _say(self, line: str) -> None:
        if self._estimator.verbose:
            print(line)
