"""What is said when a function cannot be recorded: which line did what, what to write instead."""

from __future__ import annotations

import sys
from collections.abc import Collection
from types import FrameType
from typing import Final, NoReturn

from tinygrad_mlp._frames import is_ours
from tinygrad_mlp._recording import recorder_of_thread
from tinygrad_mlp.errors import GraphError, TracingError

__all__ = [
    "data_was_read",
    "does_not_repeat",
    "function_failed",
    "function_of_numpy",
    "refuses_to_be_a_number",
    "used_as_number",
]

USE_WHERE: Final = (
    "use functional.where(v > 0, a, b) instead of if, and compute with the Value itself"
)


BY_SOFTMAX: Final = (
    "where the largest number is taken out before exp, functional.softmax(values) does it itself, "
    "and so do log_softmax and logsumexp; functional.amax(values) is the largest as a Value"
)
"""What to write instead of ``largest = max(v.data for v in values)``."""


def used_as_number(how: str, remedy: str = USE_WHERE) -> TracingError:
    """For what needs the number of a Value, named in a few words; the line is added here.

    >>> print(used_as_number("int() was called on it", "compute with it"))
    a traced Value has no number yet, but int() was called on it (...); ... compute with it
    """
    error = TracingError(
        f"a traced Value has no number yet, but {how} ({_place(_outside())}); a program is "
        f"recorded and replayed on other numbers, so it cannot depend on them otherwise: {remedy}"
    )
    error.reason = how
    recorder = recorder_of_thread()
    if recorder is not None and recorder.refused is None:
        recorder.refused = error
    return error


def data_was_read(how: str, remedy: str = USE_WHERE) -> TracingError:
    """As ``used_as_number``; beside a ``max`` the remedy is the softmax that needs none.

    >>> print(data_was_read("its .data was read", "compute with it"))
    a traced Value has no number yet, but its .data was read (...); ... compute with it
    """
    frame = _outside()
    if frame.f_code.co_name in ("<genexpr>", "<listcomp>") and frame.f_back is not None:
        frame = frame.f_back  # max(v.data for v in values)
    return used_as_number(how, BY_SOFTMAX if "max" in frame.f_code.co_names else remedy)


def refuses_to_be_a_number(self: object) -> NoReturn:
    """For a rule of an operation that asks for a number where the compiler writes it down.

    Raises:
        TracingError: always; it names the line of the rule.

    >>> refuses_to_be_a_number("x > 0.0")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.TracingError: a rule of an operation asked for a number or a truth value ...
    """
    error = TracingError(
        f"a rule of an operation asked for a number or a truth value ({_place(_outside())}), but "
        "the compiler writes the rule down for other numbers: xp.where(x > 0.0, a, b) is the way "
        "to choose, xp.exp(x) the function for math.exp(x)"
    )
    error.reason = "a rule of an operation asked for a number"
    raise error


def function_of_numpy(name: str, known: Collection[str]) -> TracingError:
    """For a rule of an operation that calls NumPy where the compiler writes it down.

    Args:
        name: the function.
        known: those of ``xp``.

    >>> print(function_of_numpy("tanh", ["tanh"]))
    a rule of an operation called np.tanh (...), ... another: write xp.tanh
    """
    instead = f"xp.{name}" if name in known else "it with the functions of xp, such as xp.exp(x)"
    error = TracingError(
        f"a rule of an operation called np.{name} ({_place(_outside())}), but the compiler writes "
        f"the rule down instead of computing it, as it does for the functions of xp and no "
        f"another: write {instead}"
    )
    error.reason = f"a rule of an operation called np.{name} instead of a function of xp"
    return error


def function_failed(error: Exception) -> TracingError:
    """For what a function raises by itself, often as its arguments are Values in a trace.

    >>> function_failed(KeyError("a")).reason
    "it raised KeyError: 'a'"
    """
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    place = ""
    trace_back = error.__traceback__
    while trace_back is not None:
        if not is_ours(trace_back.tb_frame.f_code.co_filename):
            place = f" ({trace_back.tb_frame.f_code.co_filename}, line {trace_back.tb_lineno})"
        trace_back = trace_back.tb_next
    failure = TracingError(
        f"the function raised {what}{place} while it was recorded, when its arguments are Values "
        "without numbers; write it with + - * / ** and functional, such as functional.exp(v) for "
        "np.exp(v) and functional.where(v > 0, a, b) for a choice"
    )
    failure.reason = f"it raised {what}"
    return failure


def does_not_repeat(how: str, place: str | None = None) -> GraphError:
    """For a function that does something else each time.

    Args:
        how: what it does.
        place: where it does so; the line that is running now unless given.

    >>> does_not_repeat("it computed more").reason
    'it does something else each time: it computed more'
    """
    if place is None:
        place = f" ({_place(_outside())})"
    error = GraphError(
        f"the function did something else when it ran again: {how}{place}; a "
        "program does the same at each call, so random numbers come from functional.uniform(rng), "
        "what is remembered between calls goes into a Buffer by assign(buffer, value), and a "
        "number that changes is a Value"
    )
    error.reason = f"it does something else each time: {how}"
    return error


def _outside() -> FrameType:
    """The innermost frame that is not the package's."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"
