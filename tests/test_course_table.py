"""The README leads from each topic of the course to a chapter, to what one calls, to a test."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import pytest

from tests.source_files import ROOT
from tinygrad_mlp._course import find_chapters

LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")

TOPICS: Final = (
    *("preparing data", "leakage", "k-fold", "neuron", "perceptron", "XOR", "logistic regression"),
    *("activations", "saturation", "dead units", "forward pass", "losses", "squared error"),
    *("chain rule", "backpropagation by hand", "engine in 80 lines", "exam question"),
    *("stochastic", "mini-batch", "momentum", "RMSprop", "Adam", "schedules", "initialization"),
    *("vanishing and exploding", "overfitting", "dropout", "L1", "L2", "weight decay"),
    *("early stopping", "augmentation", "batch normalization", "universal approximation"),
    *("network in NumPy", "matrix products", "learning rate", "batch size", "depth", "width"),
    *("hyperparameters", "transfer", "interpretation", "Newton", "Hessians", "through time"),
)
"""What a course on multi-layer perceptrons names."""


class Row(NamedTuple):
    """A row of the table, as text with links."""

    topic: str
    use: str
    see: str
    test: str


def table() -> list[Row]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## What there is, for a course\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    assert lines[:2] == ["| topic | use | see | test |", "|---|---|---|---|"]
    return [Row(*[cell.strip() for cell in line.strip("|").split("|")]) for line in lines[2:]]


ROWS: Final = table()


@pytest.mark.parametrize("row", ROWS, ids=[row.topic for row in ROWS])
def test_a_topic_leads_to_what_one_calls_and_to_tests(row: Row) -> None:
    assert "`" in row.use, "what one calls stands in back quotes"
    tests = LINK.findall(row.test)
    assert tests
    for name, path in tests:
        assert re.fullmatch(rf"tests/(\w+/)?{name}\.py", path), path
        assert "def test_" in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("row", ROWS, ids=[row.topic for row in ROWS])
def test_the_chapters_and_examples_of_a_topic_are_there(row: Row) -> None:
    for name, path in LINK.findall(row.see):
        if path.startswith("#"):
            continue
        assert (ROOT / path).is_file(), path
        if path.startswith("examples/course/"):
            number = int(path.removeprefix("examples/course/")[:2])
            assert name == f"chapter {number}"


def test_every_chapter_has_a_topic() -> None:
    linked = {path for row in ROWS for _, path in LINK.findall(row.see)}
    missing = [x.name for x in find_chapters() if f"examples/course/{x.name}.py" not in linked]
    assert missing == []


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_of_a_course_is_in_the_table(topic: str) -> None:
    assert [row for row in ROWS if topic.lower() in row.topic.lower()]


def test_topics_of_a_chapter_stand_in_the_order_of_the_course() -> None:
    chapters = [re.findall(r"examples/course/(\d\d)", row.see) for row in ROWS]
    numbers = [int(found[0]) for found in chapters if found]
    assert numbers == sorted(numbers)
