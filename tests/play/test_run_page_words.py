"""What a page is told when something is refused: sentences for people who write no Python."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.replaying import HOSTILE
from tinygrad_mlp._text import visible
from viz._play.commands import COMMANDS, Anything, obey
from viz._play.player import Player
from viz._run import messages
from viz._run.page_words import PARTS, SETTINGS, error_for_a_page
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings

PYTHON = re.compile(r"\w=|\w\(|\w_\w|\bNone\b|\bfloat\b|\w\.\w+ is ")
"""What only people who write Python know."""


def refused(command: dict[str, Any], run: Run | None = None) -> str:
    if run is None:
        run = Run(RunSettings("moons", n_samples=40, layers=(LayerSettings(2),)))
    answer = obey(run, Player(run), command)
    assert answer["ok"] is False
    return str(answer["error"])


GOOD: dict[str, Any] = {"index": 0, "at": 0, "name": "x1", "text": "a", "layer": 0, "value": 1.0}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        (name, part)
        for name, kind in COMMANDS.items()
        for part, check in kind.parts.items()
        if not isinstance(check, Anything)
    ],
)
def test_every_part_of_a_command_is_called_by_words(name: str, part: str) -> None:
    kind = COMMANDS[name]
    needed = {key: GOOD.get(key, 0) for key in kind.parts if key not in kind.optional}
    words = PARTS[f"{name}.{part}"]
    error = refused({"do": name, **needed, part: {"a": "thing"} if part != "weights" else 3})
    assert error.startswith(f"{words} is ")
    assert f"{name}.{part}" not in error


def test_there_are_words_for_nothing_else() -> None:
    parts = {f"{name}.{part}" for name, kind in COMMANDS.items() for part in kind.parts}
    assert set(PARTS) <= parts


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        (
            "learning_rate",
            "abc",
            "the learning rate is 'abc', but a number from 0 to 1,000,000 is needed, such as 0.01",
        ),
        (
            "l1",
            -1,
            "the L1 penalty is -1, but a number from 0 to 1,000,000 is needed, such as 0.01",
        ),
        (
            "l2",
            "",
            "the L2 penalty is empty, but a number from 0 to 1,000,000 is needed, such as 0.01",
        ),
        ("noise", 11, "the noise is 11, but a number from 0 to 10 is needed, such as 0.1"),
        (
            "n_samples",
            5,
            "the number of samples is 5, but a whole number of at least 20 is needed, such as 20",
        ),
        ("n_samples", 10**6, "the number of samples is 1000000, but 20,000 is the most"),
        (
            "held_out",
            0.95,
            "the share held out is 0.95, but a number from 0 to 0.9 is needed, such as 0.25",
        ),
        (
            "batch_size",
            0,
            "the batch size is 0, but a whole number of at least 1 is needed, such as 1",
        ),
        ("seed", -1, "the seed is -1, but a whole number of at least 0 is needed, such as 0"),
        (
            "data_seed",
            -1,
            "the seed of the data is -1, but a whole number of at least 0 is needed, such as 0",
        ),
    ],
)
def test_a_setting_that_cannot_be(name: str, value: Any, error: str) -> None:
    assert name in SETTINGS
    assert refused({"do": "set", "name": name, "value": value}) == error


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (
            {"do": "layer", "index": 0, "dropout": 1},
            "the dropout is 1, but a number of at least 0 and below 1 is needed, such as 0.2",
        ),
        (
            {"do": "layer", "index": 0, "units": 0.5},
            "the number of units is 0.5, but a whole number of at least 1 is needed, such as 1",
        ),
        (
            {"do": "layer", "index": 0, "units": 999},
            "the number of units is 999, but 512 is the most",
        ),
        (
            {"do": "set_weight", "at": 0, "value": 1e99},
            "the weight is 1e+99, but a number from -1,000,000,000 to 1,000,000,000 is needed, "
            "such as 0.5",
        ),
        (
            {"do": "paint", "points": [[1e9, 0, 1]]},
            "a painted point is 1000000000.0, but a number from -1,000,000 to 1,000,000 is needed, "
            "such as (0.5, -1.0, 1)",
        ),
        (
            {"do": "paint", "points": [[0, 0, 1]] * 2001},
            "these are 2001 painted points, but 2000 is the most",
        ),
        (
            {"do": "csv", "name": "x" * 256, "text": "a"},
            "the name of the file has 256 letters, but",
        ),
    ],
)
def test_what_else_cannot_be(command: Any, error: str) -> None:
    assert refused(command).startswith(error)


def test_layers_and_data_that_do_not_fit() -> None:
    run = Run(RunSettings("iris", layers=(LayerSettings(2),) * 12))
    assert refused({"do": "add_layer"}, run) == "these are 13 hidden layers, but 12 is the most"
    assert refused({"do": "paint", "points": [[0, 0, 1]]}, run).endswith(
        "; choose data such as moons, or leave them out"
    )
    assert refused({"do": "set", "name": "noise", "value": 0.5}, run).endswith(
        "; choose data in the plane, such as moons, or no noise"
    )
    run = Run(RunSettings("moons", n_samples=20))
    assert refused({"do": "set", "name": "held_out", "value": 0.01}, run).endswith(
        "; take more samples, or hold out none"
    )


TABLES: list[tuple[str, str]] = [
    (
        "a,b,c\n1,x,0\n2,y,1\n",
        "my.csv: features must be numbers, but these columns hold text: 'b' (row 2: 'x'); leave "
        "them out of the file, or replace each by columns of 0 and 1, one per value",
    ),
    (
        "a,it's,c\n1,2,0\n1,?,1\n",
        "my.csv: 1 cell is missing or not a number: row 3, column \"it's\": '?'; fill the cells in "
        "or remove their rows, or leave the columns out of the file",
    ),
    (
        "a,,b\n1,2,0\n1,3,1\n",
        "my.csv: the header names no column at position 2 (from 1); name it or remove the column",
    ),
    (
        "a,b\n" + "".join([f"{i},t{i}\n" for i in range(40)]),
        "my.csv: the target column 'b' holds 40 different texts in 40 rows, too many to be "
        "classes; choose another target (at first it is the last column)",
    ),
    (
        "a,b\n1,0.1\n2,0.1000\n",
        "my.csv: the target column 'b' holds '0.1' in every row but for spelling or rounding (0.1, "
        "0.1000), so there is nothing to learn; choose another target (at first it is the last "
        "column) or add rows, or write classes as words if these texts are classes",
    ),
    (
        "a,b\n" + "".join([f"{i},{i % 3 or ''}\n" for i in range(6)]),
        "my.csv: 2 cells are missing or not a number: row 2, column 'b': empty, row 5, column 'b': "
        "empty; fill the cells in or remove their rows; if they are classes, write them as words",
    ),
]


@pytest.mark.parametrize(("text", "error"), TABLES)
def test_a_table_that_cannot_be_used(text: str, error: str) -> None:
    said = refused({"do": "csv", "name": "my.csv", "text": text})
    assert said == error
    assert not PYTHON.search(said.replace("my.csv", ""))


def test_of_several_problems_each_is_in_the_words_of_a_page() -> None:
    said = refused({"do": "csv", "name": "my.csv", "text": 'a,b,c\n1,x,"5,1"\n?,y,5\n'})
    assert said.count("\n") == 2
    assert "drop=" not in said
    assert said.count("leave ") == 2


def test_names_in_a_message_stay_as_they_are() -> None:
    text = "learning_rate,l1,y\n1,drop=['a'],0\n2,l2 is 1e+06,1\n"
    said = refused({"do": "csv", "name": "my.csv", "text": text})
    assert "'l1' (row 2: \"drop=['a']\")" in said
    assert error_for_a_page("unknown target column 'l2 is' in a") == (
        "unknown target column 'l2 is' in a"
    )


CONTROL = "a\x07\x1b[31m\u202e"


def with_control_characters() -> Run:
    run = Run(RunSettings("moons", n_samples=40, layers=(LayerSettings(2),)))
    rows = "".join([f"{i},{i % 3},{i % 5},k{i % 2}\x1b[1m\n" for i in range(20)])
    run.load_csv("my\x1b[31m.csv", f"{CONTROL},b,c,kind\x07\n{rows}")
    return run


def test_control_characters_are_shown_and_not_sent() -> None:
    run = with_control_characters()
    told = messages.scene(run)
    shown = visible(CONTROL)
    assert shown.isprintable()
    assert told["names"] == [shown, "b", "c"]
    assert told["outputs"] == ["k0\\x1b[1m", "k1\\x1b[1m"]
    assert told["title"] == "my\\x1b[31m.csv"
    assert [feature["name"] for feature in told["features"]] == [shown, "b", "c"]
    assert told["settings"]["table"]["target"] == "kind\\x07"
    assert run.samples.names[0] == CONTROL  # a file of the run has them as they are
    assert run.json()["settings"]["table"]["text"].startswith(CONTROL)


def test_control_characters_of_an_error_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Run) -> None:
        raise ValueError("this model is \x1b[1m\nbroken")

    monkeypatch.setattr(Run, "rewind", fail)
    monkeypatch.setattr("traceback.print_exc", list)
    assert refused({"do": "rewind"}) == "ValueError: this model is \\x1b[1m\nbroken"


def test_a_target_is_chosen_by_the_name_that_is_shown() -> None:
    run = with_control_characters()
    table = run.settings.table
    assert table is not None
    text = table.text.replace("\x1b[1m", "").replace("k0", "0").replace("k1", "1")
    run.load_csv("my.csv", text, visible(CONTROL))
    assert run.samples.targets_named == (CONTROL,)
    run.load_csv("my.csv", text, "b")
    assert run.samples.targets_named == ("b",)
    run.load_csv("my.csv", text, CONTROL)
    assert run.samples.targets_named == (CONTROL,)


def test_a_name_that_two_columns_show_is_that_of_the_one_that_has_it() -> None:
    run = Run(RunSettings("moons", n_samples=40))
    rows = "".join([f"{i},{i % 4 + 0.5},{i % 3 + 0.25}\n" for i in range(20)])
    run.load_csv("my.csv", f"b,a\\x07,a\x07\n{rows}", "a\\x07")
    assert run.samples.targets_named == ("a\\x07",)
    command = {"do": "csv", "name": "my.csv", "text": f"b,a\x07,a\x07\n{rows}", "target": "a\\x07"}
    assert "more than once" in refused(command, run)


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_page_is_told_can_be_seen(name: str) -> None:
    name = name.replace("\0", "").replace("\n", " ").strip()  # a header is stripped
    run = Run(RunSettings("moons", n_samples=40, layers=(LayerSettings(2),)))
    quoted = name.replace('"', '""')
    rows = "".join([f"{i},{i % 3},k{i % 2}\n" for i in range(20)])
    run.load_csv("my.csv", f'"{quoted}",b,kind\n{rows}')
    assert messages.scene(run)["names"][0] == visible(name)
