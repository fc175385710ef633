"""``step``: walk through a forward and a backward pass at the terminal.

What is walked through is the worked example, a Value of a person's script, or the loss of one
sample through a network that was saved.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from tinygrad_mlp import ops
from tinygrad_mlp._cli.parsing import keep_apart, notes_to_stderr
from tinygrad_mlp._cli.sample_loss import loss_of_a_sample
from tinygrad_mlp._cli.script import PersonsScript
from tinygrad_mlp._text import described, visible
from tinygrad_mlp.debug._creation import record_creation
from tinygrad_mlp.debug._steps import BackwardStep
from tinygrad_mlp.debug.console import Console
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.debug.worked_example import worked_example
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, InvalidArgumentError
from tinygrad_mlp.graph import order_of

__all__ = ["run_step"]

MOST_OPERATIONS: Final = 100
"""Of a graph that is drawn in boxes; a larger one as the network that it is, in circles."""

WORKED_EXAMPLE: Final = "the worked example, a network of 2 inputs, 2 hidden neurons and 2 outputs"


def run_step(arguments: argparse.Namespace) -> None:
    """Build the graph and run the console on it.

    Raises:
        SystemExit: with 1, if a command failed that did not come from a terminal; with 2, if the
            person's script failed.
    """
    if arguments.value and arguments.model:
        raise InvalidArgumentError("give FILE.py:NAME or --model WEIGHTS.npz, not both")
    if bool(arguments.model) != bool(arguments.data):
        raise InvalidArgumentError(
            "--model and --data belong together: step --model weights.npz --data iris --row 3"
        )
    if arguments.row is not None and not arguments.model:
        raise InvalidArgumentError(
            "--row says which sample of --data: step --model weights.npz --data iris --row 3"
        )
    if arguments.score and not arguments.quiz:
        raise InvalidArgumentError(
            "--score says where the counts of a quiz are kept: step --quiz --score quiz.json"
        )
    # For the command ``where``, and for names of variables such as the error of a loss.
    with record_creation():
        if arguments.value:
            loss, description = _value_of_script(arguments.value), arguments.value
        elif arguments.model:
            with notes_to_stderr():
                sample = loss_of_a_sample(
                    arguments.model, arguments.data, arguments.row, arguments.activation
                )
            loss, description = sample.loss, sample.description
        else:
            loss, description = worked_example(), WORKED_EXAMPLE
        built_from = f"{arguments.model} and {arguments.data}" if arguments.model else ""
        console = Console(
            Session(loss, names=arguments.names, index=arguments.index),
            draw=partial(_draw, inputs=_files_of(arguments)),
            built_from=visible(built_from),
            title=visible(description),
        )
        if arguments.score:
            keep_apart(
                "--score", arguments.score, _files_of(arguments), instead="--score quiz.json"
            )
            console.keep_score(arguments.score)
        if arguments.quiz:
            console.opening = ("quiz",)
        console.run()
    if console.failures and not console.on_terminal:
        raise SystemExit(1)


def _files_of(arguments: argparse.Namespace) -> list[Path]:
    """The files that the graph was built from, which a drawing must not replace."""
    script = (arguments.value or "").rpartition(":")[0]
    return [Path(name) for name in (script, arguments.model, arguments.data) if name]


def _draw(session: Session, path: Path, *, inputs: Iterable[Path]) -> None:
    """Draw the moment: in the forward pass the graph as far as it is computed."""
    import viz

    keep_apart("draw", path, inputs, instead="draw step.svg")

    step = session.last_step
    marked: list[Value] = [] if step is None else [step.node]
    if isinstance(step, BackwardStep):
        marked.append(step.parent)
    known = session.known()
    if len(order_of(known)) > MOST_OPERATIONS:
        with suppress(GraphError):  # what circles cannot show, boxes can
            viz.draw(known, path, detail="circles", highlight=marked)
            return
    viz.draw(known, path, highlight=marked)


def _value_of_script(argument: str) -> Value:
    """Run a script and take a Value out of it."""
    file_name, _, name = argument.rpartition(":")
    file = Path(file_name)
    if not file_name or not name.isidentifier():
        raise InvalidArgumentError(
            f"{argument!r} does not say which Value; give the file and the name: step train.py:loss"
        )
    if not file.is_file():
        raise InvalidArgumentError(f"there is no file {file}")
    script = PersonsScript(file)
    found = script.run()
    if name not in found:
        values = sorted(key for key, item in found.items() if isinstance(item, Value))
        raise InvalidArgumentError(
            f"{file} has no name {name!r}{script.ending}; its Values are: "
            f"{', '.join(values) or '(none)'}"
        )
    value = found[name]
    if callable(value) and not isinstance(value, Value):
        _require_no_arguments(value, f"{name} in {file}")
        value = script.call(value)
    if not isinstance(value, Value):
        raise InvalidArgumentError(
            f"{name} in {file} is {described(value)}{script.ending}, but a Value is needed, the "
            "result "
            "of a computation, or a function without arguments that returns one"
        )
    _label(value, name)
    for key, item in found.items():
        _label(item, key)
    return value


def _require_no_arguments(function: Any, title: str) -> None:
    """Refuse a function that cannot be called without arguments."""
    try:
        needed = [
            parameter.name
            for parameter in inspect.signature(function).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]
    except ValueError:  # a function written in C does not always say
        return
    if needed:
        raise InvalidArgumentError(
            f"{title} needs arguments ({', '.join(needed)}); give a function without arguments "
            "that returns a Value, or the Value itself: loss = loss_of(model, X, y)"
        )


def _label(item: object, name: str) -> None:
    """Call a Value by its name in the script, unless it has a label or is a plain number."""
    if isinstance(item, Value) and not item.label and item.op is not ops.CONSTANT:
        item.label = name
    elif isinstance(item, list | tuple) and item and isinstance(item[0], Value | list | tuple):
        for place, part in enumerate(item):
            _label(part, f"{name}[{place}]")
