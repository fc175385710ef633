"""Options that several commands have: the network, its training, the folder, the seed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, get_args

from tinygrad_mlp._cli import parsing as words
from tinygrad_mlp._cli.problem import Recipe
from tinygrad_mlp._registry import Registry
from tinygrad_mlp.compiler._backends.choice import Wanted
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.losses import LOSSES
from tinygrad_mlp.nn import ACTIVATIONS
from tinygrad_mlp.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule
from tinygrad_mlp.training import ENGINES

__all__ = ["add_choice", "add_common", "add_network", "add_seed", "add_training"]

DEFAULTS = Recipe()

Group: TypeAlias = "argparse._ArgumentGroup"


def add_network(group: Group | argparse.ArgumentParser) -> None:
    """The hidden layers."""
    group.add_argument(
        "--hidden",
        type=words.layer_sizes,
        default=DEFAULTS.hidden,
        metavar="N,N,...",
        help="the sizes of the hidden layers; 0 for none (default: 16,16)",
    )
    add_choice(
        group,
        "--activation",
        ACTIVATIONS,
        metavar="NAME",
        help="of the hidden layers: %(choices)s (default: %(default)s)",
    )


def add_training(group: Group) -> None:
    """How it is trained."""
    _add_number(group, "--epochs", words.count, "N", "how often to go through the data")
    _add_number(group, "--batch-size", words.count, "N", "samples per step")
    add_choice(group, "--optimizer", OPTIMIZERS, help="(default: %(default)s)")
    group.add_argument(
        "--learning-rate", type=words.rate, metavar="RATE", help=f"(default: {_usual_rates()})"
    )
    add_choice(
        group,
        "--schedule",
        SCHEDULES,
        choices=[name for name in sorted(SCHEDULES) if _has_one(SCHEDULES[name])],
        help="how the learning rate changes over the epochs (default: %(default)s)",
    )
    add_choice(
        group,
        "--loss",
        LOSSES,
        choices=_losses_of_numbers(),
        help="of a target that is a number (default: mean_squared_error)",
    )
    group.add_argument(
        "--class-weight",
        choices=["balanced"],
        help="let rare classes count as much as frequent ones (default: every sample alike)",
    )
    _add_number(group, "--l2", words.strength, "STRENGTH", "of the L2 penalty")
    _add_number(
        group,
        "--test-size",
        words.share,
        "SHARE",
        "of the samples held out for the validation and the result",
    )
    group.add_argument(
        "--engine", choices=sorted(ENGINES), default=DEFAULTS.engine, help="(default: %(default)s)"
    )
    group.add_argument(
        "--backend",
        choices=sorted(get_args(Wanted)),
        default=DEFAULTS.backend,
        help="what runs the steps: the C library, or NumPy (default: the library if it is there)",
    )


def _losses_of_numbers() -> list[str]:
    """The losses of a regression for targets that are standardized, as those of ``train`` are."""
    return sorted(
        [n for n, loss in LOSSES.items() if loss.task == "regression" and loss.standardizable]
    )


def _default(option: str) -> Any:
    return getattr(DEFAULTS, option.strip("-").replace("-", "_"))


def _add_number(
    group: Group, option: str, kind: Callable[[str], float], metavar: str, summary: str
) -> None:
    """An option of ``Recipe`` that is a number."""
    group.add_argument(
        option,
        type=kind,
        default=_default(option),
        metavar=metavar,
        help=f"{summary} (default: %(default)s)",
    )


def add_choice(group: Any, option: str, registry: Registry[Any], **settings: Any) -> None:
    """An option of ``Recipe`` that is a name from a table."""
    group.add_argument(
        option,
        type=partial(words.name_in, registry),
        **{"choices": sorted(registry), "default": _default(option), **settings},
    )


def _has_one(kind: type[Schedule]) -> bool:
    """Whether there is a schedule of the kind for a number of epochs and nothing else."""
    try:
        kind.spanning(DEFAULTS.epochs)
    except InvalidArgumentError:
        return False
    return True


def _usual_rates() -> str:
    """The learning rates of the optimizers, most of which have the same."""
    usual = Optimizer.rate_by_name
    rates = {name: kind.rate_by_name for name, kind in OPTIMIZERS.items()}
    others = [f"{rate:g} for {name}" for name, rate in rates.items() if rate != usual]
    return ", ".join([*others, f"else {usual:g}"])


def add_common(parser: argparse.ArgumentParser, out: str) -> None:
    """Where the pictures go, and the seed."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(out),
        metavar="DIR",
        help="the folder for the pictures (default: %(default)s)",
    )
    add_seed(parser)


def add_seed(parser: argparse.ArgumentParser) -> None:
    """The seed."""
    parser.add_argument(
        "--seed",
        type=words.seed,
        default=0,
        metavar="N",
        help="of everything random (default: %(default)s)",
    )
