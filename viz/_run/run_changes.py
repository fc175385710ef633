"""A change that was made while a run went on, and the file that has all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tinygrad_mlp._arguments import check_integer, check_number
from tinygrad_mlp._text import described
from tinygrad_mlp.errors import DataError, InvalidArgumentError
from viz._run.run_settings import RunSettings
from viz._run.setting_checks import checked_keys, checked_points

__all__ = ["Change", "checked_weight", "data_since", "read_run", "written_run"]

KIND: Final = "tinygrad_mlp run"
"""What a file of a run calls itself."""

MOST_STEPS: Final = 10_000_000
"""A file of a run is trained again, which must have an end."""


@dataclass(frozen=True)
class Change:
    """A change that was made while a run went on.

    Attributes:
        step: how many steps had been taken.
        settings: the settings from then on.
        weight: a place in the flat vector of the parameters, and the number that was put there.

    >>> from dataclasses import replace
    >>> before = RunSettings("moons")
    >>> change = Change(7, replace(before, l2=0.5))
    >>> change.json(before), Change.of_json(change.json(before), before) == change
    ({'step': 7, 'set': {'l2': 0.5}}, True)
    """

    step: int
    settings: RunSettings
    weight: tuple[int, float] | None = None

    def json(self, before: RunSettings) -> dict[str, Any]:
        """What is different from the settings before."""
        found: dict[str, Any] = {"step": self.step}
        added = self.settings.painted[len(before.painted) :]
        if added:
            found["paint"] = [list(point) for point in added]
        if self.weight is not None:
            found["weight"] = list(self.weight)
        now, old = _without_points(self.settings), _without_points(before)
        if now == old:
            return found
        was = old.json()
        return found | {"set": {key: told for key, told in now.json().items() if told != was[key]}}

    @classmethod
    def of_json(cls, given: object, before: RunSettings) -> Change:
        """The change of which ``json`` told.

        Raises:
            TinygradMLPError: if it is none that a run can make while it goes on.
        """
        item = checked_keys(given, "a change", ["step", "set", "paint", "weight"])
        step = check_integer(item.get("step"), "step", minimum=0)
        given_settings = _settings_in(item)
        if "painted" in given_settings:
            raise DataError(
                f"a change at step {step} sets painted; points are added: paint=[[...]]"
            )
        plain = RunSettings.of_json(_without_points(before).json() | {**given_settings})
        settings = replace(plain, painted=before.painted)
        if "paint" in item:
            if not isinstance(item["paint"], list):
                raise DataError(f"paint is {described(item['paint'])}, but a list is needed")
            settings = replace(plain, painted=checked_points(item["paint"], before.painted))
        if not before.starts_as(settings):
            raise DataError(f"a change at step {step} is one that needs a new start")
        weight = None
        if "weight" in item:
            pair = item["weight"]
            if not isinstance(pair, list) or len(pair) != 2:
                raise DataError(f"weight is {described(pair)}, but [place, number] is needed")
            weight = checked_weight(*pair)
        return cls(step, settings, weight)


def checked_weight(place: object, number: object) -> tuple[int, float]:
    """The place of a weight and its number.

    >>> checked_weight(3, 1)
    (3, 1.0)
    """
    return (
        check_integer(place, "the place of the weight", "0", minimum=0),
        check_number(number, "the weight", "0.5", at_least=-1e9, at_most=1e9),
    )


def data_since(base: RunSettings, changes: Sequence[Change]) -> int:
    """The step at which the data of a run became what they are now.

    >>> base = RunSettings("moons")
    >>> changes = [Change(7, replace(base, noise=0.5)), Change(9, replace(base, noise=0.5, l2=0.1))]
    >>> data_since(base, changes)
    7
    """
    since, before = 0, base
    for change in changes:
        now = change.settings
        if now.noise != before.noise or len(now.painted) != len(before.painted):
            since = change.step
        before = now
    return since


def written_run(base: RunSettings, changes: Sequence[Change], step: int) -> dict[str, Any]:
    """A run as numbers, texts, lists and dicts.

    >>> written_run(RunSettings("moons"), [], 7)["step"]
    7
    """
    told, before = [], base
    for change in changes:
        told.append(change.json(before))
        before = change.settings
    return {"kind": KIND, "format": 1, "settings": base.json(), "changes": told, "step": step}


def read_run(given: object) -> tuple[RunSettings, list[Change], int]:
    """The settings, changes and step of which ``written_run`` told, as a dict or as text.

    Raises:
        TinygradMLPError: if it is no such thing.

    >>> base, changes, step = read_run(written_run(RunSettings("moons"), [], 7))
    >>> base.data, changes, step
    ('moons', [], 7)
    """
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise DataError(f"the file of the run is no JSON: {error}") from None
    if not isinstance(given, Mapping) or given.get("kind") != KIND:
        raise DataError(
            f"this is no file of a run; open one that was saved by the page, whose kind is {KIND!r}"
        )
    if given.get("format") != 1:
        raise DataError(
            f"the file of the run has the format {described(given.get('format'))}, but this "
            "version reads 1; use the version that wrote it"
        )
    item = checked_keys(given, "the run", ["kind", "format", "settings", "changes", "step"])
    base = RunSettings.of_json(item.get("settings"))
    step = check_integer(item.get("step"), "step", minimum=0)
    if step > MOST_STEPS:
        raise InvalidArgumentError(
            f"the run has {described(step)} steps, which would be taken again; {MOST_STEPS:,} is "
            "the most"
        )
    listed = item.get("changes")
    if not isinstance(listed, list):
        raise DataError(f"changes is {described(listed)}, but a list is needed")
    changes: list[Change] = []
    before = base
    for each in listed:
        changes.append(Change.of_json(each, before))
        before = changes[-1].settings
    steps = [0, *[change.step for change in changes], step]
    if steps != sorted(steps):
        raise DataError("the changes of the run are not in the order of their steps")
    return base, changes, step


def _without_points(settings: RunSettings) -> RunSettings:
    """The settings but for the painted points, of which there may be many."""
    return replace(settings, painted=()) if settings.painted else settings


def _settings_in(item: Mapping[str, Any]) -> Mapping[str, Any]:
    given = item.get("set", {})
    if not isinstance(given, Mapping):
        raise DataError(f"set is {described(given)}, but an object is needed")
    return given
