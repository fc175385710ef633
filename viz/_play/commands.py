"""What a page can ask for: ``obey`` does one command to a run, whoever brings it.

A command is an object with its name in ``do``. What else may stand in it is declared here; what a
value may be the run says itself. A command that cannot be done changes nothing.
"""

from __future__ import annotations

import base64
import re
import traceback
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Final

from tinygrad_mlp._schema import (
    AnyObject,
    ListOf,
    Number,
    OrNone,
    Part,
    Record,
    Text,
    Truth,
    Whole,
    misfit,
)
from tinygrad_mlp._text import visible
from tinygrad_mlp.errors import GraphError, TinygradMLPError
from tinygrad_mlp.graph import order_of
from viz._play.player import Player
from viz._replay.stepper import replay_page
from viz._run.page_words import error_for_a_page
from viz._run.run import EXPORTS as FILES
from viz._run.run import Run

__all__ = ["COMMANDS", "EXPORTS", "MOST_STEPS", "obey"]

Command = dict[str, Any]
Answer = dict[str, Any]

MOST_STEPS: Final = 100_000
"""The steps that one command takes at most."""

MOST_NODES: Final = 3000
"""Of the graph of a sample: so many are drawn within a second."""

MOST_ASKED: Final = 500
"""Up to so many there is a quiz: its questions take four times as long as the page."""

EXPORTS: Final = (*FILES,)
"""The kinds of files that a run can be exported as."""


@dataclass(frozen=True, slots=True)
class Most:
    """A whole number from ``least`` to ``most``.

    >>> Most(1, 5).check(9, "step.n")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: step.n is 9, but a whole number from 1 to 5 is needed
    """

    least: int
    most: int

    @property
    def expected(self) -> str:
        """In words what may stand there."""
        return f"a whole number from {self.least} to {self.most}"

    def check(self, value: object, where: str) -> None:
        """Raise DataError if the value does not fit."""
        Whole(self.least).check(value, where)
        if isinstance(value, int) and value > self.most:
            raise misfit(value, where, self.expected)


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value; whoever gets it checks it.

    >>> Anything().check(None, "set.value")
    """

    expected = "a value"

    def check(self, value: object, where: str) -> None:
        """Raise nothing."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of command.

    Attributes:
        act: does it; what it returns goes into the answer.
        parts: what stands in it beside its name.
        optional: the parts that may be missing.
        gives_way: whether others can do something in between.
    """

    act: Callable[[Run, Player, Command], Answer | None]
    parts: Mapping[str, Part]
    optional: Collection[str] = ()
    gives_way: bool = False


def obey(run: Run, player: Player, command: object) -> Answer:
    """Do what a page asks for, while the training waits.

    Args:
        run: what it is done to.
        player: the one that trains the run.
        command: what the page has sent, as read from JSON.

    Returns:
        ``{"ok": True, ...}``; or ``{"ok": False, "error": what was wrong}``, and nothing changed.

    >>> from viz._run.run_settings import RunSettings
    >>> run = Run(RunSettings("moons", n_samples=40))
    >>> player = Player(run)
    >>> obey(run, player, {"do": "step", "n": 3}), run.step
    ({'ok': True}, 3)
    >>> obey(run, player, {"do": "step", "n": 0})
    {'ok': False, 'error': 'the number of steps is 0, but a whole number of at least 1 is needed'}
    """
    try:
        kind, parts = _known(command)
        with nullcontext() if kind.gives_way else player.turn():
            answer = kind.act(run, player, parts) or {}
            player.show()
    except TinygradMLPError as error:
        return _refused(player, error_for_a_page(str(error)))
    except Exception as error:  # a fault of ours, or of somebody's model: the page lives on
        traceback.print_exc()
        return _refused(player, visible(f"{type(error).__name__}: {error}", lines=True))
    return {"ok": True, **answer}


def _refused(player: Player, reason: str) -> Answer:
    with suppress(Exception):  # steps that failed half way have been taken, and are seen
        player.show()
    return {"ok": False, "error": reason}


def _known(command: object) -> tuple[Kind, Command]:
    """What kind of command it is, and its parts, all of which fit."""
    AnyObject().check(command, "the command")
    assert isinstance(command, dict)
    name = command.get("do")
    Text(choices=list(COMMANDS)).check(name, "do")
    kind = COMMANDS[str(name)]
    Record({"do": Text(), **kind.parts}, kind.optional).check(command, str(name))
    return kind, {key: value for key, value in command.items() if key != "do"}


def _play(run: Run, player: Player, parts: Command) -> None:
    player.play(parts.get("speed"))


def _pause(run: Run, player: Player, parts: Command) -> None:
    player.pause()


def _step(run: Run, player: Player, parts: Command) -> None:
    player.take(parts.get("n", 1))


def _paused(method: str) -> Callable[[Run, Player, Command], None]:
    """What the method of that name does to the run, which stands still then."""

    def act(run: Run, player: Player, parts: Command) -> None:
        getattr(run, method)(*parts.values())
        player.pause()

    return act


def _seed(run: Run, player: Player, parts: Command) -> Answer:
    return {"seed": run.new_seed(parts.get("seed"))}


def _set(run: Run, player: Player, parts: Command) -> None:
    run.set(parts["name"], parts["value"])


def _data(run: Run, player: Player, parts: Command) -> None:
    run.set("data", parts["name"])


def _columns(run: Run, player: Player, parts: Command) -> None:
    run.set("columns", parts["columns"])


def _layer(run: Run, player: Player, parts: Command) -> None:
    index = parts.pop("index")
    run.set_layer(index, **parts)


def _add_layer(run: Run, player: Player, parts: Command) -> None:
    run.add_layer(parts.get("index"))


def _remove_layer(run: Run, player: Player, parts: Command) -> None:
    run.remove_layer(parts["index"])


def _feature(run: Run, player: Player, parts: Command) -> None:
    run.set_feature(parts["name"], parts["on"])


def _paint(run: Run, player: Player, parts: Command) -> None:
    run.paint(parts["points"])


def _csv(run: Run, player: Player, parts: Command) -> None:
    run.load_csv(parts["name"], parts["text"], parts.get("target"))


def _formula(run: Run, player: Player, parts: Command) -> Answer:
    return dict(run.formula(parts["layer"], parts["unit"]))


def _sample(run: Run, player: Player, parts: Command) -> Answer:
    given: dict[str, Any] = parts.get("weights") or {}
    weights = {}
    for place, number in given.items():
        if not re.fullmatch(r"[0-9]{1,9}", place):
            raise misfit(place, "the place of a weight", "a whole number")
        Number().check(number, f"sample.weights.{place}")
        weights[int(place)] = number
    if run.n_leaves > MOST_NODES:  # a graph of a million nodes takes seconds
        raise _too_large(f"at least {run.n_leaves:,}")
    player.pause()  # here, since a page may not know yet that somebody plays
    sample = run.sample_loss(parts["index"], parts.get("inputs"), weights or None)
    n_nodes = len(order_of([sample.loss]))
    if n_nodes > MOST_NODES:
        raise _too_large(f"{n_nodes:,}")
    page = replay_page(
        sample.loss,
        title=sample.title,
        parameters=sample.parameters,
        collapse=True,
        max_nodes=MOST_NODES,
        editable=sample.leaves,
        quiz=n_nodes <= MOST_ASKED,
    )
    return {"page": page}


def _too_large(n_nodes: str) -> GraphError:
    return GraphError(
        f"a sample through this network is a graph of {n_nodes} nodes, but a page shows up to "
        f"{MOST_NODES:,}; take fewer or smaller layers, or data with fewer columns"
    )


def _set_weight(run: Run, player: Player, parts: Command) -> None:
    run.set_weight(parts["at"], parts["value"])


def _epoch(run: Run, player: Player, parts: Command) -> None:
    with player.turn():
        player.pause()
        n_steps = run.left_in_epoch
    player.take(n_steps)


def _restore(run: Run, player: Player, parts: Command) -> None:
    run.restore(parts["run"], player.undisturbed())


def _export(run: Run, player: Player, parts: Command) -> Answer:
    file_name, content = run.exported(parts["kind"])
    return {"filename": file_name, "base64": base64.b64encode(content).decode("ascii")}


PLACE: Final = Whole(0)
COMMANDS: Final[Mapping[str, Kind]] = {
    "play": Kind(_play, {"speed": OrNone(Number(above=0.0))}, ["speed"]),
    "pause": Kind(_pause, {}),
    "step": Kind(_step, {"n": Most(1, MOST_STEPS)}, ["n"], gives_way=True),
    "epoch": Kind(_epoch, {}, gives_way=True),
    "back": Kind(_paused("back"), {"n": Whole(1)}, ["n"]),
    "go_to": Kind(_paused("go_to"), {"step": PLACE}),
    "rewind": Kind(_paused("rewind"), {}),
    "seed": Kind(_seed, {"seed": OrNone(PLACE)}, ["seed"]),
    "set": Kind(_set, {"name": Text(), "value": Anything()}),
    "layer": Kind(
        _layer,
        {
            "index": PLACE,
            "units": Anything(),
            "activation": Anything(),
            "initializer": Anything(),
            "dropout": Anything(),
        },
        ["units", "activation", "initializer", "dropout"],
    ),
    "add_layer": Kind(_add_layer, {"index": OrNone(PLACE)}, ["index"]),
    "remove_layer": Kind(_remove_layer, {"index": PLACE}),
    "feature": Kind(_feature, {"name": Text(), "on": Truth()}),
    "data": Kind(_data, {"name": Text()}),
    "paint": Kind(_paint, {"points": ListOf(ListOf(Number()), least=1)}),
    "csv": Kind(_csv, {"name": Text(), "text": Text(), "target": OrNone(Text())}, ["target"]),
    "columns": Kind(_columns, {"columns": ListOf(PLACE)}),
    "formula": Kind(_formula, {"layer": PLACE, "unit": PLACE}),
    "sample": Kind(
        _sample,
        {
            "index": PLACE,
            "inputs": OrNone(ListOf(OrNone(Number()))),
            "weights": OrNone(AnyObject()),
        },
        ["inputs", "weights"],
    ),
    "set_weight": Kind(_set_weight, {"at": PLACE, "value": Number()}),
    "restore": Kind(_restore, {"run": Text()}, gives_way=True),
    "export": Kind(_export, {"kind": Text(choices=EXPORTS)}),
}
"""All commands there are."""
