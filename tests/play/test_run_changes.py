"""How a run is changed: what goes on, what begins anew, and what is refused and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tinygrad_mlp.data import make_moons
from tinygrad_mlp.errors import InvalidArgumentError, TinygradMLPError
from tinygrad_mlp.nn import MLP
from viz._run import run_samples
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, OwnTable, RunSettings

LAYERS = (LayerSettings(3), LayerSettings(2, "relu"))


def small() -> Run:
    return Run(RunSettings("moons", n_samples=40, layers=LAYERS, batch_size=8))


IN_FLIGHT: dict[str, Callable[[Run], Any]] = {
    "learning_rate": lambda run: run.set("learning_rate", 0),
    "l1": lambda run: run.set("l1", 0.5),
    "l2": lambda run: run.set("l2", 1),
    "noise": lambda run: run.set("noise", 0.3),
    "batch_size": lambda run: run.set("batch_size", None),
    "optimizer": lambda run: run.set("optimizer", "RMSprop"),
    "activation": lambda run: run.set_layer(1, activation="silu"),
    "dropout": lambda run: run.set_layer(0, dropout=0.5),
    "painted": lambda run: run.paint([[1, 2, 0]]),
    "a weight": lambda run: run.set_weight(0, 2.5),
}

ANEW: dict[str, Callable[[Run], Any]] = {
    "data": lambda run: run.set("data", "circles"),
    "n_samples": lambda run: run.set("n_samples", 44),
    "held_out": lambda run: run.set("held_out", 0.5),
    "data_seed": lambda run: run.set("data_seed", 1),
    "standardize": lambda run: run.set("standardize", not run.settings.standardize),
    "features": lambda run: run.set_feature("x1*x2", True),
    "seed": lambda run: run.new_seed(),
    "units": lambda run: run.set_layer(0, units=4),
    "initializer": lambda run: run.set_layer(0, initializer="zeros"),
    "one more layer": lambda run: run.add_layer(),
    "one layer less": lambda run: run.remove_layer(0),
    "a table": lambda run: run.load_csv("a.csv", "a,b\n1,2.5\n2,3\n3,5.5\n4,0.5\n"),
}


@pytest.mark.parametrize("name", IN_FLIGHT)
def test_what_changes_while_the_run_goes_on(name: str) -> None:
    run = small()
    run.take(10)
    before = run.numbers()
    IN_FLIGHT[name](run)
    assert (run.step, run.version, len(run.changes)) == (10, 2, 1)
    changed = (run.numbers() != before).nonzero()[0].tolist()
    assert changed == ([0] if name == "a weight" else [])
    assert run.take(3) == 3


@pytest.mark.parametrize("name", ANEW)
def test_what_begins_anew_with_the_weights_of_the_seed(name: str) -> None:
    run = small()
    run.take(10)
    ANEW[name](run)
    assert (run.step, run.last, run.version, run.changes) == (0, 0, 2, [])
    fresh = Run(run.settings)
    assert run.numbers().tobytes() == fresh.numbers().tobytes()
    run.take(3)
    fresh.take(3)
    assert run.numbers().tobytes() == fresh.numbers().tobytes()


def test_columns_are_only_shown() -> None:
    run = Run(RunSettings("iris", layers=(LayerSettings(2),)))
    run.take(5)
    before = run.numbers()
    run.set("columns", [3, 1])
    assert run.settings.columns == run.base.columns == (3, 1)
    assert (run.step, run.version, run.changes) == (5, 2, [])
    assert (run.numbers() == before).all()


def test_settings_as_they_are_change_nothing() -> None:
    run = small()
    run.take(5)
    run.set("batch_size", 8)
    run.set_layer(0, activation="tanh")
    assert (run.step, run.version, run.changes) == (5, 1, [])


def test_other_data_begin_with_their_own_noise_and_without_what_was_painted() -> None:
    run = small()
    run.set_feature("x2", False)
    run.set_feature("sin(x1)", True)
    run.paint([[0, 0, 1]])
    run.set("data", "spirals")
    assert (run.settings.noise, run.settings.painted) == (0.01, ())
    assert run.settings.features == ("x1", "sin(x1)")
    run.set("data", "iris")
    assert not run.settings.features
    assert run.samples.n_inputs == 4


def test_painted_points_are_learned_from_and_never_held_out() -> None:
    run = small()
    n_learned, n_held_out = len(run.samples.train), len(run.samples.held_out)
    run.paint([[3.0, 4.0, 1], [5.0, 6.0, 0]])
    run.paint([[7.0, 8.0, 1]])
    assert run.samples.X[run.samples.train][-3:].tolist() == [[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]
    assert run.samples.y[run.samples.train][-3:].tolist() == [1, 0, 1]
    assert len(run.samples.train) == n_learned + 3
    assert len(run.samples.held_out) == n_held_out


def test_more_noise_moves_the_same_points_and_keeps_the_scale() -> None:
    run = small()
    before = run.samples
    run.set("noise", 0.5)
    after = run.samples
    assert (after.y == before.y).all()
    assert (after.train == before.train).all()
    assert (after.X != before.X).all()
    assert after.scaler is before.scaler


WIDE = ",".join([f"x{i}" for i in range(1001)]) + "\n" + ",".join(["1"] * 1001)

NAN, INF = float("nan"), float("inf")

REFUSED: dict[str, tuple[Callable[[Run], Any], str]] = {
    "name": (lambda run: run.set("layers", ()), "unknown setting 'layers'; known: "),
    "data": (lambda run: run.set("data", "moon"), "unknown data set 'moon'"),
    "data list": (lambda run: run.set("data", ["moons"]), "unknown data set"),
    "rate nan": (lambda run: run.set("learning_rate", NAN), "learning_rate is nan, but"),
    "rate text": (lambda run: run.set("learning_rate", "0.1"), "learning_rate is '0.1'"),
    "rate less": (lambda run: run.set("learning_rate", -1e-9), ">= 0 and <= 1e\\+06 is needed"),
    "rate more": (lambda run: run.set("learning_rate", 2e6), "<= 1e\\+06 is needed"),
    "l1": (lambda run: run.set("l1", -1), "l1 is -1"),
    "l2": (lambda run: run.set("l2", INF), "l2 is inf"),
    "l2 flag": (lambda run: run.set("l2", True), "l2 is True"),
    "batch": (lambda run: run.set("batch_size", 0), "batch_size is 0"),
    "batch text": (lambda run: run.set("batch_size", "all"), "batch_size is 'all'"),
    "optimizer": (lambda run: run.set("optimizer", "adm"), "unknown optimizer 'adm'"),
    "optimizer none": (lambda run: run.set("optimizer", None), "unknown optimizer None"),
    "noise": (lambda run: run.set("noise", 11), "<= 10 is needed"),
    "few": (lambda run: run.set("n_samples", 19), "at least 20"),
    "many": (lambda run: run.set("n_samples", 20_001), "20,000 is the most"),
    "share": (lambda run: run.set("held_out", 0.95), "<= 0.9 is needed"),
    "seed": (lambda run: run.set("seed", -1), "seed is -1"),
    "seed float": (lambda run: run.new_seed(0.5), "seed is 0.5"),  # type: ignore[arg-type]
    "seed large": (lambda run: run.new_seed(2**53 + 1), "is the most"),
    "flag": (lambda run: run.set("standardize", "no"), "True or False is needed"),
    "columns": (lambda run: run.set("columns", [0, 2]), "there are the columns 0 to 1"),
    "one column": (lambda run: run.set("columns", [0]), "the two columns"),
    "columns text": (lambda run: run.set("columns", "01"), "a list is needed"),
    "features": (lambda run: run.set("features", ["x3"]), "unknown feature 'x3'"),
    "twice": (lambda run: run.set("features", ["x1", "x1"]), "names one twice"),
    "feature": (lambda run: run.set_feature("x3", True), "unknown feature 'x3'"),
    "feature flag": (lambda run: run.set_feature("x1", 1), "True or False"),  # type: ignore[arg-type]
    "units": (lambda run: run.set_layer(0, units=0), "units is 0"),
    "units many": (lambda run: run.set_layer(0, units=513), "512 is the most"),
    "large": (lambda run: run.change(wide(run.settings)), "parameters, but 300,000 is the most"),
    "activation": (lambda run: run.set_layer(0, activation="softmax"), "unknown activation"),
    "initializer": (lambda run: run.set_layer(0, initializer="one"), "unknown initializer"),
    "dropout": (lambda run: run.set_layer(0, dropout=1), ">= 0 and < 1 is needed"),
    "layer": (lambda run: run.set_layer(2, units=3), "there is no hidden layer 2"),
    "layer less": (lambda run: run.set_layer(-1, units=3), "number of the layer is -1"),
    "layer key": (lambda run: run.set_layer(0, unit=3), "unknown setting of a layer 'unit'"),
    "add": (lambda run: run.add_layer(3), "there is no hidden layer 3"),
    "remove": (lambda run: run.remove_layer(2), "there is no hidden layer 2"),
    "paint class": (lambda run: run.paint([[0, 0, 2]]), "has the class 2, but the classes are 0"),
    "paint half": (lambda run: run.paint([[0, 0, 0.5]]), "has the class 0.5"),
    "paint one of two": (lambda run: run.paint([[0, 0, 1], [0, 0, -1]]), "has the class -1"),
    "paint nan": (lambda run: run.paint([[NAN, 0, 1]]), "a painted point is nan"),
    "paint far": (lambda run: run.paint([[1e7, 0, 1]]), "a painted point is 1"),
    "paint pair": (lambda run: run.paint([[1, 0]]), "x1, x2 and a class are needed"),
    "paint text": (lambda run: run.paint(["abc"]), "a painted point is 'abc', but a list"),
    "paint many": (lambda run: run.paint([[0, 0, 1]] * 2001), "2000 is the most"),
    "weight": (lambda run: run.set_weight(20, 1.0), "there is no weight 20"),
    "weight nan": (lambda run: run.set_weight(0, NAN), "the weight is nan"),
    "weight place": (lambda run: run.set_weight(-1, 1.0), "place of the weight is -1"),
    "csv empty": (lambda run: run.load_csv("a.csv", ""), "a.csv is empty"),
    "csv header": (lambda run: run.load_csv("../x/a.csv", "a,b\n"), "^a.csv has a header but"),
    "csv ragged": (lambda run: run.load_csv("a.csv", "a,b\n1,2\n3\n"), "row 3 has 1 cell"),
    "csv text": (lambda run: run.load_csv("a.csv", "a,b\nx,1\ny,2\n"), "features must be numbers"),
    "csv nan": (lambda run: run.load_csv("a.csv", "a,b\n1,2\nnan,3\n2,4\n"), "row 3"),
    "csv zero": (lambda run: run.load_csv("a.csv", "a,b\n1,\x00\n"), "zero bytes"),
    "csv half": (lambda run: run.load_csv("a.csv", "a,b\n1,\ud800\n"), "UTF-8 can write"),
    "csv quote": (lambda run: run.load_csv("a.csv", 'a,b\n1,"2\n'), "check its quotes"),
    "csv name": (lambda run: run.load_csv(3, "a,b\n1,2\n"), "table.name is 3"),  # type: ignore[arg-type]
    "csv bytes": (lambda run: run.load_csv("a", b"a,b\n1,2\n"), "table.text is b'a"),  # type: ignore[arg-type]
    "csv target": (lambda run: run.load_csv("a.csv", "a,b\n1,2\n", "c"), "unknown target column"),
    "csv wide": (lambda run: run.load_csv("a.csv", WIDE), "1,001 columns"),
    "csv long": (lambda run: run.load_csv("a.csv", "1" * 5_000_001), "5,000,001 letters"),
    "csv one": (lambda run: run.load_csv("a.csv", "a,b\n1,2\n2,2\n"), "nothing to learn"),
}


def wide(settings: RunSettings) -> RunSettings:
    return RunSettings(settings.data, layers=(*[LayerSettings(512)] * 3, *LAYERS))


@pytest.fixture(scope="module")
def unharmed() -> Iterator[Run]:
    """A run that is asked for impossible things, and in the end is as if nobody had."""
    run = small()
    run.take(7)
    run.back(2)
    yield run
    assert (run.step, run.last, run.version) == (5, 7, 1)
    run.go_to(7)
    run.take(5)
    fresh = small()
    fresh.take(12)
    assert run.numbers().tobytes() == fresh.numbers().tobytes()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_leaves_the_run_as_it_was(unharmed: Run, name: str) -> None:
    before, numbers = unharmed.json(), unharmed.numbers()
    refused, message = REFUSED[name]
    with pytest.raises(TinygradMLPError, match=message):
        refused(unharmed)
    assert unharmed.json() == before
    assert (unharmed.numbers() == numbers).all()
    assert (unharmed.step, unharmed.last, unharmed.version) == (5, 7, 1)


def test_the_last_feature_stays_on() -> None:
    run = small()
    run.set_feature("x1", False)
    with pytest.raises(TinygradMLPError, match="needs one feature at least"):
        run.set_feature("x2", False)
    assert run.settings.features == ("x2",)


def test_measured_data_have_no_noise_no_features_and_no_painted_points() -> None:
    run = Run(RunSettings("iris", layers=()))
    with pytest.raises(TinygradMLPError, match="iris holds measured numbers"):
        run.set("noise", 0.1)
    with pytest.raises(TinygradMLPError, match="features need data of two columns"):
        run.set_feature("x1", True)
    with pytest.raises(TinygradMLPError, match="painted points need data of two columns"):
        run.paint([[0, 0, 1]])


def test_a_table_and_its_name_belong_together() -> None:
    with pytest.raises(TinygradMLPError, match="do not go together"):
        RunSettings("table")
    with pytest.raises(TinygradMLPError, match="do not go together"):
        RunSettings("moons", table=OwnTable("a.csv", "a,b\n1,2\n"))
    with pytest.raises(TinygradMLPError, match="data are those of a person's own model"):
        Run(RunSettings("given"))


def test_hostile_settings_in_a_file_are_refused() -> None:
    good = RunSettings("moons").json()
    for key, value in {
        "layers": "abc",
        "painted": 3,
        "features": {"x1": 1},
        "table": [],
        "batch_size": 1.5,
        "columns": None,
        "unknown": 1,
    }.items():
        with pytest.raises(TinygradMLPError, match=key):
            RunSettings.of_json({**good, key: value})
    with pytest.raises(TinygradMLPError, match="unknown key 'unit'"):
        RunSettings.of_json({**good, "layers": [{"unit": 3}]})
    with pytest.raises(TinygradMLPError, match="layers\\[0\\] has no 'units'"):
        RunSettings.of_json({**good, "layers": [{}]})
    with pytest.raises(TinygradMLPError, match="an object is needed"):
        RunSettings.of_json([])


def test_settings_come_back_from_json() -> None:
    settings = RunSettings(
        "xor",
        painted=((0.1, 0.2, 1.0),),
        features=("x1*x2",),
        layers=(LayerSettings(3, "relu", "he_normal", 0.25),),
        batch_size=None,
        noise=0.0,
    )
    assert RunSettings.of_json(json.loads(json.dumps(settings.json()))) == settings
    own = RunSettings("table", table=OwnTable("a.csv", "a,b\n1,2\n", "a"))
    assert RunSettings.of_json(json.loads(json.dumps(own.json()))) == own


def test_a_persons_own_model_keeps_its_network_and_data() -> None:
    X, y = make_moons(40, noise=0.1, rng=0)
    run = Run.of_model(MLP(2, [3, 1], rng=0), X, y, batch_size=8)
    for name, change in ANEW.items():
        with pytest.raises(TinygradMLPError, match="those of your program"):
            change(run)
        assert run.version == 1, name
    for name in ("learning_rate", "l1", "l2", "batch_size", "optimizer", "a weight"):
        IN_FLIGHT[name](run)
    with pytest.raises(TinygradMLPError, match="those of your program"):
        run.paint([[0, 0, 1]])
    with pytest.raises(TinygradMLPError, match="those of your program"):
        run.set("noise", 0.1)
    assert run.take(5) == 5
    with pytest.raises(TinygradMLPError, match="unknown setting 'layers'"):
        Run.of_model(MLP(2, [3, 1], rng=0), X, y, layers=())


def test_all_settings_share_the_points_that_were_painted() -> None:
    run = Run(RunSettings("moons", n_samples=40, layers=()))
    run.paint([[0.5, 1, 0], [0.25, 2, 1]])
    first = run.settings.painted
    run.set("learning_rate", 0.5)
    assert run.settings.painted is first
    run.paint([[0.75, 3, 1]])
    assert all(now is before for now, before in zip(run.settings.painted, first))
    restored = Run.restored(run.json())
    assert restored.changes == run.changes
    points = [change.settings.painted for change in restored.changes]
    assert points[1] is points[0]
    assert points[2][0] is points[0][0]


def test_there_are_two_thousand_painted_points_at_most() -> None:
    run = Run(RunSettings("moons", n_samples=40, layers=()))
    run.paint([[0.5, 0.5, 1]] * 1999)
    with pytest.raises(InvalidArgumentError, match="2001 entries, but 2000 is the most"):
        run.paint([[0.5, 0.5, 1]] * 2)
    run.paint([[0.5, 0.5, 1]])
    assert len(run.settings.painted) == 2000


def test_too_few_samples_to_hold_some_out_are_told_in_the_words_of_the_page() -> None:
    run = Run(RunSettings("moons", n_samples=40, layers=(), held_out=0.9))
    before = run.json()
    with pytest.raises(InvalidArgumentError, match=r"held_out is 0\.9, .* none of the 2 samples"):
        run.load_csv("few.csv", "a,b\n1,2.5\n2,3\n")
    assert run.json() == before
    with pytest.raises(InvalidArgumentError, match=r"held_out is 0\.9, .* none of the 2 samples"):
        Run.of_model(MLP(1, [1]), [[0.0], [1.0]], [0.5, 2.5], held_out=0.9)


def test_a_table_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(RunSettings("moons", n_samples=40, layers=()))
    run.load_csv("a.csv", "a,b,y\n" + "".join([f"{i},{-i},{i * i}\n" for i in range(20)]))
    monkeypatch.setattr(run_samples, "read_what_fits", None)
    run.new_seed()
    run.set("columns", [1, 0])
    run.rewind()
    assert run.samples.names == ("a", "b")
