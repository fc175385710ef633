"""What a page can ask for: each command does one thing, and a wrong one changes nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.play.serving import SMALL
from tests.replaying import recorded
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.graph import order_of
from tinygrad_mlp.nn import MLP
from viz._play import commands
from viz._play.commands import COMMANDS, MOST_STEPS, obey
from viz._play.player import Player
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings

CSV = "a,b,c,kind\n" + "".join([f"{i},{i % 3},{i % 5},{'xy'[i % 2]}\n" for i in range(30)])


class Steered:
    """A run with a player whose thread never runs: what is asked for is done at once."""

    def __init__(self) -> None:
        self.run = Run(SMALL)
        self.player = Player(self.run)

    def do(self, do: str, **parts: Any) -> Any:
        answer = obey(self.run, self.player, json.loads(json.dumps({"do": do, **parts})))
        assert answer["ok"], answer
        shown = self.player.newer_than(0, 0.0)
        assert shown is not None
        assert shown.frame["step"] == self.run.step
        return answer

    def state(self) -> Any:
        run = self.run
        numbers = run.numbers().tobytes().hex()
        return run.settings, run.step, run.version, numbers, self.player.is_playing


@pytest.fixture
def steered() -> Steered:
    return Steered()


@pytest.fixture(scope="module")
def still() -> Steered:
    """One that no test changes."""
    steered = Steered()
    steered.do("step", n=2)
    return steered


def test_steps_and_back(steered: Steered) -> None:
    run = steered.run
    steered.do("step")
    assert run.step == 1
    steered.do("step", n=4)
    first = run.numbers()
    steered.do("epoch")
    assert (run.step, run.epochs) == (6, 1.0)  # of 30 samples in batches of 5
    steered.do("back")
    assert run.step == 5
    assert run.numbers().tolist() == first.tolist()
    steered.do("back", n=3)
    assert run.step == 2
    steered.do("go_to", step=4)
    assert run.step == 4
    start = Run(SMALL).numbers()
    steered.do("rewind")
    assert run.step == 0
    assert run.numbers().tolist() == start.tolist()
    assert steered.do("seed") == {"ok": True, "seed": 1}
    assert steered.do("seed", seed=9)["seed"] == run.settings.seed == 9
    assert run.numbers().tolist() != start.tolist()


def test_play_and_pause(steered: Steered) -> None:
    steered.do("play")
    assert steered.player.is_playing
    steered.do("play", speed=None)
    steered.do("set", name="l2", value=0.1)
    assert steered.player.is_playing
    steered.do("pause")
    assert not steered.player.is_playing


@pytest.mark.parametrize(
    ("do", "parts"),
    [
        ("step", {}),
        ("epoch", {}),
        ("back", {"n": 1}),
        ("go_to", {"step": 0}),
        ("rewind", {}),
    ],
)
def test_what_moves_the_run_pauses_it(steered: Steered, do: str, parts: dict[str, Any]) -> None:
    steered.do("play")
    steered.do(do, **parts)
    assert not steered.player.is_playing


def test_the_speed_is_passed_on(steered: Steered, monkeypatch: pytest.MonkeyPatch) -> None:
    speeds: list[Any] = []
    monkeypatch.setattr(steered.player, "play", speeds.append)
    steered.do("play", speed=2.5)
    steered.do("play", speed=None)
    steered.do("play")
    assert speeds == [2.5, None, None]


def test_settings(steered: Steered) -> None:
    run = steered.run
    steered.do("set", name="learning_rate", value=0.25)
    assert run.settings.learning_rate == 0.25
    steered.do("set", name="batch_size", value=None)
    assert run.settings.batch_size is None
    steered.do("layer", index=0, units=5, activation="relu", dropout=0.25)
    assert run.settings.layers == (LayerSettings(5, "relu", dropout=0.25),)
    steered.do("layer", index=0, initializer="xavier_uniform")
    assert run.settings.layers[0].initializer == "xavier_uniform"
    steered.do("add_layer")
    steered.do("add_layer", index=0)
    steered.do("layer", index=0, units=2)
    assert [layer.units for layer in run.settings.layers] == [2, 5, 5]
    steered.do("remove_layer", index=2)
    assert [layer.units for layer in run.settings.layers] == [2, 5]
    steered.do("feature", name="x1*x2", on=True)
    steered.do("feature", name="x1", on=False)
    assert run.settings.features == ("x2", "x1*x2")
    steered.do("paint", points=[[0.5, -1.0, 1], [0.25, 2, 0]])
    assert run.settings.painted == ((0.5, -1.0, 1.0), (0.25, 2.0, 0.0))
    steered.do("data", name="iris")
    assert run.settings.data == "iris"
    steered.do("columns", columns=[2, 3])
    assert run.settings.columns == (2, 3)
    steered.do("csv", name="own.csv", text=CSV)
    assert run.samples.classes == ("x", "y")
    steered.do("csv", name="own.csv", text=CSV, target=None)
    steered.do("csv", name="own.csv", text=CSV.replace("kind", "d"), target="d")
    assert run.samples.names == ("a", "b", "c")


def test_a_weight_is_set(steered: Steered) -> None:
    steered.do("set_weight", at=2, value=0.75)
    assert steered.run.numbers()[2] == 0.75


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (None, "the command is empty"),
        ([], "the command is a list"),
        ("play", "the command is 'play'"),
        ({}, "do is null, but one of play"),
        ({"do": 1}, "do is 1"),
        ({"do": "fly"}, "do is 'fly', but one of play"),
        ({"do": "__class__"}, "one of play"),
        ({"do": "play", "speed": 0}, "the speed is 0, but a number above 0 is needed"),
        ({"do": "play", "speed": "fast"}, "the speed is"),
        ({"do": "play", "speed": True}, "the speed is"),
        ({"do": "play", "speed": float("inf")}, "the command.speed is inf"),
        ({"do": "play", "now": 1}, "unknown key 'now'"),
        ({"do": "step", "n": 0}, "the number of steps is 0"),
        ({"do": "step", "n": 1.0}, "the number of steps is 1.0"),
        ({"do": "step", "n": MOST_STEPS + 1}, f"a whole number from 1 to {MOST_STEPS}"),
        ({"do": "step", "n": 10**400}, "a number of more than 60 digits"),
        ({"do": "back", "n": -1}, "the number of steps is -1"),
        ({"do": "go_to"}, "go_to has no 'step'"),
        ({"do": "go_to", "step": None}, "the step is empty"),
        ({"do": "seed", "seed": -1}, "the seed is -1"),
        ({"do": "seed", "seed": 2**60}, "seed"),
        ({"do": "set", "name": "learning_rate"}, "no 'value'"),
        ({"do": "set", "name": "lock", "value": 1}, "unknown setting 'lock'"),
        ({"do": "set", "name": "learning_rate", "value": "x"}, "the learning rate is 'x'"),
        ({"do": "set", "name": "learning_rate", "value": -1}, "the learning rate is -1"),
        ({"do": "set", "name": "learning_rate", "value": 10**400}, "the learning rate is 1000"),
        ({"do": "set", "name": "optimizer", "value": ["adam"]}, "unknown optimizer"),
        ({"do": "set", "name": "columns", "value": {"a": 1}}, "columns"),
        ({"do": "layer", "index": 0, "name": "x"}, "unknown key 'name'"),
        ({"do": "layer", "index": 1, "units": 3}, "no hidden layer 1"),
        ({"do": "layer", "index": 0, "units": 10**9}, "units"),
        ({"do": "layer", "index": 0, "activation": "rleu"}, "Did you mean 'relu'?"),
        ({"do": "remove_layer", "index": 7}, "no hidden layer 7"),
        ({"do": "feature", "name": "x3", "on": True}, "x3"),
        (
            {"do": "feature", "name": "x1", "on": 1},
            "the mark of the feature is 1, but true or false",
        ),
        ({"do": "data", "name": "../etc/passwd"}, "unknown data set"),
        ({"do": "paint", "points": []}, "at least 1"),
        ({"do": "paint", "points": [[0, 0, 1], [0, 0, 7]]}, "the class 7"),
        ({"do": "paint", "points": [[0, 0, 1], [0, 0]]}, "x1, x2 and a class are needed"),
        (
            {"do": "paint", "points": [[0, "0", 1]]},
            "an entry of the list of painted points is '0', but a number",
        ),
        ({"do": "csv", "name": "a.csv", "text": ""}, "empty"),
        ({"do": "csv", "name": "a.csv", "text": "a,b\n1,2\n"}, "nothing to learn"),
        ({"do": "csv", "name": "a.csv", "text": CSV, "target": "z"}, "z"),
        ({"do": "csv", "name": 1, "text": CSV}, "the name of the file is 1"),
        ({"do": "columns", "columns": [0, 9]}, "columns"),
        ({"do": "columns", "columns": [0, -1]}, "an entry of the list of columns is -1"),
        ({"do": "formula", "layer": -1, "unit": 0}, "the number of the layer is -1"),
        ({"do": "sample", "index": "0"}, "the number of the sample is '0'"),
        (
            {"do": "sample", "index": 0, "inputs": ["1"]},
            "an entry of the list of inputs is '1', but a number",
        ),
        ({"do": "formula", "layer": 9, "unit": 0}, "no layer 9"),
        ({"do": "sample", "index": 999}, "no sample 999"),
        ({"do": "sample", "index": 0, "inputs": [1.0]}, "a list of 2 numbers"),
        ({"do": "sample", "index": 0, "weights": {"99": 1.0}}, "no weight 99"),
        ({"do": "sample", "index": 0, "weights": {"-1": 1.0}}, "the place of a weight"),
        ({"do": "sample", "index": 0, "weights": {"²": 1.0}}, "the place of a weight"),
        ({"do": "sample", "index": 0, "weights": {"9" * 5000: 1.0}}, "the place of a weight"),
        (
            {"do": "sample", "index": 0, "weights": {"1": "1"}},
            "the weight is '1', but a number is needed",
        ),
        ({"do": "set_weight", "at": 13, "value": 1.0}, "no weight 13"),
        ({"do": "set_weight", "at": 0, "value": None}, "the weight is empty, but a number"),
        ({"do": "restore", "run": {}}, "the file of the run is an object"),
        ({"do": "export", "kind": "exe"}, "one of python, npz, onnx, json"),
    ],
)
def test_a_wrong_command_changes_nothing(still: Steered, command: Any, why: str) -> None:
    before = still.state()
    answer = obey(still.run, still.player, command)
    assert answer["ok"] is False
    assert why in answer["error"]
    assert still.state() == before


def test_nothing_stays_locked_behind_an_error(steered: Steered) -> None:
    obey(steered.run, steered.player, {"do": "layer", "index": 9, "units": 1})
    assert steered.player._n_in_line == 0
    assert steered.run.lock.acquire(blocking=False)


def test_every_command_has_a_test() -> None:
    assert set(COMMANDS) == {
        *("play", "pause", "step", "epoch", "back", "go_to", "rewind", "seed", "set", "layer"),
        *("add_layer", "remove_layer", "feature", "data", "paint", "csv", "columns", "formula"),
        *("sample", "set_weight", "restore", "export"),
    }


def test_a_sample_becomes_its_replay(steered: Steered) -> None:
    steered.do("step", n=10)
    before = steered.state()
    told = recorded(steered.do("sample", index=3)["page"])
    loss = steered.run.sample_loss(3).loss.data
    assert f"|{loss!r}" in told["numbers"]
    assert told["collapsed"] is True
    keys = [key for _, key in told["editable"]]
    assert sorted(keys) == sorted(["x:0", "x:1", *[f"p:{i}" for i in range(13)]])
    parameters = {place for place, key in told["editable"] if key.startswith("p")}
    assert all(told["kinds"][told["roles"][place]] == "parameter" for place in parameters)
    assert "quiz" in told
    edited = {"inputs": [None, 0.5], "weights": {"2": 0.25}}
    told = recorded(steered.do("sample", index=3, **edited)["page"])
    other = steered.run.sample_loss(3, [None, 0.5], {2: 0.25}).loss.data
    assert other != loss
    assert f"|{other!r}" in told["numbers"]
    told = recorded(steered.do("sample", index=3, inputs=None, weights=None)["page"])
    assert f"|{loss!r}" in told["numbers"]
    assert steered.state() == before


def test_a_sample_pauses_the_training(steered: Steered) -> None:
    steered.do("play")
    assert steered.player.is_playing
    steered.do("sample", index=0)
    assert not steered.player.is_playing


def test_a_sample_of_a_large_network_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    steered = Steered()
    sample = {"do": "sample", "index": 0}
    n_nodes = len(order_of([steered.run.sample_loss(0).loss]))
    monkeypatch.setattr(commands, "MOST_ASKED", n_nodes)
    monkeypatch.setattr(commands, "MOST_NODES", n_nodes)
    assert "quiz" in recorded(steered.do("sample", index=0)["page"])
    monkeypatch.setattr(commands, "MOST_ASKED", n_nodes - 1)
    assert "quiz" not in recorded(steered.do("sample", index=0)["page"])
    monkeypatch.setattr(commands, "MOST_NODES", n_nodes - 1)
    refusal = (
        f"a sample through this network is a graph of {n_nodes} nodes, but a page shows up to "
        f"{n_nodes - 1}; take fewer or smaller layers, or data with fewer columns"
    )
    assert obey(steered.run, steered.player, sample) == {"ok": False, "error": refusal}
    monkeypatch.setattr(commands, "MOST_NODES", 14)  # two inputs, 13 parameters
    monkeypatch.setattr(Run, "sample_loss", None)  # no graph is built
    error = obey(steered.run, steered.player, sample)["error"]
    assert error.startswith("a sample through this network is a graph of at least 15 nodes, but a")


def test_samples_of_digits_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(RunSettings("digits", layers=(LayerSettings(32),)))

    def written(loss: Value, **given: Any) -> str:
        return f"{given['max_nodes']} {given['quiz']}"

    monkeypatch.setattr(commands, "replay_page", written)
    answer = obey(run, Player(run), {"do": "sample", "index": 0})
    assert answer == {"ok": True, "page": "3000 False"}


def test_the_formula_of_a_unit(steered: Steered) -> None:
    answer = steered.do("formula", layer=0, unit=1)
    assert answer == {"ok": True, **steered.run.formula(0, 1)}
    weights = steered.run.numbers().tolist()[3:6]
    assert all(repr(abs(weight)) in answer["text"] for weight in weights)
    assert "tanh" in answer["latex"]


def test_a_run_that_cannot_be_restored_is_shown_as_it_stands(steered: Steered) -> None:
    steered.do("play")
    answer = obey(steered.run, steered.player, {"do": "restore", "run": "{}"})
    assert not answer["ok"]
    shown = steered.player.newer_than(0, 0.0)
    assert shown is not None
    assert shown.frame["playing"] is steered.player.is_playing is False


def test_steps_that_fail_half_way_are_shown(
    steered: Steered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training stands still then, which the page has to know."""
    steered.do("play")

    def fail(seconds: float, n_steps: int) -> int:
        raise DataError("the model has failed")

    monkeypatch.setattr(steered.run, "take_for", fail)
    answer = obey(steered.run, steered.player, {"do": "step"})
    assert answer == {"ok": False, "error": "the model has failed"}
    shown = steered.player.newer_than(0, 0.0)
    assert shown is not None
    assert shown.frame["playing"] is steered.player.is_playing is False


def test_a_run_is_exported_and_restored(steered: Steered) -> None:
    steered.do("step", n=8)
    steered.do("set", name="learning_rate", value=0.5)
    steered.do("step", n=8)
    kept = steered.run.numbers().tobytes()
    for kind, ending in (("python", ".py"), ("npz", ".npz"), ("onnx", ".onnx"), ("json", ".json")):
        answer = steered.do("export", kind=kind)
        assert answer["filename"] == f"moons{ending}"
        content = base64.b64decode(answer["base64"])
        assert content == steered.run.exported(kind)[1] or kind == "npz"  # which holds its date
    text = content.decode()
    steered.do("data", name="iris")
    steered.do("play")
    run = steered.run
    steered.do("restore", run=text)
    assert not steered.player.is_playing
    assert steered.run is run
    assert (run.step, run.title, run.settings.learning_rate) == (16, "moons", 0.5)
    assert run.numbers().tobytes() == kept


@pytest.mark.parametrize("text", ["nonsense", "{}", "[" * 100_000, '{"step": 1e99}'])
def test_a_text_that_is_no_run_is_told(still: Steered, text: str) -> None:
    before = still.state()
    answer = obey(still.run, still.player, {"do": "restore", "run": text})
    assert answer["ok"] is False
    assert "run" in answer["error"]
    assert still.state() == before


@pytest.mark.parametrize("end", ["pause", "play", "close"])
def test_who_asks_for_something_else_ends_a_long_restore(
    steered: Steered, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.dumps(Run(SMALL).json() | {"step": 10_000_000})
    undisturbed = steered.player.undisturbed

    def disturbed() -> Callable[[], bool]:
        goes_on = undisturbed()
        getattr(steered.player, end)()
        return goes_on

    before = steered.run.json()
    monkeypatch.setattr(steered.player, "undisturbed", disturbed)
    answer = obey(steered.run, steered.player, {"do": "restore", "run": text})
    assert "the run is not restored" in answer["error"]
    assert steered.run.json() == before


def test_a_model_of_a_program_stays_what_it_is() -> None:
    X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    run = Run.of_model(MLP(2, [3, 1], rng=0), X, [0, 1, 1, 0], held_out=0.0, batch_size=None)
    player = Player(run)
    for command in (
        {"do": "data", "name": "moons"},
        {"do": "add_layer"},
        {"do": "layer", "index": 0, "units": 4},
        {"do": "csv", "name": "a.csv", "text": CSV},
        {"do": "export", "kind": "python"},
        {"do": "restore", "run": Run(SMALL).exported("json")[1].decode()},
    ):
        answer = obey(run, player, command)
        assert answer["ok"] is False
        assert "program" in answer["error"]
    assert obey(run, player, {"do": "set", "name": "l2", "value": 0.5})["ok"]
