"""What a page is told of a run, as plain dicts: the scene, and the frames that follow it.

Numbers are exact; nan and inf, which JSON does not know, are None.
"""

from __future__ import annotations

from base64 import b64encode
from math import isfinite
from typing import Any, Final

import numpy as np

from tinygrad_mlp._text import visible
from tinygrad_mlp.nn import ACTIVATIONS, INITIALIZERS
from tinygrad_mlp.optim._by_name import OPTIMIZERS
from viz._run.curve import Cursor
from viz._run.described_network import described_network
from viz._run.run import Run
from viz._run.run_choices import DATA, DEFAULT, FEATURES
from viz._run.run_samples import RunSamples
from viz._run.run_steps import Measured
from viz._run.sent_data import SentData, data_of

__all__ = ["frame", "scene"]


def scene(run: Run, data: SentData | None = None) -> dict[str, Any]:
    """All but the weights: the samples, the network, the settings, and what can be chosen.

    Args:
        run: the run.
        data: what ``data_of`` says of its data, where that is known.

    >>> told = scene(Run())
    >>> told["title"], told["task"], told["names"], told["points"]["n_points"]
    ('spirals', 'binary', ['x1', 'x2'], [375, 125])
    """
    with run.lock:
        samples = run.samples
        scaler = samples.scaler
        data = data_of(run, data)
        return {
            "kind": "scene",
            "version": run.version,
            "data_version": data.version,
            **data.parts,
            "title": visible(run.title),
            "task": samples.kind,
            "outputs": [visible(name) for name in samples.classes or samples.targets_named],
            "columns": list(run.settings.columns),
            "features": _features(run, samples),
            "mean": None if scaler is None else scaler.mean_.tolist(),
            "scale": None if scaler is None else scaler.scale_.tolist(),
            "target_scale": _scale_of_target(samples),
            "network": described_network(run, samples),
            "settings": _settings(run),
            "choices": {
                "optimizer": [*OPTIMIZERS],
                "activation": [*ACTIVATIONS],
                "initializer": [DEFAULT, *INITIALIZERS],
                "data": [*DATA],
                "made": [name for name, noise in DATA.items() if noise is not None],
                "feature": [*FEATURES],
            },
            "fixed": run.fixed,
            "can": run.abilities,
        }


def frame(run: Run, cursor: Cursor | None = None, *, playing: bool = False) -> dict[str, Any]:
    """The weights of the present step, how good they are, and how the curve goes on.

    While the run plays, how good they were a moment ago, where measuring takes long.

    Args:
        run: the run.
        cursor: how much of the curve the page has; None for nothing.
        playing: whether the run goes on by itself.

    >>> run = Run()
    >>> run.take(3)
    3
    >>> frame(run)["step"], len(frame(run)["weights"])  # 337 numbers of 4 bytes, as text
    (3, 1800)
    """
    with run.lock:
        now = run.lately() if playing else run.measured()
        n_valid, points = run.curve.news(Cursor() if cursor is None else cursor)
        with np.errstate(over="ignore"):  # inf, where a training goes astray
            weights = run.numbers().astype("<f4").tobytes()
        return {
            "kind": "frame",
            "version": run.version,
            "step": run.step,
            "last": run.last,
            "epoch": run.epochs,
            "playing": playing,
            **dict(zip(_NAMES, _numbers(now))),
            "weights": b64encode(weights).decode("ascii"),
            "oldest": run.oldest_exact,
            "curve": {
                "from": n_valid,
                "points": [[step, *_numbers(measured)] for step, measured in points],
            },
            "advice": run.advice,
            "remark": run.remark,
        }


_NAMES: Final = ("loss", "held_out_loss", "accuracy", "held_out_accuracy")


def _numbers(measured: Measured) -> list[float | None]:
    numbers = [getattr(measured, name) for name in _NAMES]
    return [number if number is not None and isfinite(number) else None for number in numbers]


def _features(run: Run, samples: RunSamples) -> list[dict[str, Any]]:
    """What the network can see of the columns, and whether it does."""
    if not samples.is_plane or run.fixed is not None:
        return [
            {"name": visible(name), "on": True, "of": f"column {i}"}
            for i, name in enumerate(samples.names)
        ]
    on = samples.features or ("x1", "x2")
    of = {"x1": "column 0", "x2": "column 1"}
    return [
        {
            "name": name,
            "on": name in on,
            "of": " and ".join([column for x, column in of.items() if x in name]),
        }
        for name in FEATURES
    ]


def _settings(run: Run) -> dict[str, Any]:
    """The settings; of a table not the text, which may be long."""
    table = run.settings.table
    told = run.settings.json()
    if table is not None:
        told["table"] = {"name": table.name, "target": visible(run.samples.targets_named[0])}
    return told


def _scale_of_target(samples: RunSamples) -> dict[str, list[float]] | None:
    scaler = samples.target_scaler
    if scaler is None:
        return None
    return {"mean": scaler.mean_.tolist(), "scale": scaler.scale_.tolist()}
