"""A word of another library, or of an earlier version, is an error that says ours.

``@our_words`` on a function or an ``__init__`` does so after Python has refused the call, with the
corrected call; signature, types and help stay those of the function. ``AnotherWord`` does it for an
attribute, ``refuse_name`` for a name of a module. The words stand in ``vocabulary``.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from tinygrad_mlp._text import literal
from tinygrad_mlp.errors import RenamedError, UnknownArgumentError, UnknownAttributeError

if TYPE_CHECKING:
    from inspect import Parameter

    from tinygrad_mlp._vocabulary import Words

__all__ = ["AnotherWord", "NotASetting", "our_words", "refuse_name"]

F = TypeVar("F", bound=Callable[..., Any])

LONGEST_VALUE: Final = 40
"""A value of so many letters is repeated in the corrected call; of a longer one the name is."""


def our_words(function: F) -> F:
    """Let a function, or an ``__init__``, name our word for each argument that it does not have.

    Raises:
        UnknownArgumentError: where it is called with another word.

    >>> @our_words
    ... def train(model, *, learning_rate=0.1):
    ...     return learning_rate
    >>> train("model", lr=0.5)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.UnknownArgumentError: train has no argument 'lr'; its name here is \
learning_rate: train('model', learning_rate=0.5)
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
                raise  # from within the function: the call itself was right
            refusal = _Call(function, call, args, kwargs).refusal()
            if refusal is None:
                raise
        raise refusal

    return call  # type: ignore[return-value]


class AnotherWord:
    """An attribute that people look for and that has another name here.

    Args:
        ours: what to write instead.

    >>> class Line:
    ...     offset = 1.0
    ...     bias = AnotherWord("offset")
    >>> Line().bias
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.UnknownAttributeError: Line has no attribute 'bias'; write offset
    """

    def __init__(self, ours: str) -> None:
        self.ours = ours

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type | None = None) -> NoReturn:
        raise self.refusal(owner or type(instance))

    def refusal(self, owner: type) -> UnknownAttributeError:
        """The error for a class and its objects."""
        kind = owner.__name__
        return UnknownAttributeError(f"{kind} has no attribute {self.name!r}; write {self.ours}")


class NotASetting(AnotherWord):
    """Another word for a setting: assigned under that name, it would change nothing.

    >>> class Line:
    ...     bias = NotASetting("line.offset = 2.0")
    >>> Line().bias = 2.0
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.UnknownAttributeError: Line has no attribute 'bias'; write line.offset = 2.0
    """

    def __set__(self, instance: object, value: object) -> NoReturn:
        raise self.refusal(type(instance))


def refuse_name(module: str, name: str) -> NoReturn:
    """What the ``__getattr__`` of a module does with a name that it does not have.

    Raises:
        RenamedError: for another word of one of its names; an ImportError, since the message of an
            AttributeError is lost where the name is imported.
        AttributeError: for any other.

    >>> refuse_name("tinygrad_mlp.data", "Standardiser")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.RenamedError: tinygrad_mlp.data has no 'Standardiser'; its name here is \
StandardScaler: from tinygrad_mlp.data import StandardScaler
    """
    from tinygrad_mlp._vocabulary import our_word

    row = our_word(name, getattr(sys.modules.get(module), "__all__", ()))
    if row is None or not row.ours:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    raise RenamedError(
        f"{module} has no {name!r}; its name here is {row.ours}: from {module} import {row.ours}"
        f"{row.remark and f' ({row.remark})'}"
    )


class _Call:
    """A call of a function in its wrapping that Python has refused."""

    def __init__(
        self,
        function: Callable[..., Any],
        wrapped: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        self.function, self.wrapped, self.args, self.kwargs = function, wrapped, args, kwargs
        self.meant: dict[str, str] = {}  # for each other word the one of the table that it means

    def refusal(self) -> UnknownArgumentError | None:
        """The error that says what is wrong; None where Python's own says it."""
        strangers = [word for word in self.kwargs if word not in self.parameters]
        if not strangers:
            return self.of_form()
        from tinygrad_mlp._vocabulary import Words, nearest_word, our_word

        known = self.parameters
        found: dict[str, Words] = {}
        for word in strangers:
            meant = word if our_word(word, known) else nearest_word(word, known)
            if meant is None:
                return UnknownArgumentError(
                    f"{self.name} has no argument {word!r}; its arguments are {', '.join(known)}"
                )
            self.meant[word] = meant
            found[word] = our_word(meant, known) or Words(meant, "")
        for word, row in found.items():
            if not row.ours:
                return UnknownArgumentError(f"{self.name} has no argument {word!r}; {row.remark}")
        remarks = dict.fromkeys(f" ({row.remark})" for row in found.values() if row.remark)
        given = " and ".join(map(repr, strangers))
        call = self.corrected(found)
        return UnknownArgumentError(
            f"{self.name} has no argument{'s' * (len(found) > 1)} {given}; {_instead(found)}"
            f"{call and ': '}{call}{''.join(remarks)}"
        )

    def of_form(self) -> UnknownArgumentError | None:
        """What is wrong with arguments that have no word."""
        first = self.args[1] if self.is_init and len(self.args) == 2 else None
        if "layer_sizes" in self.parameters and isinstance(first, list | tuple) and len(first) > 1:
            n_inputs, *sizes = first
            return UnknownArgumentError(
                f"{self.name} takes the number of inputs apart from the sizes of the layers: "
                f"{self.name}({', '.join([repr(n_inputs), repr(sizes), *self.keywords()])})"
            )
        by_place = [name for name, p in self.parameters.items() if p.kind is not p.KEYWORD_ONLY]
        n_given = len(self.args) - self.is_init
        by_name = [name for name, p in self.parameters.items() if p.kind is p.KEYWORD_ONLY]
        if n_given <= len(by_place):
            return self.of_missing(by_place)
        if not by_name:
            return None
        return UnknownArgumentError(
            f"{self.name} takes {', '.join(by_place)} without a name, got {n_given}; give the "
            f"others by their names: {', '.join(by_name)}"
        )

    def of_missing(self, by_place: Collection[str]) -> UnknownArgumentError | None:
        """What is wrong with a call that lacks an argument; None where it lacks none."""
        given = {*self.by_place, *self.kwargs}
        missing = [
            name
            for name, p in self.parameters.items()
            if name not in given and p.default is p.empty
        ]
        if not missing or len(self.by_place.keys() & self.kwargs.keys()):
            return None
        from tinygrad_mlp._vocabulary import TABLE

        remark = next((row.remark for row in TABLE if row.ours == self.name and row.remark), "")
        call = f"{self.name}({', '.join([*self.places(self.kwargs, 0), *self.keywords()])})"
        return UnknownArgumentError(
            f"{self.name} needs {' and '.join(missing)}: {call}{remark and f' ({remark})'}"
        )

    def corrected(self, rows: Mapping[str, Words]) -> str:
        """The call in our words; empty where none means the same."""
        texts = self.texts(rows)
        if texts is None:
            return ""
        first: list[str] = []
        if any(row.by_place for row in rows.values()):
            for name in list(self.all_parameters)[len(self.by_place) :]:
                parameter = self.all_parameters[name]
                if name not in texts or parameter.default is not parameter.empty:
                    break
                first.append(texts.pop(name))
        named = [f"{name}={text}" for name, text in texts.items()]
        return f"{self.name}({', '.join([*self.places({*texts}, len(first)), *first, *named])})"

    def places(self, named: Collection[str], n_more: int) -> Iterator[str]:
        """The arguments by their place: those given, the first, and those that a call needs.

        Args:
            named: those that are given by their names.
            n_more: how many after those given are given by their place, too.
        """
        given = self.args[self.is_init :]
        for i, (name, parameter) in enumerate(self.all_parameters.items()):
            if parameter.kind is parameter.VAR_POSITIONAL and i < len(given):
                yield f"*{name}"
            if name in named or parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
                continue
            if i < len(given):
                yield _written(given[i], name)
            elif i >= len(given) + n_more and (i == 0 or parameter.default is parameter.empty):
                yield name

    def texts(self, rows: Mapping[str, Words]) -> dict[str, str] | None:
        """The arguments by our names, each once; None where they say two things of one."""
        given = {"": self.name, **self.by_place}
        for word, value in self.kwargs.items():
            row = rows.get(word)
            is_plain = row is not None and row.written is None
            name = row.ours if row is not None and is_plain else self.meant.get(word, word)
            if name in given:
                return None
            given[name] = value
        rewritten = {word: row.written(given) for word, row in rows.items() if row.written}
        settled = {
            name
            for word, texts in rewritten.items()
            for name in rows[word].settles.split()
            if texts and name in texts
        }
        made: dict[str, str] = {}
        for word, value in self.kwargs.items():
            if word in rewritten:
                texts = rewritten[word]
            else:
                ours = rows[word].ours if word in rows else word
                texts = {} if ours in settled else {ours: _written(value, ours)}
            if texts is None or any(made.get(name, text) != text for name, text in texts.items()):
                return None
            made.update(texts)
        if not self.by_place.keys().isdisjoint(made):
            return None
        return {name: text for name, text in made.items() if text}

    def keywords(self) -> Iterator[str]:
        """The arguments by their names, as they were given."""
        for name, value in self.kwargs.items():
            yield f"{name}={_written(value, name)}"

    @functools.cached_property
    def by_place(self) -> dict[str, Any]:
        """What was given without a name, by the names."""
        return {
            name: value
            for (name, p), value in zip(self.all_parameters.items(), self.args[self.is_init :])
            if p.kind is p.POSITIONAL_OR_KEYWORD
        }

    @property
    def is_init(self) -> bool:
        """Whether it is the call of a class."""
        return self.function.__name__ == "__init__"

    @property
    def name(self) -> str:
        """What was called: the class, or the one that inherits the ``__init__``."""
        if not self.is_init:
            return self.function.__name__
        if self.args and type(self.args[0]).__init__ is self.wrapped:
            return type(self.args[0]).__name__
        return self.function.__qualname__.split(".")[-2]

    @functools.cached_property
    def all_parameters(self) -> dict[str, Parameter]:
        """Those of the function, without ``self``."""
        from inspect import signature

        return dict(list(signature(self.function).parameters.items())[self.is_init :])

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Those that a call may name."""
        star = ("VAR_POSITIONAL", "VAR_KEYWORD")
        return {name: p for name, p in self.all_parameters.items() if p.kind.name not in star}


def _instead(found: Mapping[str, Words]) -> str:
    """Our words for those that were given, in a few words."""
    ours = [row.named or row.ours for row in found.values()]
    if len(found) > 1:
        *others, last = dict.fromkeys(ours)
        return f"here they are {' and '.join([', '.join(others), last] if others else [last])}"
    ((word, row),) = found.items()
    if word not in row.theirs.split():
        return f"did you mean {ours[0]}"
    return f"its name here is {ours[0]}" if row.written is None else f"here it is {ours[0]}"


def _written(value: object, name: str) -> str:
    """A value as it stands in a call: itself where that is short, else the name."""
    if callable(value):
        called = getattr(value, "__name__", "")
        path = str(getattr(value, "__qualname__", ""))
        is_name = called.isidentifier() and path.rpartition("<locals>.")[2] == called
        return called if is_name else name
    is_data = isinstance(value, list | tuple) and any(not isinstance(x, int | str) for x in value)
    text = "" if is_data else literal(value)
    return text if 0 < len(text) <= LONGEST_VALUE else name
