"""Groups of parameters with learning rates of their own, as an optimizer is given them.

A group's rate is kept in proportion to the optimizer's: what sets ``learning_rate``, as schedules
do, sets the rates of all groups by the same factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tinygrad_mlp._arguments import Setting, check_number
from tinygrad_mlp._text import described
from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["ParameterGroup", "call_with_groups", "groups_in"]

KEYS = ("parameters", "learning_rate")


class ParameterGroup:
    """Some parameters of an optimizer; they are stepped at ``factor`` times its learning rate.

    Attributes:
        parameters: the Values.
        factor: at least 0; assign to it at any time.

    >>> ParameterGroup([], 0.1)
    ParameterGroup(0 parameters, factor=0.1)
    """

    factor = Setting("optimizer.groups[0].factor = 0.1", at_least=0.0)

    def __init__(self, parameters: list[Any], factor: float = 1.0) -> None:
        self.parameters = parameters
        self.factor = factor

    def __repr__(self) -> str:
        return f"ParameterGroup({len(self.parameters)} parameters, factor={self.factor!r})"


def call_with_groups(kind: str) -> str:
    """How an optimizer is made with groups, for messages.

    >>> call_with_groups("SGD")[:40]
    "SGD([{'parameters': body.parameters(), '"
    """
    return (
        f"{kind}([{{'parameters': body.parameters(), 'learning_rate': 0.001}}, "
        "{'parameters': head.parameters()}], learning_rate=0.01)"
    )


def groups_in(parameters: Iterable[Any], learning_rate: float, kind: str) -> list[ParameterGroup]:
    """The groups that an optimizer was given; none where it was given Values.

    Args:
        parameters: Values, or a dict for each group.
        learning_rate: the optimizer's, of the groups that say none.
        kind: the name of the optimizer, for messages.

    Raises:
        InvalidArgumentError: for dicts with other keys, or among Values; for a rate below 0.

    >>> groups_in([{"parameters": []}, {"parameters": [], "learning_rate": 0.05}], 0.1, "SGD")
    [ParameterGroup(0 parameters, factor=1.0), ParameterGroup(0 parameters, factor=0.5)]
    """
    call = call_with_groups(kind)
    given = list(parameters)
    if not any([isinstance(group, Mapping) for group in given]):
        return []
    groups = []
    for number, group in enumerate(given):
        if not isinstance(group, Mapping) or not {"parameters"} <= set(group) <= set(KEYS):
            what = f"the keys {[*group]}" if isinstance(group, Mapping) else described(group)
            raise InvalidArgumentError(
                f"group number {number} of the parameters has {what}, but a dict with the keys "
                f"'parameters' and, if it has a rate of its own, 'learning_rate' is needed: {call}"
            )
        if not isinstance(group["parameters"], Iterable):
            raise InvalidArgumentError(
                f"the parameters of group number {number} are {described(group['parameters'])}, "
                f"but a list of Values is needed: {call}"
            )
        rate = check_number(
            group.get("learning_rate", learning_rate),
            f"the learning_rate of group number {number}",
            call,
            at_least=0.0,
        )
        if rate != learning_rate and learning_rate == 0.0:
            raise InvalidArgumentError(
                f"group number {number} has the learning_rate {rate!r}, and the optimizer 0.0, in "
                f"proportion to which it is kept; give the optimizer one above 0: {call}"
            )
        factor = 1.0 if rate == learning_rate else rate / learning_rate
        groups.append(ParameterGroup(list(group["parameters"]), factor))
    return groups
