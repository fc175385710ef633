"""What is shown of a run at one moment, and which part of it a page has not got yet.

A scene is everything but the weights, and is sent when it changes, with the data where these are
new to the page; a frame is sent as often as there is time for one, with the points of the curves
that are new to the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from viz._run import messages
from viz._run.curve import Cursor
from viz._run.run import Run
from viz._run.sent_data import SentData, data_of

__all__ = ["Seen", "Shown", "as_json", "n_equal", "show"]

Message = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """How a run was at one moment.

    Attributes:
        number: how many moments were shown up to this one.
        scene: the message of what changes seldom; the same object until it does.
        frame: the message of what changes with each step, without the curve.
        data: the part of the scene that belongs to the data alone.
        curve: all points of the curve.
        cursor: how much of the curve of the run these are.
    """

    number: int
    scene: Message
    frame: Message
    data: SentData
    curve: Sequence[Any]
    cursor: Cursor = field(repr=False)


def show(run: Run, *, playing: bool, remark: str = "", before: Shown | None = None) -> Shown:
    """How a run is now. The caller has its lock.

    Args:
        run: the run.
        playing: whether it is being trained.
        remark: what is to be said instead of what the run says itself.
        before: what was shown last.

    >>> from viz._run.run_settings import RunSettings
    >>> run = Run(RunSettings("moons", n_samples=40))
    >>> first = show(run, playing=False)
    >>> run.take(4)
    4
    >>> second = show(run, playing=True, before=first)
    >>> second.frame["step"], second.scene is first.scene
    (4, True)
    """
    cursor = before.cursor if before is not None else Cursor()
    frame = messages.frame(run, cursor, playing=playing)
    frame["remark"] = remark or frame["remark"]
    news = frame.pop("curve")
    if before is None:
        data = data_of(run)
        return Shown(1, messages.scene(run, data), frame, data, news["points"], cursor)
    scene, data = before.scene, before.data
    if scene["version"] != run.version:
        data = data_of(run, data)
        scene = messages.scene(run, data)
    curve = [*before.curve[: news["from"]], *news["points"]]
    return Shown(before.number + 1, scene, frame, data, curve, cursor)


class Seen:
    """What one page has got so far.

    >>> run = Run()
    >>> seen, first = Seen(), show(run, playing=False)
    >>> [message["kind"] for message in seen.news(first)]
    ['scene', 'frame']
    >>> run.set("learning_rate", 0.5)
    >>> scene, frame = seen.news(show(run, playing=False, before=first))
    >>> "settings" in scene, "points" in scene, frame["curve"]
    (True, False, {'from': 1, 'points': []})
    """

    def __init__(self) -> None:
        self._scene: Message | None = None
        self._data: SentData | None = None
        self._curve: Sequence[Any] = ()

    def news(self, shown: Shown) -> Iterator[Message]:
        """What the page is to get now: the scene if it is new, and the frame."""
        if shown.scene is not self._scene:
            self._scene = shown.scene
            known = () if shown.data is not self._data else shown.data.parts
            self._data = shown.data
            yield {name: part for name, part in shown.scene.items() if name not in known}
        n_known = n_equal(self._curve, shown.curve)
        self._curve = shown.curve
        yield shown.frame | {"curve": {"from": n_known, "points": shown.curve[n_known:]}}


def n_equal(known: Sequence[Any], points: Sequence[Any]) -> int:
    """How many points two curves have in common from their start, as the same objects.

    >>> first, second, third = [0, 1.0], [5, 0.5], [9, 0.4]
    >>> n_equal([first, second, third], [first, third])
    1
    """
    n = 0
    for mine, theirs in zip(known, points):
        if mine is not theirs:
            break
        n += 1
    return n


def as_json(message: Message) -> str:
    """The text of a message, with numbers to the last digit.

    >>> as_json({"kind": "frame", "loss": 0.1})
    '{"kind":"frame","loss":0.1}'
    """
    return json.dumps(message, allow_nan=False, separators=(",", ":"))
