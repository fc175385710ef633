"""One kind of loss: the record that training and evaluation go by, and the door to it.

A name, a record and a function of your own all become a ``Loss`` in ``as_loss``. What a loss takes
and how its outputs are read are fields of the record. Nothing is told by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal, Never, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp import functional
from tinygrad_mlp._one_or_many import unwrapped
from tinygrad_mlp._registry import Registry
from tinygrad_mlp._text import described, literal
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, UnknownArgumentError, UnknownNameError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.losses import _reading as reading
from tinygrad_mlp.losses._constants import ConstantAnswer

__all__ = [
    "LOSSES",
    "BatchLoss",
    "Loss",
    "LossTask",
    "Targets",
    "as_loss",
    "loss_named",
    "loss_of_function",
]

Floats: TypeAlias = NDArray[np.float64]

BatchLoss = Callable[[Any, Any], Value]
"""A function of your own, ``loss(outputs, targets)``: over a whole batch unless it says else."""

LossTask = Literal["classification", "regression", ""]
"""What a loss learns; empty where the data tell: labels of text are classes, all else numbers."""

Targets = Literal["rows", "labels"]
"""What a loss takes for several outputs: a row of numbers for each sample, or its class."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One loss as a training loop uses it. The functions take whole arrays, except the loss itself.

    A record of your own goes into ``fit(model, X, y, loss=record)``, or, to be found by its name
    and to be kept in weights files, into the table: ``LOSSES.add(record.name, record)``.

    Args:
        name: what it is called.
        aliases: other names by which ``loss_named`` finds it.
        task: "classification", "regression", or "" where the data tell.
        from_logits: whether it takes ``model.logits(x)`` rather than ``model.forward(x)``.
        from_probabilities: whether it takes numbers from 0 to 1, so that other outputs are refused.
        sample_loss: ``sample_loss(outputs, target)``, the loss of one sample, from k Values and a
            row of ``encode_targets``, numbers or Values. A batch costs the mean over its samples.
        batch_loss: ``batch_loss(rows, targets)``, the loss of a whole batch, where it is not the
            mean of those of the samples; None where it is.
        encode_targets: ``encode_targets(y, n_outputs)``, targets or class numbers as floats
            (n_samples, n_outputs); raises DataError or ShapeError for what does not fit.
        targets: "rows" if ``encode_targets`` takes a row of numbers for each sample, also of zeros
            and ones; "labels" if it takes one class for each, as which one-hot rows are then read.
            None to find out by a try.
        predict: ``predict(outputs)``, from an array (n_samples, n_outputs) the classes as whole
            numbers or the values of a regression, (n_samples,); of several yes-or-no questions or
            values (n_samples, n_outputs).
        probabilities: ``probabilities(outputs)``, the probability of each class, (n_samples,
            n_classes), from an array (n_samples, n_outputs); None where the loss knows none.
        function: the function by which people may name it; None for ``sample_loss``.
        constant_answer: what always giving the same answer costs, for the advice after a training;
            None where that is not known.
        pure: whether it reads nothing but its arguments, and takes all that ``encode_targets`` lets
            through. A compiled step then asks neither again.
        standardizable: whether the targets of a regression may be brought to mean 0 and standard
            deviation 1, as advice says of large ones; counts may not.
        settings: its settings by name, such as {"delta": 1.0}.
        maker: ``maker(**settings)`` makes it with other settings; a function of a module, so that
            it can be pickled.

    Raises:
        InvalidArgumentError: if it takes both logits and probabilities.

    >>> loss = loss_named("categorical_cross_entropy")
    >>> loss.encode_targets([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    >>> loss.predict(np.array([[0.1, 2.0, 0.3]]))
    array([1])
    >>> loss.probabilities(np.array([[0.0, 0.0, 0.0, 0.0]]))
    array([[0.25, 0.25, 0.25, 0.25]])
    """

    name: str
    task: LossTask
    from_logits: bool
    sample_loss: Callable[[Sequence[Value], Sequence[Scalar]], Value]
    encode_targets: Callable[[ArrayLike, int], NDArray[Any]]
    predict: Callable[[Floats], NDArray[Any]]
    probabilities: Callable[[Floats], Floats | None]
    aliases: tuple[str, ...] = ()
    from_probabilities: bool = False
    batch_loss: BatchLoss | None = None
    targets: Targets | None = None
    function: Callable[..., Any] | None = None
    constant_answer: ConstantAnswer | None = None
    pure: bool = False
    standardizable: bool = True
    settings: Mapping[str, float] = field(default_factory=dict, hash=False)
    maker: Callable[..., Loss] | None = None

    def __post_init__(self) -> None:
        if self.from_logits and self.from_probabilities:
            raise InvalidArgumentError(
                f"the loss {self.name!r} is said to take logits and probabilities; it takes one of "
                "them: from_logits=True, or from_probabilities=True"
            )
        if self.targets is None:
            object.__setattr__(self, "targets", "rows" if self._takes_rows() else "labels")

    @classmethod
    def of_function(
        cls,
        function: BatchLoss,
        *,
        name: str = "",
        task: LossTask = "",
        targets: Targets | None = None,
        from_logits: bool = False,
        from_probabilities: bool = False,
        per_sample: bool = False,
    ) -> Loss:
        """The record of a function of your own, ``function(outputs, targets) -> Value``.

        For a model with one output it gets a Value and a number for each sample, for one with
        several a list of each. While a step is recorded the numbers are Values too.

        Args:
            function: over a whole batch, lists with an entry for each sample; or over one sample.
            name: what to call it; "" for the name of the function.
            task: "regression" (targets of the shape of the outputs, answers are the outputs),
                "classification" (targets are 0 and 1, answers are classes), or "" where the data
                tell: targets as they are, of text the numbers of the classes.
            targets: of a classification: "labels" (one class for each sample; the function gets
                0 or 1 for one output, else a one-hot row), or "rows" (several questions of yes or
                no); None for "labels".
            from_logits: whether it takes the outputs before a softmax or sigmoid at the end.
            from_probabilities: whether it takes probabilities.
            per_sample: whether it is the loss of one sample, of which a batch costs the mean.

        Raises:
            InvalidArgumentError: if a classification says neither ``from_logits`` nor
                ``from_probabilities``, which tell where an output turns from no to yes; if
                ``targets="labels"`` comes without a classification.

        >>> def focal(logit, target):
        ...     p = logit.sigmoid()
        ...     right = target * p + (1.0 - target) * (1.0 - p)
        ...     return -((1.0 - right) ** 2) * right.log()
        >>> loss = Loss.of_function(focal, task="classification", from_logits=True, per_sample=True)
        >>> loss.name, loss.targets, loss.predict(np.array([[-0.5], [2.0]])).tolist()
        ('focal', 'labels', [0, 1])
        >>> round(loss.sample_loss([Value(0.0)], [1.0]).data, 6)
        0.173287
        """
        name = name or str(getattr(function, "__name__", type(function).__name__))
        if task == "classification":
            if not (from_logits or from_probabilities):
                raise InvalidArgumentError(
                    f"the loss {name!r} is one of a classification, so say what its outputs are: "
                    f"Loss.of_function({name}, task='classification', from_logits=True), or "
                    "from_probabilities=True"
                )
            targets = targets or "labels"
        elif targets == "labels":
            raise InvalidArgumentError(
                f"the loss {name!r} takes labels, so it is one of a classification: "
                f"Loss.of_function({name}, task='classification', targets='labels')"
            )
        encode, predict, probabilities = _read_by(task, targets or "rows", from_logits)
        return cls(
            name=name,
            task=task,
            from_logits=from_logits,
            from_probabilities=from_probabilities,
            sample_loss=partial(_loss_of_sample if per_sample else _loss_of_one, function),
            batch_loss=None if per_sample else partial(_loss_of_batch, function),
            encode_targets=encode,
            targets=targets or "rows",
            predict=predict,
            probabilities=probabilities,
            function=function,
        )

    def with_settings(self, /, **settings: float) -> Loss:
        """The same loss with other settings; those that are not named stay.

        Raises:
            InvalidArgumentError: if it has no such setting, or for a number that will not do.

        >>> LOSSES["huber"].with_settings(delta=2.5).settings
        {'delta': 2.5}
        """
        if not settings:
            return self
        for name in settings:
            if name not in self.settings:
                call = ", ".join(f"{known}={value:g}" for known, value in self.settings.items())
                has = f"its settings: loss_named({self.name!r}, {call})" if call else "it has none"
                raise InvalidArgumentError(f"the loss {self.name!r} has no setting {name!r}; {has}")
        assert self.maker is not None
        return self.maker(**{**self.settings, **settings})

    def in_table(self) -> tuple[str, dict[str, float]] | None:
        """The name and the settings by which ``loss_named`` gives this loss; None where it cannot.

        >>> LOSSES["huber"].with_settings(delta=2.5).in_table(), LOSSES["hinge"].in_table()
        (('huber', {'delta': 2.5}), ('hinge', {}))
        """
        name = LOSSES.name_of(self)
        if name is not None:
            return name, {}
        listed = LOSSES.get(self.name)
        if listed is None or self.maker is None or listed.maker is not self.maker:
            return None
        return self.name, dict(self.settings)

    def of_batch(
        self,
        rows: Sequence[Sequence[Value]],
        targets: Sequence[Any],
        weights: Sequence[Scalar] | None = None,
    ) -> Value:
        """The loss of a batch.

        Args:
            rows: the outputs, a list for each sample.
            targets: the encoded target of each.
            weights: how much each counts, with the mean 1, for a loss of single samples.

        >>> rows = [[Value(1.0)], [Value(3.0)]]
        >>> loss_named("mean_squared_error").of_batch(rows, [[0.0], [1.0]]).data
        2.5
        """
        if self.batch_loss is not None:
            return self.batch_loss(rows, targets)
        losses = [self.sample_loss(*pair) for pair in zip(rows, targets)]
        if weights is not None:
            losses = [weight * loss for weight, loss in zip(weights, losses)]
        return functional.mean(losses)

    def _takes_rows(self) -> bool:
        try:
            self.encode_targets([[0.0, 1.0], [1.0, 0.0]], 2)
        except Exception:  # whatever a function of your own raises
            return False
        return True

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """A loss of the table stays the one of the table when it is copied or unpickled."""
        named = self.in_table()
        if named is None:
            return super().__reduce_ex__(protocol)
        return _named_with, named


def _check_record(name: str, loss: object) -> None:
    if not isinstance(loss, Loss):
        of_one = f"Loss.of_function({getattr(loss, '__name__', 'function')}, name={name!r}, "
        raise InvalidArgumentError(
            f"{described(loss)} is no record of a loss; of a function of one output and its target "
            f"make one: LOSSES.add({name!r}, {of_one}task='regression', per_sample=True)); without "
            "per_sample it is a function of a batch"
        )
    if loss.name != name:
        raise InvalidArgumentError(
            f"the loss calls itself {loss.name!r}, so that files would not find it as {name!r}; "
            f"give its own name: LOSSES.add({loss.name!r}, loss), or make it with name={name!r}"
        )


LOSSES: Final = Registry[Loss]("loss", check=_check_record)
"""The losses by name; ``_known_losses`` fills it. Your own: ``LOSSES.add(loss.name, loss)``."""


def as_loss(loss: str | Loss | BatchLoss) -> Loss:
    """The loss that a person means: by its name, its function, a record, or a function.

    A function of your own is one of a whole batch, and its targets and outputs stay as they are;
    ``Loss.of_function`` says more about it.

    Raises:
        UnknownNameError: for an unknown name; the message lists the known ones.
        InvalidArgumentError: for what is neither a name, nor a loss, nor a function.

    >>> from tinygrad_mlp.losses import hinge
    >>> as_loss("hinge") is as_loss(hinge) is LOSSES["hinge"]
    True
    >>> as_loss(lambda outputs, targets: outputs[0]).name
    '<lambda>'
    """
    if isinstance(loss, str):
        return loss_named(loss)
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, list | tuple) and len(loss) > 0 and LOSSES.find(loss[0]) is not None:
        name, *numbers = loss
        raise InvalidArgumentError(
            f"loss is {described(loss)}, but a loss is given its settings by their names: "
            f"loss={_call_with(name, numbers)}"
        )
    if not callable(loss):
        raise InvalidArgumentError(
            f"loss is {described(loss)}, but a name ({', '.join(LOSSES)}) or a function "
            "loss(outputs, targets) is needed"
        )
    return loss_of_function(loss) or Loss.of_function(loss)


def loss_named(name: str, *unnamed: Never, **settings: float) -> Loss:
    """The loss of that name or alias, in upper or lower case.

    Args:
        name: the name.
        unnamed: none; settings are given by their names.
        settings: what else it takes than its usual settings: the ``delta`` of "huber", the
            ``label_smoothing`` of the cross-entropies.

    Raises:
        UnknownNameError: if there is none; the message lists the known ones.
        UnknownArgumentError: for a setting without its name.
        InvalidArgumentError: if it has no such setting, or for a number that will not do.

    >>> loss_named("hinge").task, loss_named("MSE").name
    ('classification', 'mean_squared_error')
    >>> loss_named("huber", delta=2.0).sample_loss([Value(5.0)], [0.0]).data
    8.0
    """
    if LOSSES.find(name) is None:
        raise _unknown(name)
    if unnamed:
        raise UnknownArgumentError(
            f"loss_named takes the settings of a loss by their names: {_call_with(name, unnamed)}"
        )
    return LOSSES.named(name).with_settings(**settings)


def _unknown(name: object) -> UnknownNameError:
    """The error for a name that is none: with a setting in it, of another library, or wrong."""
    from tinygrad_mlp._vocabulary import our_word

    called, _, rest = str(name).partition("(")
    if LOSSES.find(called) is not None:
        numbers = [text.rpartition("=")[2] for text in rest.rstrip(") ").split(",")]
        return UnknownNameError(
            f"unknown loss {name!r}; a loss is given its settings by their names, beside its own: "
            f"loss={_call_with(called, numbers)}"
        )
    row = our_word(str(name), LOSSES) or our_word(str(name).lower(), LOSSES)
    if row is None or not row.ours:
        return UnknownNameError.of(LOSSES.kind, name, LOSSES, LOSSES.present_aliases())
    return UnknownNameError(
        f"unknown loss {name!r}; its name here is {row.ours!r}{row.remark and f' ({row.remark})'}"
    )


def _call_with(name: str, numbers: Iterable[object]) -> str:
    """How the loss of that name is made with the numbers for its settings."""
    loss = LOSSES.named(name)
    given = [number for each in numbers if (number := _number_in(each)) is not None]
    texts = [
        f"{setting}={literal(given[i] if i < len(given) else default)}"
        for i, (setting, default) in enumerate(loss.settings.items())
    ]
    return f"loss_named({', '.join([repr(loss.name), *texts])})"


def _number_in(given: object) -> float | None:
    try:
        return float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def loss_of_function(function: object) -> Loss | None:
    """The loss of which this is the function; None for a function of your own.

    ``partial(huber, delta=2.0)`` is the loss with that setting.

    >>> from tinygrad_mlp.losses import hinge
    >>> loss_of_function(hinge) is loss_named("hinge")
    True
    """
    if isinstance(function, partial) and not function.args:
        of_all = loss_of_function(function.func)
        if of_all is not None and of_all.settings.keys() >= function.keywords.keys():
            return of_all.with_settings(**function.keywords)
    for loss in LOSSES.values():
        if function is (loss.function or loss.sample_loss):
            return loss
    return None


def _named_with(name: str, settings: Mapping[str, float]) -> Loss:
    return LOSSES.named(name).with_settings(**settings)


# The functions that people write


def _loss_of_sample(function: BatchLoss, outputs: Sequence[Value], target: Any) -> Value:
    given = unwrapped(outputs), unwrapped(target)
    try:
        value = function(*given)
    except (TypeError, AttributeError) as error:
        if "list" in str(error) and isinstance(given[0], list):
            raise _of_lists(function, error, "output") from error
        raise
    return _checked(function, value, "the sample")


def _loss_of_one(function: BatchLoss, outputs: Sequence[Value], target: Any) -> Value:
    return _loss_of_batch(function, [outputs], [target])


def _loss_of_batch(function: BatchLoss, rows: Sequence[Any], targets: Sequence[Any]) -> Value:
    given = [unwrapped(row) for row in rows], [unwrapped(target) for target in targets]
    try:
        value = function(*given)
    except (TypeError, AttributeError) as error:
        if "list" in str(error):
            raise _of_lists(function, error, "sample") from error
        raise
    return _checked(function, value, "the batch")


def _of_lists(function: BatchLoss, error: Exception, each: str) -> InvalidArgumentError:
    """The error for a function that treats lists as numbers, with what to do."""
    name = str(getattr(function, "__name__", type(function).__name__))
    written = name if name.isidentifier() else "function"
    remedy = f"write {_MEAN_OF_LISTS}"
    if each == "sample":
        remedy = (
            f"as the loss of one sample it is Loss.of_function({written}, ..., per_sample=True); "
            f"over a batch write {_MEAN_OF_LISTS}"
        )
    return InvalidArgumentError(
        f"the loss {name}(outputs, targets) got lists with an entry for each {each} and failed: "
        f"{error}; {remedy}"
    )


_MEAN_OF_LISTS: Final = "functional.mean([(o - t) ** 2 for o, t in zip(outputs, targets)])"


def _checked(function: BatchLoss, value: object, what: str) -> Value:
    if isinstance(value, Value):
        return value
    name = getattr(function, "__name__", repr(function))
    example = "(outputs - targets) ** 2"
    if what == "the batch":
        example = _MEAN_OF_LISTS
    raise InvalidArgumentError(
        f"the loss {name}(outputs, targets) returned {described(value)}, but it must return one "
        f"Value, the loss of {what}; for example {example}"
    )


def _read_by(task: LossTask, targets: Targets, from_logits: bool) -> tuple[Any, Any, Any]:
    """How targets become numbers, outputs answers, and outputs probabilities."""
    if task == "":
        return reading.encode_as_given, reading.predict_numbers, reading.no_probabilities
    if task == "regression":
        return reading.encode_numbers, reading.predict_numbers, reading.no_probabilities
    if targets == "rows":
        if from_logits:
            return reading.encode_yes_or_no, reading.predict_from_signs, reading.both_sigmoids
        predict = reading.predict_from_probabilities
        return reading.encode_yes_or_no, predict, reading.both_probabilities
    if from_logits:
        return reading.encode_one_of_several, reading.predict_sides, reading.sigmoids_or_softmax
    predict = reading.predict_from_distributions
    return reading.encode_one_of_several, predict, reading.both_probabilities
