"""The rules: stochastic gradient descent (SGD), RMSprop, Adam and AdamW.

Each rule is written once, and the same lines serve the float of one Value and an array of all
parameters. What it is given stays as it is: only what a line of the rule has made itself is changed
in place, with ``+=`` and the like, which saves time on arrays. What is the same for all parameters
is computed once for each step, by ``coefficients``. The rest is in ``_base.py``.

Averages over time are kept as sums. With s = beta s + g the last gradient has the weight 1, the one
before beta, then beta^2; divided by the sum of the weights, N = 1 + beta + ... + beta^(t-1), s is
the weighted mean of the gradients. Textbooks keep m = beta m + (1 - beta) g, which is (1 - beta) s,
and correct its bias with 1 - beta^t, which is (1 - beta) N: the same mean, with more to compute.
So s is the textbook's m in units of 1 - beta: after a change of beta ``in_present_units`` gives the
s that stands for the same m.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

from tinygrad_mlp._arguments import check_flag
from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp._words import our_words
from tinygrad_mlp.optim._base import Group, Number, Optimizer, Parameter
from tinygrad_mlp.optim._in_parts import Units

__all__ = ["SGD", "Adam", "AdamW", "RMSprop"]


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    Plain: p = p - learning_rate * g. With momentum mu, a velocity gathers the gradients:
    v = mu v + g; p = p - learning_rate * v. Nesterov's form looks one step ahead along it:
    p = p - learning_rate * (g + mu v). Weight decay adds weight_decay * p to g beforehand.

    Args:
        parameters: the Values to step, or groups of them, as for ``Optimizer``.
        learning_rate: at least 0; 0.001 unless given.
        momentum: mu, from 0 (none) to 1.
        nesterov: whether to use Nesterov's form; needs a momentum.
        weight_decay: the L2 penalty's factor, at least 0.

    Raises:
        InvalidArgumentError: for a number out of its range; ``nesterov`` without momentum.

    Source: Sutskever et al. (2013), On the importance of initialization and momentum in deep
    learning; in the form, and with the defaults, of ``torch.optim.SGD``.

    >>> import numpy as np
    >>> numbers = np.array([1.0, -2.0])
    >>> optimizer = SGD(learning_rate=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.step_array(numbers, np.array([1.0, 0.0]))
    >>> numbers.round(6)
    array([ 0.71, -2.  ])
    """

    state_names = ("velocity",)
    setting_names = ("learning_rate", "momentum", "nesterov", "weight_decay")
    rate_by_name = 0.1

    @our_words
    def __init__(
        self,
        parameters: Iterable[Parameter | Group] = (),
        learning_rate: float = 0.001,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.nesterov = check_flag(nesterov, "nesterov", "SGD(momentum=0.9, nesterov=True)")
        above_0 = {"above": 0.0} if nesterov else {"at_least": 0.0}
        self.momentum = self._setting("momentum", momentum, 0.9, at_most=1.0, **above_0)
        self.weight_decay = self._setting("weight_decay", weight_decay, 0.0001, at_least=0.0)

    def coefficients(self, step: int) -> tuple[float, ...]:
        """The learning rate, mu and the weight decay."""
        return self.learning_rate, self.momentum, self.weight_decay

    def update(
        self,
        xp: Interpreter,
        parameter: Number,
        gradient: Number,
        state: tuple[Number, ...],
        coefficients: tuple[Number, ...],
    ) -> tuple[Number, tuple[Number, ...]]:
        """What is subtracted, and the new state."""
        learning_rate, momentum, weight_decay = coefficients
        if self.weight_decay:
            gradient = gradient + weight_decay * parameter
        (velocity,) = state
        if self.momentum:
            velocity = momentum * velocity
            velocity += gradient
            gradient = gradient + momentum * velocity if self.nesterov else velocity
        return learning_rate * gradient, (velocity,)


class RMSprop(Optimizer):
    """Gradient descent with each gradient divided by its own recent size.

    q = alpha q + g^2; p = p - learning_rate * g / (sqrt((1 - alpha) q) + epsilon). Centered, the
    mean square (1 - alpha) q gives way to the variance: with d = g - m, m = m + (1 - alpha) d and
    q = alpha (q + d^2), which is never negative, where a difference of rounded numbers may be. With
    momentum mu, a velocity v = mu v + g / (...) takes the step. Weight decay as in ``SGD``.

    Args:
        parameters: the Values to step, or groups of them, as for ``Optimizer``.
        learning_rate: at least 0; 0.01 unless given.
        alpha: how much of the past remains after a step, from 0 to below 1.
        epsilon: above 0; bounds the step where gradients vanish.
        momentum: mu, from 0 (none) to 1.
        centered: whether to divide by the standard deviation.
        weight_decay: the L2 penalty's factor, at least 0.

    Raises:
        InvalidArgumentError: for a number out of its range.

    Source: Tieleman and Hinton (2012), Neural Networks for Machine Learning, lecture 6.5; with the
    defaults of ``torch.optim.RMSprop``. The variance: Finch (2009), Incremental calculation of
    weighted mean and variance.

    >>> import numpy as np
    >>> numbers = np.array([1.0, 1.0])
    >>> RMSprop(learning_rate=0.01).step_array(numbers, np.array([1000.0, 0.001]))
    >>> numbers.round(4)
    array([0.9, 0.9])
    """

    state_names = ("square_sum", "mean", "velocity")
    unit_names = ("alpha", "centered")
    setting_names = ("learning_rate", "alpha", "epsilon", "momentum", "centered", "weight_decay")

    @our_words
    def __init__(
        self,
        parameters: Iterable[Parameter | Group] = (),
        learning_rate: float = 0.01,
        *,
        alpha: float = 0.99,
        epsilon: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.alpha = self._setting("alpha", alpha, 0.99, at_least=0.0, below=1.0)
        self.epsilon = self._setting("epsilon", epsilon, 1e-8, above=0.0)
        self.momentum = self._setting("momentum", momentum, 0.9, at_least=0.0, at_most=1.0)
        self.centered = check_flag(centered, "centered", "RMSprop(parameters, centered=True)")
        self.weight_decay = self._setting("weight_decay", weight_decay, 0.0001, at_least=0.0)

    def coefficients(self, step: int) -> tuple[float, ...]:
        """The numbers of the step, with 1 / sqrt(1 - alpha) moved out of the fraction."""
        scale = 1.0 / math.sqrt(1.0 - self.alpha)
        return (
            self.learning_rate * scale,
            self.epsilon * scale,
            self.alpha,
            1.0 - self.alpha,
            self.momentum,
            self.weight_decay,
        )

    def update(
        self,
        xp: Interpreter,
        parameter: Number,
        gradient: Number,
        state: tuple[Number, ...],
        coefficients: tuple[Number, ...],
    ) -> tuple[Number, tuple[Number, ...]]:
        """What is subtracted, and the new state."""
        rate, epsilon, alpha, one_minus_alpha, momentum, weight_decay = coefficients
        square_sum, mean, velocity = state
        if self.weight_decay:
            gradient = gradient + weight_decay * parameter
        if self.centered:
            difference = gradient - mean
            mean = mean + one_minus_alpha * difference
            square_sum = square_sum + difference * difference
            square_sum *= alpha
        else:
            square_sum = alpha * square_sum
            square_sum += gradient * gradient
        denominator = xp.sqrt(square_sum)
        denominator += epsilon
        change = gradient / denominator
        if self.momentum:
            velocity = momentum * velocity
            velocity += change
            change = velocity
        return rate * change, (square_sum, mean, velocity)

    def in_present_units(self, state: tuple[Number, ...], units: Units) -> tuple[Number, ...]:
        """The state after a change of alpha, or of ``centered``."""
        square_sum, mean, velocity = state
        alpha, _ = units
        ratio = (1.0 - alpha) / (1.0 - self.alpha)
        square_sum = ratio * square_sum
        if not self.centered:  # any more: E[g^2] = variance + mean^2
            square_sum = square_sum + mean * mean / (1.0 - self.alpha)
            mean = 0.0 * mean
        return square_sum, mean, velocity / math.sqrt(ratio)


class Adam(Optimizer):
    """Gradient descent along the mean gradient, divided by the root of its mean square.

    With s = beta1 s + g and q = beta2 q + g^2, and with the sums of the weights N1 and N2 (see
    above), m = s / N1 and v = q / N2 are the weighted means of g and g^2 over all steps so far: the
    textbook's m_hat and v_hat. p = p - learning_rate * m / (sqrt(v) + epsilon). Weight decay adds
    weight_decay * p to g beforehand.

    Args:
        parameters: the Values to step, or groups of them, as for ``Optimizer``.
        learning_rate: at least 0; 0.001 unless given.
        beta1: how much of the gradients remains after a step, from 0 to below 1.
        beta2: how much of their squares does, likewise.
        epsilon: above 0; bounds the step where gradients vanish.
        weight_decay: the L2 penalty's factor, at least 0; ``AdamW`` is the better place for it.

    Raises:
        InvalidArgumentError: for a number out of its range.

    Source: Kingma and Ba (2015), Adam: a method for stochastic optimization, algorithm 1, computed
    in the order of the end of section 2; with the defaults of ``torch.optim.Adam``.

    >>> import numpy as np
    >>> numbers = np.array([1.0, 1.0])
    >>> Adam(learning_rate=0.01).step_array(numbers, np.array([1000.0, -0.001]))
    >>> numbers.round(4)
    array([0.99, 1.01])
    """

    state_names = ("gradient_sum", "square_sum")
    unit_names = ("beta1", "beta2")
    setting_names = ("learning_rate", "beta1", "beta2", "epsilon", "weight_decay")
    decoupled_weight_decay: ClassVar[bool] = False

    @our_words
    def __init__(
        self,
        parameters: Iterable[Parameter | Group] = (),
        learning_rate: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.beta1 = self._setting("beta1", beta1, 0.9, at_least=0.0, below=1.0)
        self.beta2 = self._setting("beta2", beta2, 0.999, at_least=0.0, below=1.0)
        self.epsilon = self._setting("epsilon", epsilon, 1e-8, above=0.0)
        self.weight_decay = self._setting("weight_decay", weight_decay, 0.01, at_least=0.0)

    def coefficients(self, step: int) -> tuple[float, ...]:
        """The numbers of the step, with N1 and N2 moved out of the fraction.

        m / (sqrt(v) + epsilon) = (sqrt(N2) / N1) * s / (sqrt(q) + epsilon * sqrt(N2)).
        """
        beta1, beta2, learning_rate = self.beta1, self.beta2, self.learning_rate
        n1 = (1.0 - beta1**step) / (1.0 - beta1)
        root_n2 = math.sqrt((1.0 - beta2**step) / (1.0 - beta2))
        rate, epsilon = learning_rate * root_n2 / n1, self.epsilon * root_n2
        return beta1, beta2, rate, epsilon, self.weight_decay, learning_rate * self.weight_decay

    def update(
        self,
        xp: Interpreter,
        parameter: Number,
        gradient: Number,
        state: tuple[Number, ...],
        coefficients: tuple[Number, ...],
    ) -> tuple[Number, tuple[Number, ...]]:
        """What is subtracted, rate * s / (sqrt(q) + epsilon), and the new s and q."""
        beta1, beta2, rate, epsilon, weight_decay, decay = coefficients
        gradient_sum, square_sum = state
        if self.weight_decay and not self.decoupled_weight_decay:
            gradient = gradient + weight_decay * parameter
        gradient_sum = beta1 * gradient_sum
        gradient_sum += gradient
        square_sum = beta2 * square_sum
        square_sum += gradient * gradient
        denominator = xp.sqrt(square_sum)
        denominator += epsilon
        change = gradient_sum / denominator
        change *= rate
        if self.weight_decay and self.decoupled_weight_decay:
            change += decay * parameter
        return change, (gradient_sum, square_sum)

    def in_present_units(self, state: tuple[Number, ...], units: Units) -> tuple[Number, ...]:
        """The state after a change of beta1 or beta2."""
        gradient_sum, square_sum = state
        beta1, beta2 = units
        gradient_sum = (1.0 - beta1) / (1.0 - self.beta1) * gradient_sum
        square_sum = (1.0 - beta2) / (1.0 - self.beta2) * square_sum
        return gradient_sum, square_sum


class AdamW(Adam):
    """Adam with the weight decay apart from the gradient.

    p = p * (1 - learning_rate * weight_decay), then Adam's step without weight decay. The arguments
    are those of ``Adam``, but weight_decay is 0.01 unless given.

    Source: Loshchilov and Hutter (2019), Decoupled weight decay regularization; with the defaults
    of ``torch.optim.AdamW``.

    >>> import numpy as np
    >>> numbers = np.array([1.0, -2.0])
    >>> AdamW(learning_rate=0.1, weight_decay=0.5).step_array(numbers, np.zeros(2))
    >>> numbers
    array([ 0.95, -1.9 ])
    """

    decoupled_weight_decay = True

    @our_words
    def __init__(
        self,
        parameters: Iterable[Parameter | Group] = (),
        learning_rate: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(
            parameters,
            learning_rate,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
            weight_decay=weight_decay,
        )
