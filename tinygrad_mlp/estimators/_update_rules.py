"""The steps of the solvers "sgd" and "adam" as scikit-learn takes them, on one flat array.

They differ from ``optim``, whose rules are PyTorch's: the learning rate stands inside the velocity,
Adam adds epsilon before it corrects the bias, and the schedules count samples or failures.
"""

from __future__ import annotations

from math import sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["AdamRule", "SGDRule", "UpdateRule"]

Array = NDArray[Any]

SMALLEST_RATE: Final = 1e-6
"""At which an adaptive rate does not shrink any more, and the training stops."""

SHRINKS_BY: Final = 5.0
"""What an adaptive rate is divided by."""


class UpdateRule:
    """What both rules share: a learning rate, and what they do at the end of an epoch.

    Attributes:
        learning_rate: the rate of the next step, or of Adam's last one.

        n_steps: how many steps it has taken.
        arrays: what it remembers, a number for each parameter in each.
        work: arrays that it writes over.

    >>> rule = SGDRule(2, 0.1)
    >>> rule.learning_rate, rule.goes_on_slower(), rule.arrays
    (0.1, False, (array([0., 0.]),))
    """

    learning_rate: float

    def __init__(self, learning_rate_init: float, n_arrays: int, n_work: int, like: Array) -> None:
        self.learning_rate_init = float(learning_rate_init)
        self.n_steps = 0
        self.arrays: tuple[Array, ...] = tuple([like.copy() for _ in range(n_arrays)])
        self.work: tuple[Array, ...] = tuple([like.copy() for _ in range(n_work)])

    def step(self, parameters: Array, gradients: Array) -> None:
        """Change the parameters in place.

        >>> parameters = np.array([1.0])
        >>> SGDRule(1, 0.1, momentum=0.0).step(parameters, np.array([2.0]))
        >>> parameters
        array([0.8])
        """
        rate = self.rate_of_step(self.n_steps + 1)
        self.change(parameters, gradients, self.arrays, self.work, rate)
        self.n_steps += 1

    def rate_of_step(self, step: int) -> float:
        """The learning rate of a step, the number of which begins with 1."""
        raise NotImplementedError  # both rules have one

    def change(self, parameters: Any, gradients: Any, arrays: Any, work: Any, rate: Any) -> None:
        """The rule: change parameters and arrays in place, and write over ``work``."""
        raise NotImplementedError  # both rules have one

    def end_epoch(self, n_samples_seen: int) -> None:
        """Set the rate of the next epoch, where it depends on the samples seen since the start."""

    def goes_on_slower(self) -> bool:
        """Whether the training goes on with a smaller rate where it would have stopped."""
        return False


class SGDRule(UpdateRule):
    """Gradient descent with momentum: v = m v - r g, then p += v, or p += m v - r g (Nesterov).

    Args:
        n_parameters: how many parameters there are.
        learning_rate_init: r, at the start.
        schedule: "constant"; "invscaling", r / (n + 1)^power_t after n samples; or "adaptive",
            r / 5 whenever the training would stop.
        momentum: m.
        nesterov: whether the step looks ahead, by another m v - r g with the new v.
        power_t: the exponent of "invscaling".
        dtype: of the parameters.

    >>> rule, parameters = SGDRule(1, 0.5, nesterov=False), np.array([1.0])
    >>> for _ in range(2):
    ...     rule.step(parameters, np.array([1.0]))
    >>> parameters  # 1 - 0.5 - (0.9 * 0.5 + 0.5)
    array([-0.45])
    """

    def __init__(
        self,
        n_parameters: int,
        learning_rate_init: float,
        schedule: str = "constant",
        momentum: float = 0.9,
        nesterov: bool = True,
        power_t: float = 0.5,
        dtype: Any = np.float64,
    ) -> None:
        super().__init__(learning_rate_init, 1, 2, np.zeros(n_parameters, dtype))
        self.learning_rate = self.learning_rate_init
        self.schedule = schedule
        self.momentum = float(momentum)
        self.nesterov = nesterov
        self.power_t = float(power_t)

    def rate_of_step(self, step: int) -> float:
        """The same for all steps of an epoch."""
        return self.learning_rate

    def change(self, parameters: Any, gradients: Any, arrays: Any, work: Any, rate: Any) -> None:
        """The rule."""
        (velocity,), (scaled, ahead) = arrays, work
        np.multiply(gradients, rate, out=scaled)
        np.multiply(velocity, self.momentum, out=velocity)
        np.subtract(velocity, scaled, out=velocity)
        if not self.nesterov:
            np.add(parameters, velocity, out=parameters)
            return
        np.multiply(velocity, self.momentum, out=ahead)
        np.subtract(ahead, scaled, out=ahead)
        np.add(parameters, ahead, out=parameters)

    def end_epoch(self, n_samples_seen: int) -> None:
        """Set the rate of "invscaling", which counts samples.

        >>> rule = SGDRule(1, 1.0, "invscaling")
        >>> rule.end_epoch(99)
        >>> rule.learning_rate
        0.1
        """
        if self.schedule == "invscaling":
            self.learning_rate = self.learning_rate_init / (n_samples_seen + 1) ** self.power_t

    def goes_on_slower(self) -> bool:
        """Whether the rate is adaptive, and was large enough to be divided by 5.

        >>> rule = SGDRule(1, 1.0, "adaptive")
        >>> rule.goes_on_slower(), rule.learning_rate, SGDRule(1, 1e-6, "adaptive").goes_on_slower()
        (True, 0.2, False)
        """
        if self.schedule != "adaptive" or self.learning_rate <= SMALLEST_RATE:
            return False
        self.learning_rate /= SHRINKS_BY
        return True


class AdamRule(UpdateRule):
    """Adam with epsilon beside the uncorrected root, as on page 2 of the paper.

    m = b1 m + (1 - b1) g and v = b2 v + (1 - b2) g^2; in step number t,
    p -= r sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon).

    Args:
        n_parameters: how many parameters there are.
        learning_rate_init: r.
        beta_1: b1.
        beta_2: b2.
        epsilon: what keeps the divisor from 0.
        dtype: of the parameters.

    Source: Kingma and Ba, Adam: a method for stochastic optimization, 2015, the order of
    computation that ends section 2.

    >>> rule, parameters = AdamRule(1, 0.1, epsilon=1e-8), np.array([1.0])
    >>> rule.step(parameters, np.array([4.0]))
    >>> parameters.round(6)
    array([0.9])
    """

    def __init__(
        self,
        n_parameters: int,
        learning_rate_init: float,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        dtype: Any = np.float64,
    ) -> None:
        super().__init__(learning_rate_init, 2, 1, np.zeros(n_parameters, dtype))
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)

    @property
    def learning_rate(self) -> float:  # type: ignore[override]
        """The rate of the last step, or the one to begin with."""
        return self.rate_of_step(self.n_steps) if self.n_steps else self.learning_rate_init

    def rate_of_step(self, step: int) -> float:
        """The rate with the correction of the bias.

        >>> AdamRule(1, 0.1, beta_1=0.5, beta_2=0.75).rate_of_step(1)
        0.1
        """
        return self.learning_rate_init * sqrt(1.0 - self.beta_2**step) / (1.0 - self.beta_1**step)

    def change(self, parameters: Any, gradients: Any, arrays: Any, work: Any, rate: Any) -> None:
        """The rule."""
        (mean, mean_square), (work,) = arrays, work
        np.multiply(mean, self.beta_1, out=mean)
        np.multiply(gradients, 1.0 - self.beta_1, out=work)
        np.add(mean, work, out=mean)
        np.multiply(mean_square, self.beta_2, out=mean_square)
        np.multiply(gradients, gradients, out=work)
        np.multiply(work, 1.0 - self.beta_2, out=work)
        np.add(mean_square, work, out=mean_square)
        np.sqrt(mean_square, out=work)
        np.add(work, self.epsilon, out=work)
        np.divide(mean, work, out=work)
        np.multiply(work, rate, out=work)
        np.subtract(parameters, work, out=parameters)
