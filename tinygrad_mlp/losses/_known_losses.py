"""The losses by name: a record for each, beside which nothing else has to know of a new one.

A loss with a setting is made by a function of it. ``Loss.maker`` names that function, so that the
record can be made again with another setting, and after a weights file was read.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from tinygrad_mlp.losses import _reading as reading
from tinygrad_mlp.losses._categorical import categorical_cross_entropy, cross_entropy_of_sample
from tinygrad_mlp.losses._constants import (
    MEAN,
    MEAN_COUNT,
    MEDIAN,
    SIDES,
    best_constant,
    smoothed_shares,
    smoothed_shares_of_two,
)
from tinygrad_mlp.losses._elementwise import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    check_delta,
    hinge,
    huber,
    mean_absolute_error,
    mean_squared_error,
    poisson,
)
from tinygrad_mlp.losses._record import LOSSES, Loss
from tinygrad_mlp.losses._smoothing import check_smoothing

__all__ = ["LOSSES", "OF_THE_PACKAGE"]


def _huber(delta: float = 1.0) -> Loss:
    delta = check_delta(delta)
    return Loss(
        name="huber",
        aliases=("huber_loss", "smooth_l1", "smooth_l1_loss"),
        task="regression",
        targets="rows",
        from_logits=False,
        sample_loss=partial(huber, delta=delta),
        function=huber,
        encode_targets=reading.encode_numbers,
        predict=reading.predict_numbers,
        probabilities=reading.no_probabilities,
        constant_answer=best_constant(delta),
        pure=True,
        settings={"delta": delta},
        maker=_huber,
    )


def _binary_cross_entropy(label_smoothing: float = 0.0) -> Loss:
    label_smoothing = check_smoothing(label_smoothing)
    return Loss(
        name="binary_cross_entropy",
        aliases=("bce", "bce_loss"),
        task="classification",
        targets="rows",
        from_logits=False,
        from_probabilities=True,
        sample_loss=partial(binary_cross_entropy, label_smoothing=label_smoothing),
        function=binary_cross_entropy,
        encode_targets=reading.encode_yes_or_no,
        predict=reading.predict_from_probabilities,
        probabilities=reading.both_probabilities,
        constant_answer=smoothed_shares_of_two(label_smoothing),
        pure=True,
        settings={"label_smoothing": label_smoothing},
        maker=_binary_cross_entropy,
    )


def _binary_cross_entropy_with_logits(label_smoothing: float = 0.0) -> Loss:
    label_smoothing = check_smoothing(label_smoothing)
    return Loss(
        name="binary_cross_entropy_with_logits",
        aliases=("bce_with_logits", "bce_with_logits_loss"),
        task="classification",
        targets="rows",
        from_logits=True,
        sample_loss=partial(binary_cross_entropy_with_logits, label_smoothing=label_smoothing),
        function=binary_cross_entropy_with_logits,
        encode_targets=reading.encode_yes_or_no,
        predict=reading.predict_from_signs,
        probabilities=reading.both_sigmoids,
        constant_answer=smoothed_shares_of_two(label_smoothing),
        pure=True,
        settings={"label_smoothing": label_smoothing},
        maker=_binary_cross_entropy_with_logits,
    )


def _categorical_cross_entropy(label_smoothing: float = 0.0) -> Loss:
    label_smoothing = check_smoothing(label_smoothing)
    return Loss(
        name="categorical_cross_entropy",
        aliases=("cross_entropy", "cross_entropy_loss", "sparse_categorical_cross_entropy"),
        task="classification",
        targets="labels",
        from_logits=True,
        sample_loss=partial(cross_entropy_of_sample, label_smoothing=label_smoothing),
        function=categorical_cross_entropy,
        encode_targets=reading.encode_classes,
        predict=reading.predict_classes,
        probabilities=reading.softmax_rows,
        constant_answer=smoothed_shares(label_smoothing),
        pure=True,
        settings={"label_smoothing": label_smoothing},
        maker=_categorical_cross_entropy,
    )


OF_THE_PACKAGE: Final = (
    Loss(
        name="mean_squared_error",
        aliases=("mse", "mse_loss", "squared_error"),
        task="regression",
        targets="rows",
        from_logits=False,
        sample_loss=mean_squared_error,
        encode_targets=reading.encode_numbers,
        predict=reading.predict_numbers,
        probabilities=reading.no_probabilities,
        constant_answer=MEAN,
        pure=True,
    ),
    Loss(
        name="mean_absolute_error",
        aliases=("mae", "l1_loss", "absolute_error"),
        task="regression",
        targets="rows",
        from_logits=False,
        sample_loss=mean_absolute_error,
        encode_targets=reading.encode_numbers,
        predict=reading.predict_numbers,
        probabilities=reading.no_probabilities,
        constant_answer=MEDIAN,
        pure=True,
    ),
    _huber(),
    Loss(
        name="poisson",
        aliases=("half_poisson_deviance", "poisson_nll", "poisson_nll_loss"),
        task="regression",
        targets="rows",
        from_logits=False,
        sample_loss=poisson,
        encode_targets=reading.encode_counts,
        predict=reading.predict_exponentials,
        probabilities=reading.no_probabilities,
        constant_answer=MEAN_COUNT,
        pure=True,
        standardizable=False,
    ),
    _binary_cross_entropy(),
    _binary_cross_entropy_with_logits(),
    _categorical_cross_entropy(),
    Loss(
        name="hinge",
        aliases=("hinge_loss",),
        task="classification",
        targets="labels",
        from_logits=False,
        sample_loss=hinge,
        encode_targets=reading.encode_signs,
        predict=reading.predict_sides,
        probabilities=reading.no_probabilities,
        constant_answer=SIDES,
        pure=True,
    ),
)
"""The losses of the package, each with what other libraries call it."""

for _loss in OF_THE_PACKAGE:
    LOSSES.put(_loss.name, _loss, *_loss.aliases)
