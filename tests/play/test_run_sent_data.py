"""The data go to a page once: what else changes, it keeps them; where they change, they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.play.serving import SMALL, Serving, serving
from viz._play.shown import Seen, Shown, as_json, show
from viz._run import messages
from viz._run.run import Run
from viz._run.run_samples import RunSamples
from viz._run.run_settings import LayerSettings, RunSettings
from viz._run.sent_data import data_of

DATA_PARTS = {"points", "names", "ranges", "medians"}


def scene_of(seen: Seen, shown: Shown) -> dict[str, object]:
    return next(message for message in seen.news(shown) if message["kind"] == "scene")


def test_a_change_in_flight_sends_no_data() -> None:
    run = Run(RunSettings("digits", layers=(LayerSettings(3),)))
    seen, first = Seen(), show(run, playing=False)
    assert scene_of(seen, first) == messages.scene(run)
    run.set("learning_rate", 0.5)
    second = show(run, playing=False, before=first)
    told = scene_of(seen, second)
    whole = messages.scene(run)
    assert told == {name: whole[name] for name in whole if name not in DATA_PARTS} | {
        "data_version": 1
    }
    assert scene_of(Seen(), second) == whole | {"data_version": 1}, "a page that comes anew"
    assert len(as_json(told)) < 0.02 * len(as_json(whole))


STILL: list[Callable[[Run], object]] = [
    lambda run: run.set("l1", 0.1),
    lambda run: run.set("columns", [1, 0]),
    lambda run: run.set_layer(0, units=2),
    lambda run: run.new_seed(),
    lambda run: run.rewind(),
    lambda run: run.set_feature("x1*x2", True),
    lambda run: run.restore(run.json()),
]


@pytest.mark.parametrize("change", STILL)
def test_the_page_keeps_its_data(change: Callable[[Run], object]) -> None:
    run = Run(SMALL)
    before = data_of(run)
    run.take(2)
    change(run)
    assert data_of(run, before) is before


OTHER: list[Callable[[Run], object]] = [
    lambda run: run.set("data", "circles"),
    lambda run: run.set("noise", 0.9),
    lambda run: run.set("n_samples", 41),
    lambda run: run.set("data_seed", 5),
    lambda run: run.set("held_out", 0.5),
    lambda run: run.paint([[0.0, 0.0, 1]]),
    lambda run: run.load_csv("a.csv", "a,b,c\n1,2,0\n2,1,1\n3,1,0\n4,2,1\n"),
]


@pytest.mark.parametrize("change", OTHER)
def test_other_data_are_sent(change: Callable[[Run], object]) -> None:
    run = Run(SMALL)
    seen, first = Seen(), show(run, playing=False)
    scene_of(seen, first)
    run.take(2)
    change(run)
    second = show(run, playing=False, before=first)
    assert scene_of(seen, second) == messages.scene(run)
    assert second.scene["data_version"] == run.version == 2


def test_data_gone_back_to_are_sent_again() -> None:
    run = Run(SMALL)
    first = show(run, playing=False)
    run.take(2)
    run.set("noise", 0.9)
    second = show(run, playing=False, before=first)
    run.go_to(1)
    third = show(run, playing=False, before=second)
    seen = Seen()
    scene_of(seen, second)
    assert scene_of(seen, third)["points"] == first.scene["points"] != second.scene["points"]


def other(samples: RunSamples, name: str) -> RunSamples:
    """The same samples, but for the last number of one array."""
    changed = getattr(samples, name).copy()
    changed[-1] = changed[0] if name in ("train", "held_out") else 1 - changed[-1]
    assert not np.array_equal(changed, getattr(samples, name))
    return replace(samples, **{name: changed})


@pytest.mark.parametrize("name", ["X", "y", "train", "held_out", "names"])
def test_data_are_others_by_any_of_their_numbers(name: str) -> None:
    run = Run(SMALL)
    before = data_of(run)
    samples = run.samples
    run._steps.samples = replace(samples)
    assert before.are_of(run)
    changed = replace(samples, names=("a", "x2")) if name == "names" else other(samples, name)
    run._steps.samples = changed
    assert not before.are_of(run)


def test_data_are_others_where_more_of_them_are_painted() -> None:
    run = Run(SMALL)
    before = data_of(run)
    run._steps.settings = replace(SMALL, painted=((0.0, 0.0, 1),))
    assert not before.are_of(run)


def test_a_stream_has_the_data_once_and_a_new_one_has_them_again() -> None:
    with serving(Serving(Run(SMALL))) as server:
        stream = server.stream()
        assert stream.next("scene")["points"]["n_points"] == [30, 10]
        server.do("set", name="learning_rate", value=0.5)
        told = stream.next("scene")
        assert told["settings"]["learning_rate"] == 0.5
        assert DATA_PARTS.isdisjoint(told)
        assert set(server.stream("b").next("scene")) >= DATA_PARTS
        assert set(server.stream().next("scene")) >= DATA_PARTS, "the page connects again"
