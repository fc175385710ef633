"""A training as a person follows it on a terminal: what is trained, how it goes, how good it is."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._cli.drawn import draw_pictures
from tinygrad_mlp._cli.parsing import say
from tinygrad_mlp._cli.problem import Floats, Problem, Recipe
from tinygrad_mlp._text import in_other_words
from tinygrad_mlp.data._arrays import counted
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import History, confusion_table, fit, predict, regression_scores
from tinygrad_mlp.training._progress import Progress

__all__ = ["answers_of", "describe_errors", "prepare_folder", "report", "train"]

LINES_OF_PROGRESS = 10

WORDS: Final = {
    "; try a smaller learning_rate$": "",  # the advice says more
    r"; or have debug\.detect_anomaly\(\) find the first nan": "",
    r"scale them, X = [^;]*; or ": "",
    r"callbacks=\[EarlyStopping\(\)\], which goes back to the best epoch": "fewer --epochs",
    "a larger l2, with dropout,": "a larger --l2,",
    ", so look first whether the validation data are prepared as the training data are": "",
    "train a new model": "train again",
    "smaller features, smaller first weights or ": "",
    "smaller l1 and l2": "a smaller --l2",
    "another learning_rate or activation": "another --learning-rate or --activation",
    "more epochs": "more --epochs",
    "a larger network": "larger --hidden layers",
    "activation='leaky_relu'": "--activation leaky_relu",
    "learning_rate": "--learning-rate",
    r"\bof y\b": "of the target",
}
"""The words of advice for people who write Python, and those for a command line."""


def prepare_folder(folder: Path) -> None:
    """Make the folder for the pictures, so that a wrong name shows before the training.

    Raises:
        InvalidArgumentError: if there is a file of that name.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidArgumentError(f"--out {folder} is a file; name a folder for the pictures")
    folder.mkdir(parents=True, exist_ok=True)


def train(problem: Problem, recipe: Recipe, seed: int) -> tuple[MLP, History]:
    """Make the network and train it, with the loss as it goes.

    Raises:
        InvalidArgumentError: if the loss becomes nan; what to do about it was printed before.
        KeyboardInterrupt: after Ctrl-C within the first epoch.
    """
    model = problem.network(recipe.hidden, recipe.activation, seed)
    n_train, n_test = counted(len(problem.X_train), "sample"), len(problem.X_test)
    say(f"{n_train} to learn from, {n_test} held out for the validation and the result")
    say(f"{model!r}, {len(model.parameters())} parameters")
    batch_size = min(recipe.batch_size, len(problem.X_train))
    penalty = f", L2 penalty {recipe.l2:g}" if recipe.l2 else ""
    say(f"{recipe.epochs} epochs in batches of {batch_size} with {recipe.optimizer}{penalty}")
    say("Ctrl-C ends the training early\n")
    history = fit(
        model,
        problem.inputs.transform(problem.X_train),
        problem.encoded(problem.y_train),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        optimizer=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        schedule=recipe.schedule,
        loss=problem.loss,
        class_weight=recipe.class_weight,
        l2=recipe.l2,
        validation_data=(
            problem.inputs.transform(problem.X_test),
            problem.encoded(problem.y_test),
        ),
        rng=seed,
        progress=Progress(
            recipe.epochs, max(recipe.epochs // LINES_OF_PROGRESS, 1), worded=for_a_command_line
        ),
        engine=recipe.engine,
        backend=recipe.backend,
    )
    if not history.loss:  # Ctrl-C within the first epoch: there is nothing to report
        raise KeyboardInterrupt
    if isnan(history.loss[-1]):
        raise InvalidArgumentError(
            f"the training broke down: {history.reason.partition(';')[0]}; the advice above says "
            "what to change"
        )
    say(f"trained for {sum(history.seconds):.1f} s, engine: {history.engine}")
    return model, history


def for_a_command_line(text: str) -> str:
    """A sentence of ``History`` with the options of the command line in place of Python's names.

    >>> for_a_command_line("so nothing was learned; try smaller l1 and l2, more epochs")
    'so nothing was learned; try a smaller --l2, more --epochs'
    """
    return in_other_words(text, WORDS)


def report(problem: Problem, model: MLP, history: History, folder: Path) -> None:
    """How good the network is on the samples held out, and where the pictures are."""
    say("\nOn the samples held out:")
    answers = answers_of(problem, model, problem.X_test)
    if problem.classes:
        table = confusion_table(problem.y_test, answers, problem.classes)
        n_right = int(np.trace(table.counts))
        say(f"accuracy {100 * table.accuracy:.1f} % ({n_right} of {len(answers)} right)\n")
        say(str(table))
    else:
        say(describe_errors(problem.y_test, answers, problem.y_train.mean()))
    say()
    draw_pictures(problem, model, history, folder)


def answers_of(problem: Problem, model: MLP, X: Floats) -> NDArray[Any]:
    """What the network says about samples in their own units."""
    return problem.decoded(predict(model, problem.inputs.transform(X)))


def describe_errors(y: Floats, answers: Floats, guess: float) -> str:
    """The errors of a regression, beside those of always guessing the mean of the training data.

    Args:
        y: the true numbers.
        answers: the network's.
        guess: the mean of the training data.
    """
    scores = regression_scores(y, answers)
    error_of_guess = float(np.mean(np.abs(guess - y)))
    r2 = "" if isnan(scores.r2) else f", R2 {scores.r2:.3f}"
    return (
        f"mean absolute error {scores.mean_absolute_error:.4g} "
        f"(always guessing the mean: {error_of_guess:.4g}){r2}"
    )
