"""What a callback remembers, to be written into a file and put back."""

from __future__ import annotations

from collections.abc import Iterable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from tinygrad_mlp._text import described
from tinygrad_mlp.errors import DataError, InvalidArgumentError
from tinygrad_mlp.training._object_state import put_state, state_of, unkept
from tinygrad_mlp.training._plain_data import is_plain

__all__ = ["Memory"]


class Memory:
    """What one callback remembers: by ``state_dict`` where it has one, else its plain attributes.

    Attributes that are objects stay the ones that they are. So it is an error if another object has
    come into one of them, or if it is of a kind, such as a set, that changes inside.

    Args:
        callback: the callback.
        title: what a message calls it.
        known: objects of the training itself, of which a callback may keep hold.

    Raises:
        InvalidArgumentError: if it keeps what no file can hold.

    >>> class Watcher:
    ...     def __init__(self):
    ...         self.seen = set()
    >>> Memory(Watcher(), "callbacks[0]", [])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: callbacks[0], a Watcher, keeps set() in its \
attribute 'seen', ...
    """

    def __init__(self, callback: Any, title: str, known: Iterable[object]) -> None:
        self._callback = callback
        self._title = title
        self._known = list(known)
        self._has_own = hasattr(callback, "state_dict") and hasattr(callback, "load_state_dict")
        self._before: dict[str, object] = {}
        if not self._has_own:
            for name, item, may_change in unkept(callback, _is_no_part):
                if may_change:
                    raise self._refusal(name, item)
                self._before[name] = item

    def state(self) -> Any:
        """What it remembers now, as plain data.

        Raises:
            InvalidArgumentError: if that is no plain data.
        """
        if self._has_own:
            state = self._callback.state_dict()
            if not is_plain(state):
                raise InvalidArgumentError(
                    f"state_dict() of {self._named} gave {described(state)}, which no file can "
                    "hold; give numbers, texts and arrays, also in lists, tuples and dicts"
                )
            return state
        for name, item, may_change in unkept(self._callback, _is_no_part):
            is_there = name in self._before and self._before[name] is item
            is_known = isinstance(item, type | FunctionType | BuiltinFunctionType | MethodType)
            is_known = is_known or any([item is known for known in self._known])
            if may_change or not (is_there or is_known):
                raise self._refusal(name, item)
        return state_of(self._callback, _is_no_part)

    def put(self, state: Any) -> None:
        """Let it remember what ``state`` gave.

        Raises:
            DataError: if that cannot be.
        """
        if self._has_own:
            self._callback.load_state_dict(state)
        elif isinstance(state, dict):
            put_state(self._callback, state, _is_no_part, self._title)
        else:
            raise DataError(f"the state of {self._named} is {described(state)}")

    @property
    def _named(self) -> str:
        return f"{self._title}, a {type(self._callback).__name__},"

    def _refusal(self, name: str, item: object) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"{self._named} keeps {described(item)} in its attribute {name!r}, which the file of "
            "resume cannot hold; give the class state_dict(), which returns what it remembers in "
            "numbers, texts, arrays, lists and dicts, and load_state_dict(state), which takes it"
        )


def _is_no_part(item: object) -> bool:
    return False
