"""The named exceptions of the project.

Each of them is also the built-in exception that fits, so ``except ValueError`` keeps working. A
message says what was wrong, which object it was, what was expected, and the corrected call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from tinygrad_mlp._text import shortened, visible

__all__ = [
    "BackendError",
    "BatchStatisticsError",
    "DataError",
    "GradientCheckError",
    "GraphError",
    "InvalidArgumentError",
    "MissingDependencyError",
    "NonFiniteError",
    "NotANumberError",
    "NotTextError",
    "ProblemsError",
    "RenamedError",
    "SampleOrderError",
    "ShapeError",
    "TinygradMLPError",
    "TracingError",
    "UnknownArgumentError",
    "UnknownAttributeError",
    "UnknownNameError",
]


MOST_NAMES = 12
"""Up to so many known names a message lists all of them."""


LONGEST_NAME = 200
"""So many characters of an unknown name stand in a message, and are compared with others."""

NEAR_ALIAS = 0.85
"""How alike an alias has to be to what was given: it is shown as another name, so it must fit."""


class TinygradMLPError(Exception):
    r"""The base of every exception that the project raises on purpose.

    The names of files, columns and classes in a message are shown, never interpreted by the
    terminal: see ``text.visible``.

    >>> issubclass(ShapeError, TinygradMLPError) and issubclass(ShapeError, ValueError)
    True
    >>> print(TinygradMLPError("unknown column \x07"))
    unknown column \x07
    """

    def __str__(self) -> str:
        return visible(super().__str__(), lines=True)


class NotANumberError(TinygradMLPError, TypeError):
    """Something that is not one number was given where one number (or a Value) is needed."""


class NotTextError(TinygradMLPError, TypeError):
    """Something that is no text was given where a label is needed."""


class InvalidArgumentError(TinygradMLPError, ValueError):
    """An argument is out of its range, for example a negative learning rate."""


class BackendError(InvalidArgumentError):
    """The back end that is asked for cannot run a program, or the program is too large for it."""


class UnknownNameError(TinygradMLPError, ValueError):
    """A name (of an activation, a loss, ...) that the project does not know.

    >>> str(UnknownNameError.of("activation", "rleu", ["relu", "tanh"]))
    "unknown activation 'rleu'; known: relu, tanh. Did you mean 'relu'?"

    >>> str(UnknownNameError.of("loss", "msee", ["hinge"], {"mse": "mean_squared_error"}))
    "unknown loss 'msee'; known: hinge. Did you mean 'mean_squared_error'?"

    Of many names it lists those that are like the one that was given, or else the first.

    >>> str(UnknownNameError.of("label", "bais", ["bias", *(f"w{i}" for i in range(99))]))
    "unknown label 'bais'; known: bias, ... and 99 more. Did you mean 'bias'?"
    """

    @classmethod
    def of(
        cls,
        kind: str,
        name: object,
        known: Iterable[str],
        aliases: Mapping[str, str] = MappingProxyType({}),
    ) -> UnknownNameError:
        """The error for ``name``, listing the ``known`` names of that ``kind``, or some of many.

        It says which name was meant: one that is alike or that begins so, or whose alias does.
        """
        from difflib import get_close_matches  # here, since importing it takes a millisecond

        names = sorted(known)
        wanted = shortened(str(name), LONGEST_NAME).lower()
        close = get_close_matches(wanted, names) or [
            known_name for known_name in names if wanted and known_name.startswith(f"{wanted}_")
        ]
        near = get_close_matches(wanted, aliases, cutoff=NEAR_ALIAS)
        close = close or [aliases[each] for each in near]
        hint = f". Did you mean {close[0]!r}?" if close else ""
        shown = names
        if len(names) > MOST_NAMES:
            shown = sorted(
                get_close_matches(shortened(str(name), LONGEST_NAME), names, n=8, cutoff=0.5)
            )
            shown = shown or names[:MOST_NAMES]
        more = f", ... and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
        told = shortened(repr(name), LONGEST_NAME)
        return cls(f"unknown {kind} {told}; known: {', '.join(shown)}{more}{hint}")


class UnknownArgumentError(TinygradMLPError, TypeError):
    """A call with an argument that the function does not have, such as ``Adam(lr=0.1)``.

    Or one without an argument that it needs, such as ``CosineSchedule()``.
    """


class UnknownAttributeError(TinygradMLPError, AttributeError):
    """An attribute that has another name here, such as ``history.history``."""


class RenamedError(TinygradMLPError, ImportError):
    """A name that a module does not have, or no longer, under which people look for another."""


class ShapeError(TinygradMLPError, ValueError):
    """Lengths or shapes that do not fit together."""


class DataError(TinygradMLPError, ValueError):
    """Data that cannot be trained on: empty, NaN or inf, labels out of range."""


class ProblemsError(DataError):
    """Several things are wrong with a table: all of them, each in a line of its own.

    Attributes:
        problems: the message of each.

    >>> print(ProblemsError("t.csv", ["no column 'y'", "row 3 is empty"]))
    t.csv has 2 problems:
      1. no column 'y'
      2. row 3 is empty
    """

    def __init__(self, where: str, problems: Iterable[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        numbered = [f"  {number}. {text}" for number, text in enumerate(self.problems, start=1)]
        super().__init__("\n".join([f"{where} has {len(numbered)} problems:", *numbered]))

    def __reduce__(self) -> tuple[type[ProblemsError], tuple[str, tuple[str, ...]]]:
        return type(self), (self.where, self.problems)


class GradientCheckError(TinygradMLPError, AssertionError):
    """``check_gradients`` found a derivative that does not agree with the function."""


class GraphError(TinygradMLPError, RuntimeError):
    """A computation graph that cannot give what was asked of it.

    Attributes:
        reason: in a few words why it cannot be compiled, where that is what was asked.
    """

    reason = ""


class SampleOrderError(GraphError):
    """Compiled for one sample, a function changes what the next sample would see."""


class BatchStatisticsError(GraphError):
    """A mean over the samples of a batch where there is one sample alone, or a batch of one."""


class NonFiniteError(TinygradMLPError, FloatingPointError):
    """``detect_anomaly`` saw a nan or an inf being computed."""


class TracingError(TinygradMLPError, TypeError):
    """A traced Value was used as a plain number, for example in ``if v > 0``.

    Attributes:
        reason: what was done with it, in a few words.
    """

    reason = ""


class MissingDependencyError(TinygradMLPError, ImportError):
    """An optional package is missing.

    >>> print(MissingDependencyError.of("matplotlib", "plots", extra="all"))
    plots need the package 'matplotlib'; install it, in the project's folder, with:
    python -m pip install -e '.[all]'
    """

    @classmethod
    def of(cls, package: str, what_needs_it: str, extra: str) -> MissingDependencyError:
        """The error for ``package``, naming the ``extra`` that brings it."""
        return cls(
            f"{what_needs_it} need the package {package!r}; install it, in the project's folder, "
            f"with: python -m pip install -e '.[{extra}]'"
        )
