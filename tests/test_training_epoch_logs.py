"""Logs of a training: a row for each epoch, none twice, whatever interrupts it."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from tests.interrupting import interrupted_everywhere
from tests.running import run_python
from tinygrad_mlp.errors import DataError, InvalidArgumentError, UnknownNameError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.training import CSVLogger, History, JSONLinesLogger, fit

X: Final = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.5], [2.0, -1.0]])
LABELS: Final = [0, 1, 0, 1]
QUIET: Final[dict[str, Any]] = {"log_every": None, "rng": 0}
Logger = type[CSVLogger] | type[JSONLinesLogger]
loggers = pytest.mark.parametrize("kind", [CSVLogger, JSONLinesLogger])


def model() -> MLP:
    return MLP(2, [3, 1], rng=0)


def train(callbacks: list[Any], epochs: int = 3, **settings: Any) -> History:
    return fit(model(), X, LABELS, epochs=epochs, callbacks=callbacks, **QUIET, **settings)


def rows_of(path: Path) -> list[dict[str, float]]:
    text = path.read_text()
    assert text.endswith("\n")
    if text.startswith("{"):
        rows = [json.loads(line, parse_constant=_not_json) for line in text.splitlines()]
    else:
        rows = list(csv.DictReader(text.splitlines()))
    return [{name: float(number) for name, number in row.items()} for row in rows]


def _not_json(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def rows_for(history: History, *names: str) -> list[dict[str, float]]:
    """What the rows are to be, by the lists of the history."""
    lists = {name: getattr(history, name) for name in (*names, "learning_rate", "seconds")}
    return [
        {"epoch": epoch, **{name: numbers[epoch - 1] for name, numbers in lists.items()}}
        for epoch in range(1, len(history.seconds) + 1)
    ]


@loggers
def test_it_has_every_number_of_the_history_with_all_its_digits(
    kind: Logger, tmp_path: Path
) -> None:
    file = tmp_path / "new folder" / "log"
    settings: dict[str, Any] = {"l2": 0.1, "validation_data": (X, LABELS)}
    history = train([kind(file)], **settings)
    names = ("loss", "penalty", "validation_loss", "accuracy", "validation_accuracy")
    rows = rows_of(file)
    assert rows == rows_for(history, *names)
    assert list(rows[0]) == ["epoch", *names, "learning_rate", "seconds"]


def test_epochs_are_whole_numbers_and_the_text_is_plain(tmp_path: Path) -> None:
    comma, lines = tmp_path / "log.csv", tmp_path / "log.jsonl"
    history = History(loss=[0.1, 1e-300], seconds=[2.0, 3.0])
    for callback in (CSVLogger(comma), JSONLinesLogger(lines)):
        for epoch in (1, 2):
            callback.on_epoch_end(epoch, history, Module())
    assert comma.read_bytes() == b"epoch,loss,seconds\n1,0.1,2.0\n2,1e-300,3.0\n"
    assert lines.read_bytes() == (
        b'{"epoch": 1, "loss": 0.1, "seconds": 2.0}\n{"epoch": 2, "loss": 1e-300, "seconds": 3.0}\n'
    )


def test_numbers_that_are_not_finite_are_stated(tmp_path: Path) -> None:
    comma, lines = tmp_path / "log.csv", tmp_path / "log.jsonl"
    history = History(loss=[math.nan, math.inf, -math.inf], seconds=[1.0] * 3)
    for callback in (CSVLogger(comma), JSONLinesLogger(lines)):
        callback.on_epoch_end(3, history, Module())
    assert [line.split(",")[1] for line in comma.read_text().split()[1:]] == ["nan", "inf", "-inf"]
    stated = [
        json.loads(line, parse_constant=_not_json)["loss"]
        for line in lines.read_text().splitlines()
    ]
    assert stated == ["nan", "inf", "-inf"]


class Reading:
    """Keeps how many rows a file has after each epoch."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.seen: list[int] = []

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        self.seen.append(len(rows_of(self.file)))


@loggers
def test_a_row_is_in_the_file_when_its_epoch_is_over(kind: Logger, tmp_path: Path) -> None:
    reading = Reading(tmp_path / "log")
    train([kind(tmp_path / "log"), reading])
    assert reading.seen == [1, 2, 3]


def test_it_only_looks_so_training_gets_no_slower() -> None:
    assert CSVLogger("log.csv").only_looks
    assert not getattr(JSONLinesLogger("log.jsonl"), "keeps_weights", False)


# A file that is there


@loggers
def test_a_file_that_is_there_is_refused_before_the_first_epoch(
    kind: Logger, tmp_path: Path
) -> None:
    file = tmp_path / "log"
    file.write_text("precious")
    network = model()
    before = [p.data for p in network.parameters()]
    with pytest.raises(InvalidArgumentError) as caught:
        fit(network, X, LABELS, callbacks=[kind(file)], **QUIET)
    assert f"{file} is there already, with 8 bytes" in str(caught.value)
    assert f"{kind.__name__}('{kind.example}', if_exists='append')" in str(caught.value)
    assert [p.data for p in network.parameters()] == before
    assert file.read_text() == "precious"


@loggers
def test_an_empty_file_is_as_good_as_none(kind: Logger, tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    history = train([kind(tmp_path / "log")])
    assert rows_of(tmp_path / "log") == rows_for(history, "loss", "accuracy")


@loggers
def test_rows_are_added_or_the_file_starts_anew(kind: Logger, tmp_path: Path) -> None:
    file = tmp_path / "log"
    first = rows_for(train([kind(file)]), "loss", "accuracy")
    adding = kind(file, if_exists="append")
    second = rows_for(train([adding], 2), "loss", "accuracy")
    third = rows_for(train([adding], 1), "loss", "accuracy")
    assert rows_of(file) == [*first, *second, *third]
    replacing = rows_for(train([kind(file, if_exists="replace")], 1), "loss", "accuracy")
    assert rows_of(file) == replacing


def test_rows_with_other_columns_are_not_added(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    train([CSVLogger(file)])
    before = file.read_bytes()
    with pytest.raises(InvalidArgumentError) as caught:
        train([CSVLogger(file, if_exists="append")], l2=0.1)
    assert "has the columns epoch,loss,accuracy,learning_rate,seconds, but" in str(caught.value)
    assert "have epoch,loss,penalty,accuracy,learning_rate,seconds; take" in str(caught.value)
    assert file.read_bytes() == before


def test_lines_of_json_are_not_added_to_another_file(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    train([CSVLogger(file)])
    before = file.read_bytes()
    with pytest.raises(InvalidArgumentError) as caught:
        train([JSONLinesLogger(file, if_exists="append")])
    assert str(caught.value) == (
        f"{file} begins with 'epoch,loss,accuracy,learning_rate,seconds', which is no line of "
        "JSON; take another file, or JSONLinesLogger('log.jsonl', if_exists='replace')"
    )
    assert file.read_bytes() == before


@loggers
def test_rows_are_not_added_to_half_a_row(kind: Logger, tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("epoch,loss\n1,0.")
    with pytest.raises(DataError, match=r"ends within a row, 'epoch,loss\\n1,0\.'; complete"):
        train([kind(file, if_exists="append")])
    assert file.read_text() == "epoch,loss\n1,0."


@loggers
def test_what_another_process_has_written_stays(kind: Logger, tmp_path: Path) -> None:
    class Adding:
        def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
            with (tmp_path / "log").open("a") as file:
                file.write(f"other {epoch}\n")

    train([kind(tmp_path / "log"), Adding()])
    text = (tmp_path / "log").read_text()
    assert [line for line in text.splitlines() if "other" in line] == [
        f"other {n}" for n in (1, 2, 3)
    ]
    assert len(text.splitlines()) == 6 + (kind is CSVLogger)


@loggers
def test_a_file_that_is_removed_meanwhile_gets_the_later_rows(kind: Logger, tmp_path: Path) -> None:
    class Removing:
        def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
            if epoch == 2:
                (tmp_path / "log").unlink()

    train([kind(tmp_path / "log"), Removing()])
    content = (tmp_path / "log").read_bytes()
    assert content.count(b"\n") == 1
    assert content.startswith((b"3,", b'{"epoch": 3,'))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CSVLogger(3), "path is 3, but the path of a file is needed: CSVLogger('log.csv')"),  # type: ignore[arg-type]
        (lambda: JSONLinesLogger(""), "path is '', but the path .* JSONLinesLogger('log.jsonl')"),
        (lambda: CSVLogger("a", if_exists="apend"), "unknown if_exists 'apend'; .* mean 'append'"),
    ],
)
def test_what_it_cannot_be_given(call: Callable[[], object], message: str) -> None:
    with pytest.raises((InvalidArgumentError, UnknownNameError)) as caught:
        call()
    assert all(part in str(caught.value) for part in message.split(" .* "))


def test_a_row_for_which_there_is_no_room_leaves_no_part(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    printed = run_python(
        "-c",
        "import resource\n"
        "from tinygrad_mlp._files import write_at\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        f"end = write_at({str(file)!r}, 0, b'12345678')\n"
        "try:\n"
        f"    write_at({str(file)!r}, end, b'abcde')\n"
        "except OSError as error:\n"
        "    print(error.filename, error.strerror)\n",
        folder=tmp_path,
    )
    assert printed.split(maxsplit=1) == [str(file), "No space left on device\n"]
    assert file.read_bytes() == b"12345678"


# What interrupts it


# A file that was just opened is closed by Python then, which says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("within", ["training/_epoch_logs.py", "_files.py"])
@loggers
def test_ctrl_c_at_any_moment_loses_no_row_and_writes_none_twice(
    kind: Logger, within: str, tmp_path: Path
) -> None:
    seen: list[int] = []

    class Keeping:
        def on_training_end(self, history: History, model: Module) -> None:
            self.history = history

        def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
            pass

    keeping = Keeping()
    (tmp_path / "log").write_text("old\n")

    def run() -> Callable[[], Any]:
        logger = kind(tmp_path / "log", if_exists="replace")
        return lambda: train([logger, keeping], 2, engine="eager")

    for _ in interrupted_everywhere(run, "line", within):
        n_rows = len(keeping.history.seconds)
        seen.append(n_rows)
        if n_rows:
            assert rows_of(tmp_path / "log") == rows_for(keeping.history, "loss", "accuracy")
    assert set(seen) == {0, 1, 2}


@loggers
def test_an_error_of_another_callback_loses_no_row(kind: Logger, tmp_path: Path) -> None:
    class Failing:
        def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
            if epoch == 2:
                raise RuntimeError("lost")

    for callbacks in ([Failing(), kind(tmp_path / "a")], [kind(tmp_path / "b"), Failing()]):
        with pytest.raises(RuntimeError, match="lost"):
            train(callbacks)
    assert [row["epoch"] for row in rows_of(tmp_path / "a")] == [1, 2]
    assert [row["epoch"] for row in rows_of(tmp_path / "b")] == [1, 2]


# Going on


def went_on(kind: Logger, folder: Path, damage: Callable[[bytes], bytes], **settings: Any) -> None:
    """Train 2 epochs, damage the log, and go on to 4; the log is to be that of the history."""
    file = folder / "log"
    earlier = file.read_bytes() if file.is_file() else b""
    for epochs in (2, 4):
        logger = kind(file, **settings)
        history = train([logger], epochs, resume=folder / "training.npz")
        assert file.read_bytes().startswith(earlier)
        if epochs == 2:
            file.write_bytes(damage(file.read_bytes()))
    n_earlier = earlier.count(b'"epoch"') or max(earlier.count(b"\n") - 1, 0)
    assert rows_of(file)[n_earlier:] == rows_for(history, "loss", "accuracy")


def further(content: bytes) -> bytes:
    """Rows of epochs that the file of the training does not have, the last of them cut."""
    last = content.splitlines()[-1]
    later = [last.replace(b"2", n, 1) for n in (b"3", b"4")]
    return content + later[0] + b"\n" + later[1][:-3]


def without_the_last_row(content: bytes) -> bytes:
    return content[: content[:-1].rindex(b"\n") + 1]


def cut_in_a_row(content: bytes) -> bytes:
    return content[:-4]


def nothing(content: bytes) -> bytes:
    return b""


@loggers
@pytest.mark.parametrize("damage", [bytes, further, without_the_last_row, cut_in_a_row, nothing])
def test_a_training_that_goes_on_has_each_row_once(
    kind: Logger, damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    went_on(kind, tmp_path, damage)


@loggers
@pytest.mark.parametrize("damage", [bytes, further, without_the_last_row, cut_in_a_row])
def test_so_has_one_behind_the_rows_of_another(
    kind: Logger, damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    train([kind(tmp_path / "log")], 3)
    went_on(kind, tmp_path, damage, if_exists="append")


@loggers
def test_a_training_at_its_end_completes_its_log(kind: Logger, tmp_path: Path) -> None:
    for _ in range(2):
        history = train([kind(tmp_path / "log")], 2, resume=tmp_path / "training.npz")
        assert rows_of(tmp_path / "log") == rows_for(history, "loss", "accuracy")
        (tmp_path / "log").write_bytes(further((tmp_path / "log").read_bytes()))


@loggers
@pytest.mark.parametrize("damage", ["another training", "changed"])
def test_rows_of_another_training_are_not_cut_off(
    kind: Logger, damage: str, tmp_path: Path
) -> None:
    file = tmp_path / "log"
    train([kind(file)], 2, resume=tmp_path / "training.npz")
    if damage == "changed":
        file.write_bytes(file.read_bytes().replace(b"0.1", b"0.2"))
    else:
        train([kind(file, if_exists="append")], 1)
    before = file.read_bytes()
    with pytest.raises(InvalidArgumentError, match="has other rows from byte 0 on than those of"):
        train([kind(file)], 3, resume=tmp_path / "training.npz")
    assert file.read_bytes() == before


@loggers
def test_another_training_with_the_same_object_begins_anew(kind: Logger, tmp_path: Path) -> None:
    logger = kind(tmp_path / "log", if_exists="replace")
    train([logger], 2, resume=tmp_path / "training.npz")
    train([logger], 3, resume=tmp_path / "training.npz")
    history = train([logger], 1)
    assert rows_of(tmp_path / "log") == rows_for(history, "loss", "accuracy")


def test_how_it_is_logged_makes_no_other_training(tmp_path: Path) -> None:
    train([CSVLogger(tmp_path / "log.csv")], 2, resume=tmp_path / "training.npz")
    logger = CSVLogger(tmp_path / "moved.csv", if_exists="append")
    history = train([logger], 3, resume=tmp_path / "training.npz")
    assert rows_of(tmp_path / "moved.csv") == rows_for(history, "loss", "accuracy")


@loggers
def test_a_log_that_was_removed_is_whole_again(kind: Logger, tmp_path: Path) -> None:
    file, training = tmp_path / "log", tmp_path / "training.npz"
    train([kind(file)], 3)
    train([kind(file, if_exists="append")], 2, resume=training)
    file.unlink()
    history = train([kind(file, if_exists="append")], 4, resume=training)
    assert rows_of(file) == rows_for(history, "loss", "accuracy")


def test_an_epoch_that_is_not_over_gets_no_row(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path / "log.csv")
    history = History(loss=[0.5], seconds=[1.0])
    logger.on_epoch_end(1, history, Module())
    history.loss.append(0.25)
    logger.on_training_end(history, Module())
    assert (tmp_path / "log.csv").read_text() == "epoch,loss,seconds\n1,0.5,1.0\n"


def test_after_the_end_of_the_training_nothing_is_written(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path / "log.csv")
    history = History(loss=[0.5], seconds=[1.0])
    logger.on_epoch_end(1, history, Module())
    logger.on_training_end(history, Module())
    logger.on_training_end(History(loss=[0.5, 0.25], seconds=[1.0, 1.0]), Module())
    assert (tmp_path / "log.csv").read_text() == "epoch,loss,seconds\n1,0.5,1.0\n"
