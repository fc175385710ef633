"""A run as a Python program: the same weights to the last bit, each change at its step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pprint import pformat
from typing import Final

from viz._run.run_changes import Change
from viz._run.run_choices import DEFAULT, FEATURES
from viz._run.run_samples import TURNS, XOR_CENTERS, RunSamples
from viz._run.run_settings import RunSettings

__all__ = ["script_of"]


def script_of(
    base: RunSettings,
    changes: Sequence[Change],
    n_steps: int,
    samples: RunSamples,
    loss_name: str,
) -> str:
    """The text of the program.

    Args:
        base: the settings that the run began with.
        changes: the changes since then.
        n_steps: how many steps were taken.
        samples: of them what does not change.
        loss_name: the name of the loss.

    >>> from viz._run.run_samples import samples_for
    >>> settings = RunSettings("moons")
    >>> loss = "binary_cross_entropy_with_logits"
    >>> "take(7)" in script_of(settings, [], 7, samples_for(settings), loss)
    True
    """
    used = [base, *[change.settings for change in changes]]
    drops = any([layer.dropout for settings in used for layer in settings.layers])
    lines = [
        *_beginning(base, used, drops),
        *_data(base, used, samples, loss_name),
        *_network(base, samples, drops),
        *_loop(base, used),
        *_course(base, changes, n_steps, drops, any([settings.painted for settings in used])),
        *_end(samples),
    ]
    return "\n".join(lines) + "\n"


MADE: Final = {
    "moons": "make_moons({n}, noise, rng={seed})",
    "circles": "make_circles({n}, noise, rng={seed})",
    "spirals": f"make_spirals({{n}}, noise, rng={{seed}}, turns={TURNS})",
    "blobs": "make_blobs({n}, noise, rng={seed})",
    "xor": f"make_blobs({{n}}, noise, rng={{seed}}, centers={XOR_CENTERS})",
}
"""How the points of the data sets in the plane are made."""


def _beginning(base: RunSettings, used: Sequence[RunSettings], drops: bool) -> Iterator[str]:
    made = MADE.get(base.data, "load_dataset" if base.table is None else "read_table")
    from_data = {made.partition("(")[0], "split_indices"} if base.held_out else {made.split("(")[0]}
    if base.standardize or base.table is not None:
        from_data.add("StandardScaler")
    losses = [f"{name}_penalty" for name in ("l1", "l2") if any([getattr(s, name) for s in used])]
    from_nn = ["Dropout"] * drops + ["Layer", "Sequential"]
    if any([_activations(settings) != _activations(base) for settings in used]):
        from_nn.append("activation_named")
    yield '"""A training, step by step, with every change at its step."""'
    yield ""
    if base.table is not None:
        yield "import tempfile"
        yield "from pathlib import Path"
        yield ""
    yield "import numpy as np"
    yield ""
    yield "from tinygrad_mlp import compile"
    yield f"from tinygrad_mlp.data import {', '.join(sorted(from_data))}"
    yield f"from tinygrad_mlp.losses import {', '.join([*losses, 'loss_named'])}"
    yield f"from tinygrad_mlp.nn import {', '.join(from_nn)}"
    if base.layers and base.layers[0].initializer == DEFAULT:
        yield "from tinygrad_mlp.nn.init import first_layer"
    yield "from tinygrad_mlp.optim import make_optimizer"
    yield ""


def _data(
    base: RunSettings, used: Sequence[RunSettings], samples: RunSamples, loss_name: str
) -> Iterator[str]:
    if base.table is not None:
        yield f"TABLE = {_text(base.table.text)}"
        yield ""
    paints = any([settings.painted for settings in used])
    yield ""
    yield f"def samples(noise{', painted' * paints}):"
    yield '    """The columns, the answers, and which of them are learned from."""'
    if base.table is not None:
        yield "    with tempfile.TemporaryDirectory() as folder:"
        yield '        path = Path(folder) / "table.csv"'
        yield '        path.write_text(TABLE, encoding="utf-8", newline="")'
        yield f"        table = read_table(path, {samples.targets_named[0]!r})"
        yield "    X, y = table.X, table.y"
    elif base.data in MADE:
        made = MADE[base.data].format(n=base.n_samples, seed=base.data_seed)
        yield f"    X, y = {made}"
        if base.data == "xor":
            yield "    y = y // 2"
    else:
        yield f"    dataset = load_dataset({base.data!r})"
        yield "    X, y = dataset.X, dataset.y"
    if base.held_out:
        yield f"    train, held_out = split_indices(y, {base.held_out!r}, rng={base.data_seed})"
    else:
        yield "    train, held_out = np.arange(len(y)), np.arange(0)"
    if paints:
        yield "    if painted:"
        yield "        points = np.array(painted)"
        yield "        train = np.concatenate([train, len(y) + np.arange(len(points))])"
        yield "        X = np.concatenate([X, points[:, :2]])"
        yield "        y = np.concatenate([y, points[:, 2].astype(y.dtype)])"
    yield "    return X, y, train, held_out"
    yield ""
    yield ""
    yield "def seen(X):"
    yield '    """What the network sees of the columns."""'
    if samples.features:
        yield "    return np.column_stack("
        yield f"        [{', '.join([FEATURES[name] for name in samples.features])}]"
        yield "    )"
    else:
        yield "    return X"
    yield ""
    yield ""
    yield f"noise = {base.noise!r}"
    if paints:
        yield f"painted = {_points(base.painted)}"
    given = "noise, painted" if paints else "noise"
    yield f"X, y, train, held_out = samples({given})"
    if base.standardize:
        yield "scaler = StandardScaler().fit(seen(X[train]))"
    if samples.target_scaler is not None:
        yield "target_scaler = StandardScaler().fit(y[train].reshape(-1, 1))"
    yield f"loss = loss_named({loss_name!r})"
    yield ""
    yield ""
    yield "def prepared(X, y):"
    yield '    """The inputs of the network, and what the loss compares with."""'
    inputs = "scaler.transform(seen(X))" if base.standardize else "seen(X)"
    scaled = samples.target_scaler is not None
    targets = "target_scaler.transform(y.reshape(-1, 1))" if scaled else "y"
    yield f"    return {inputs}, loss.encode_targets({targets}, {samples.n_outputs})"
    yield ""
    yield ""
    yield "inputs, targets = prepared(X, y)"
    yield ""


def _network(base: RunSettings, samples: RunSamples, drops: bool) -> Iterator[str]:
    yield f"rng = np.random.default_rng({base.seed})"
    if drops:
        yield f"left_out = np.random.default_rng([{base.seed}, 1])"
    yield "model = Sequential("
    n_inputs = samples.n_inputs
    for place, layer in enumerate(base.layers):
        init = ", None" if place else ", first_layer"
        if layer.initializer != DEFAULT:
            init = f", {layer.initializer!r}"
        yield f"    Layer({n_inputs}, {layer.units}, {layer.activation!r}{init}, rng),"
        if drops:
            yield f"    Dropout({layer.dropout!r}, left_out),"
        n_inputs = layer.units
    yield f"    Layer({n_inputs}, {samples.n_outputs}, None, rng=rng),"
    yield ")"
    yield "parameters = model.parameters()"
    yield ""


def _loop(base: RunSettings, used: Sequence[RunSettings]) -> Iterator[str]:
    penalties = [name for name in ("l1", "l2") if any([getattr(s, name) for s in used])]
    for name in penalties:
        yield f"{name} = {getattr(base, name)!r}"
    yield ""
    yield ""
    yield "def objective(x, target):"
    yield "    value = loss.sample_loss(model.logits(x), target)"
    for name in penalties:
        yield f"    if {name}:"
        yield f"        value = value + {name}_penalty(parameters, {name})"
    yield "    return value"
    yield ""
    yield ""
    yield "program = compile(objective, parameters, per_sample=True)"
    yield _optimizer(base)
    yield f"shuffler = np.random.default_rng([{base.seed}, 2])"
    yield f"batch_size = {_batch_size(base)}"
    yield "order, place = np.arange(0), 0"
    yield ""
    yield ""
    yield "def take(n_steps):"
    yield '    """Take steps: each epoch goes through the samples in a new order."""'
    yield "    global order, place"
    yield "    for _ in range(n_steps):"
    yield "        if place >= len(order):"
    yield "            order, place = shuffler.permutation(len(train)), 0"
    yield "        batch = train[order[place : place + batch_size]]"
    yield "        program(inputs[batch], targets[batch])"
    yield "        optimizer.step_array(program.parameters, program.gradients)"
    yield "        place += batch_size"
    yield ""
    yield ""


def _course(
    base: RunSettings, changes: Sequence[Change], n_steps: int, drops: bool, paints: bool
) -> Iterator[str]:
    before, done = base, 0
    for change in changes:
        if change.step > done:
            yield f"take({change.step - done})"
        yield f"# after step {change.step}"
        yield from _changed(before, change, drops, paints)
        before, done = change.settings, change.step
    if n_steps > done:
        yield f"take({n_steps - done})"


def _changed(before: RunSettings, change: Change, drops: bool, paints: bool) -> Iterator[str]:
    now = change.settings
    if change.weight is not None:
        place, number = change.weight
        yield f"program.parameters[{place}] = {number!r}"
    if (now.noise, now.painted) != (before.noise, before.painted):
        if now.noise != before.noise:
            yield f"noise = {now.noise!r}"
        added = now.painted[len(before.painted) :]
        if added:
            yield f"painted = [*painted, *{_points(added)}]"
        given = "noise, painted" if paints else "noise"
        yield f"X, y, train, held_out = samples({given})"
        yield "inputs, targets = prepared(X, y)"
    if now.optimizer != before.optimizer:
        yield _optimizer(now)
    elif now.learning_rate != before.learning_rate:
        yield f"optimizer.learning_rate = {now.learning_rate!r}"
    grown = now.batch_size is None and now.painted != before.painted
    if now.batch_size != before.batch_size or grown:
        yield f"batch_size = {_batch_size(now)}"
    recorded = [
        f"{name} = {getattr(now, name)!r}"
        for name in ("l1", "l2")
        if getattr(now, name) != getattr(before, name)
    ]
    apart = 2 if drops else 1
    for place, (old, new) in enumerate(zip(before.layers, now.layers)):
        if new.activation != old.activation:
            recorded += [
                f"model[{apart * place}].activation = {new.activation!r}",
                f"for neuron in model[{apart * place}].neurons:",
                f"    neuron.activation = activation_named({new.activation!r})",
            ]
        if new.dropout != old.dropout:
            recorded.append(f"model[{apart * place + 1}].p = {new.dropout!r}")
    if recorded:
        yield from recorded
        yield "program.refresh()"


def _end(samples: RunSamples) -> Iterator[str]:
    yield ""
    yield "program.write_back()"
    yield "model.eval()"
    yield "with_loss = program.prediction("
    yield "    lambda x, target: loss.sample_loss(model.logits(x), target)"
    yield ")"
    yield 'print("loss:", with_loss(inputs[train], targets[train]).mean())'
    if len(samples.held_out):
        yield 'print("loss held out:", with_loss(inputs[held_out], targets[held_out]).mean())'


def _optimizer(settings: RunSettings) -> str:
    rate = settings.learning_rate
    return f"optimizer = make_optimizer({settings.optimizer!r}, parameters, learning_rate={rate!r})"


def _batch_size(settings: RunSettings) -> str:
    return "len(train)" if settings.batch_size is None else str(settings.batch_size)


def _activations(settings: RunSettings) -> list[str]:
    return [layer.activation for layer in settings.layers]


def _points(points: Sequence[tuple[float, float, float]]) -> str:
    return pformat(list(points), width=90)


def _text(text: str) -> str:
    """A text of many lines as Python reads it, a line each."""
    lines = text.splitlines(keepends=True)
    return "\n".join(["(", *[f"    {line!r}" for line in lines], ")"])
