"""The losses by name: a record for each, beside which nothing else has to know of a new one."""

from __future__ import annotations

from typing import Final

from tinygrad_mlp.losses._categorical import categorical_cross_entropy, cross_entropy_of_sample
from tinygrad_mlp.losses._constants import MEAN, MEDIAN, SHARES, SHARES_OF_TWO, SIDES
from tinygrad_mlp.losses._elementwise import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    hinge,
    mean_absolute_error,
    mean_squared_error,
)
from tinygrad_mlp.losses._reading import (
    both_probabilities,
    both_sigmoids,
    encode_classes,
    encode_numbers,
    encode_signs,
    encode_yes_or_no,
    no_probabilities,
    predict_classes,
    predict_from_probabilities,
    predict_from_signs,
    predict_numbers,
    predict_sides,
    softmax_rows,
)
from tinygrad_mlp.losses._record import LOSSES, Loss

__all__ = ["LOSSES", "OF_THE_PACKAGE"]

OF_THE_PACKAGE: Final = (
    Loss(
        name="mean_squared_error",
        aliases=("mse", "mse_loss", "squared_error"),
        task="regression",
        targets="rows",
        from_logits=False,
        sample_loss=mean_squared_error,
        encode_targets=encode_numbers,
        predict=predict_numbers,
        probabilities=no_probabilities,
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
        encode_targets=encode_numbers,
        predict=predict_numbers,
        probabilities=no_probabilities,
        constant_answer=MEDIAN,
        pure=True,
    ),
    Loss(
        name="binary_cross_entropy",
        aliases=("bce", "bce_loss"),
        task="classification",
        targets="rows",
        from_logits=False,
        from_probabilities=True,
        sample_loss=binary_cross_entropy,
        encode_targets=encode_yes_or_no,
        predict=predict_from_probabilities,
        probabilities=both_probabilities,
        constant_answer=SHARES_OF_TWO,
        pure=True,
    ),
    Loss(
        name="binary_cross_entropy_with_logits",
        aliases=("bce_with_logits", "bce_with_logits_loss"),
        task="classification",
        targets="rows",
        from_logits=True,
        sample_loss=binary_cross_entropy_with_logits,
        encode_targets=encode_yes_or_no,
        predict=predict_from_signs,
        probabilities=both_sigmoids,
        constant_answer=SHARES_OF_TWO,
        pure=True,
    ),
    Loss(
        name="categorical_cross_entropy",
        aliases=("cross_entropy", "cross_entropy_loss", "sparse_categorical_cross_entropy"),
        task="classification",
        targets="labels",
        from_logits=True,
        sample_loss=cross_entropy_of_sample,
        function=categorical_cross_entropy,
        encode_targets=encode_classes,
        predict=predict_classes,
        probabilities=softmax_rows,
        constant_answer=SHARES,
        pure=True,
    ),
    Loss(
        name="hinge",
        aliases=("hinge_loss",),
        task="classification",
        targets="labels",
        from_logits=False,
        sample_loss=hinge,
        encode_targets=encode_signs,
        predict=predict_sides,
        probabilities=no_probabilities,
        constant_answer=SIDES,
        pure=True,
    ),
)
"""The losses of the package, each with what other libraries call it."""

for _loss in OF_THE_PACKAGE:
    LOSSES.add(_loss.name, _loss, *_loss.aliases)
