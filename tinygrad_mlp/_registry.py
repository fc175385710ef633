"""Things by name, such as losses and optimizers; an alias stands beside the name that it means."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable
from typing import TypeVar

from tinygrad_mlp._text import described
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(UserDict[str, T]):
    """A dict of things by name, which also finds them by what other libraries call them.

    Listed are the names alone, and ``find`` gives the name for every way of writing it: in upper or
    lower case, with ``_``, ``-`` or nothing between the words. A ``_`` at the end counts, since
    PyTorch has functions of that form.

    Args:
        kind: what the things are, for the error.
        entries: for each of them its name, the thing itself, and its aliases.
        check: ``check(name, thing)`` raises InvalidArgumentError for what cannot be added.

    >>> shapes = Registry[int]("shape", ("triangle", 3), ("square", 4, "regular_quadrilateral"))
    >>> list(shapes), shapes.find("RegularQuadrilateral"), shapes.named("Square")
    (['triangle', 'square'], 'square', 4)
    >>> shapes.named("sqare")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.UnknownNameError: unknown shape 'sqare'; known: square, triangle. Did you \
mean 'square'?
    """

    def __init__(
        self,
        kind: str,
        *entries: tuple[str, T, *tuple[str, ...]],
        check: Callable[[str, object], None] | None = None,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.aliases: dict[str, str] = {}
        self._check = check
        for entry in entries:
            self.put(*entry)

    @property
    def called(self) -> str:
        """What the table is called in a program, such as ``LOSSES``."""
        return self.kind.upper() + ("ES" if self.kind.endswith("s") else "S")

    def add(self, name: str, thing: T, *aliases: str) -> None:
        """Put a thing under its name, to be found by its aliases too.

        Raises:
            InvalidArgumentError: if a name is no text or taken, or if it is no such thing.
        """
        words: tuple[object, ...] = (name, *aliases)
        for word in words:
            if not (isinstance(word, str) and word):
                raise InvalidArgumentError(
                    f"the names in {self.called} are texts, got {described(word)}; for example "
                    f"{self.called}.add('my_own', thing)"
                )
            taken = self.find(word)
            if taken is not None:
                raise InvalidArgumentError(
                    f"{word!r} is the {self.kind} {taken!r} already; choose another name: "
                    f"{self.called}.add('my_{name}', thing); or, if that one is of your own, take "
                    f"it out before: del {self.called}[{taken!r}]"
                )
        if self._check is not None:
            self._check(name, thing)
        self.put(name, thing, *aliases)

    def put(self, name: str, thing: T, *aliases: str) -> None:
        """The same without checks, for what the package itself lists."""
        self[name] = thing
        self.aliases.update(dict.fromkeys(aliases, name))

    def find(self, name: object) -> str | None:
        """The name under which the thing is listed; None for an unknown one."""
        if isinstance(name, str) and name in self:
            return name
        wanted = _plain(str(name))
        known = {**self.present_aliases(), **{name: name for name in self}}
        return next((name for spelled, name in known.items() if _plain(spelled) == wanted), None)

    def name_of(self, thing: object) -> str | None:
        """The name under which this very thing is listed; None where it is not.

        >>> Registry[int]("shape", ("triangle", 3)).name_of(3)
        'triangle'
        """
        return next((name for name, listed in self.items() if listed is thing), None)

    def named(self, name: object) -> T:
        """The thing of that name.

        Raises:
            UnknownNameError: if there is none; the message lists the names, without the aliases.
        """
        found = self.find(name)
        if found is None:
            raise UnknownNameError.of(self.kind, name, self, self.present_aliases())
        return self[found]

    def present_aliases(self) -> dict[str, str]:
        """The aliases of what is in the table, with the names.

        >>> Registry[int]("shape", ("square", 4, "quadrate")).present_aliases()
        {'quadrate': 'square'}
        """
        return {alias: name for alias, name in self.aliases.items() if name in self}


def _plain(name: str) -> str:
    end = "_" if name.endswith("_") else ""
    return "".join(letter for letter in name.lower() if letter not in "_- ") + end
