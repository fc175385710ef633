"""Advice and errors of the library in the words of a page: people have buttons there, no Python."""

from __future__ import annotations

import re
from typing import Final

from tinygrad_mlp._text import in_other_words

__all__ = ["PARTS", "advice_for_a_page", "advice_for_a_recording", "error_for_a_page"]

ADVICE: Final = {
    r"train a new model with callbacks=\[EarlyStopping\(\)\], which goes back to the best epoch,": (
        "go back to that step, or rewind and train"
    ),
    ", so look first whether the validation data are prepared as the training data are": "",
    "train a new model": "rewind and train",
    r"; or have debug\.detect_anomaly\(\) find the first nan": "",
    "the validation loss": "the held-out loss",
    "validation sample": "held-out sample",
    "activation='leaky_relu'": "the activation leaky_relu",
    "smaller l1 and l2": "smaller L1 and L2 penalties",
    "a larger l2": "a larger L2 penalty",
    "learning_rate": "learning rate",
    r"\bof y\b": "of the target",
}
"""Words of advice for people who write Python, as patterns, and those for a page."""

RECORDED: Final = {
    r"callbacks=\[EarlyStopping\(\)\]": "early stopping",
    "whether the validation data": "whether the held-out data",
    r"^y holds the numbers": "the target holds the numbers",
    ", pass them as whole numbers, and if not, name loss='mean_squared_error'": (
        ", they have to be whole numbers"
    ),
    **(ADVICE | {"train a new model": "train a new network"}),
}
"""Likewise for a page on which nobody can train: its training is over."""

TEXT: Final = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
"""A text as Python writes it."""

SETTINGS: Final = {
    "learning_rate": "the learning rate",
    "l1": "the L1 penalty",
    "l2": "the L2 penalty",
    "batch_size": "the batch size",
    "noise": "the noise",
    "n_samples": "the number of samples",
    "held_out": "the share held out",
    "data_seed": "the seed of the data",
    "seed": "the seed",
    "units": "the number of units",
    "dropout": "the dropout",
}
"""Settings by their names in Python."""

PARTS: Final = {
    "back.n": "the number of steps",
    "go_to.step": "the step",
    "play.speed": "the speed",
    "step.n": "the number of steps",
    "seed.seed": "the seed",
    "set.name": "the name of the setting",
    "layer.index": "the number of the layer",
    "add_layer.index": "the number of the layer",
    "remove_layer.index": "the number of the layer",
    "feature.name": "the name of the feature",
    "feature.on": "the mark of the feature",
    "data.name": "the name of the data",
    "paint.points": "the list of painted points",
    "csv.name": "the name of the file",
    "csv.text": "the content of the file",
    "csv.target": "the target",
    "columns.columns": "the list of columns",
    "formula.layer": "the number of the layer",
    "formula.unit": "the number of the unit",
    "sample.index": "the number of the sample",
    "sample.inputs": "the list of inputs",
    "sample.weights": "the weight",
    "set_weight.at": "the place of the weight",
    "set_weight.value": "the weight",
    "restore.run": "the file of the run",
    "export.kind": "the kind of file",
}
"""What stands in a command, each by its command and its name."""

ERRORS: Final = {
    **{
        rf"^{re.escape(part)}\[\S+ is ": f"an entry of {words} is " for part, words in PARTS.items()
    },
    **{rf"^{re.escape(part)}(?:\.\w+)? is ": f"{words} is " for part, words in PARTS.items()},
    **{rf"^{name} is ": f"{words} is " for name, words in SETTINGS.items()},
    r"^(the [\w ]+ is) (?:''|None|null)(?=,)": r"\1 empty",
    r" is needed: (?:\w+=)?(.+)$": r" is needed, such as \1",
    r"a number >= (\S+) and <= (\S+) is": r"a number from \1 to \2 is",
    r"a number >= (\S+) and < (\S+) is": r"a number of at least \1 and below \2 is",
    r"\b(from -?|to )1e\+06\b": r"\g<1>1,000,000",
    r"\b(from -?|to )1e\+09\b": r"\g<1>1,000,000,000",
    r"^layers has (\d+) entries, but": r"these are \1 hidden layers, but",
    r"^painted has (\d+) entries, but": r"these are \1 painted points, but",
    r"^table\.name ": "the name of the file ",
    r"such as data='moons', or noise=0$": "such as moons, or no noise",
    "choose data='moons', or": "choose data such as moons, or",
    "take more samples, or held_out=0$": "take more samples, or hold out none",
    # of a table
    rf"leave them out, drop=\[{TEXT}(?:, {TEXT})*\],": "leave them out of the file,",
    rf"leave columns out, drop=\[{TEXT}(?:, {TEXT})*\]": "leave the columns out of the file",
    r" \(pandas writes none with to_csv\(path, index=False\)\)": "",
    ", or pass task='classification' if they are": "",
    ", or pass task='classification' if these texts are classes": (
        ", or write classes as words if these texts are classes"
    ),
    "if they are classes, task='classification'": "if they are classes, write them as words",
    r"\bchoose another target\b": "choose another target (at first it is the last column)",
}
"""Words of errors for people who write Python, as patterns, and those for a page."""


def advice_for_a_page(text: str) -> str:
    """A sentence of advice as it stands on a page.

    >>> advice_for_a_page("the steps are too long: train a new model with a smaller learning_rate")
    'the steps are too long: rewind and train with a smaller learning rate'
    """
    return in_other_words(text, ADVICE)


def advice_for_a_recording(text: str) -> str:
    """A sentence of advice as it stands on the page of a training that is over.

    >>> advice_for_a_recording("train a new model with callbacks=[EarlyStopping()]")
    'train a new network with early stopping'
    """
    return in_other_words(text, RECORDED)


def error_for_a_page(text: str) -> str:
    """What is wrong, as it stands on a page.

    >>> error_for_a_page("set_weight.value is 'abc', but a number is needed")
    "the weight is 'abc', but a number is needed"
    >>> error_for_a_page("l2 is -1, but a number >= 0 and <= 1e+06 is needed: l2=0.01")
    'the L2 penalty is -1, but a number from 0 to 1,000,000 is needed, such as 0.01'
    """
    return in_other_words(text, ERRORS)
