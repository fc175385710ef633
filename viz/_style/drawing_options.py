"""What a drawing can be asked for: each option is stated here once, with its type and its default.

``draw``, ``to_svg``, ``to_dot``, ``to_tikz`` and ``animate`` take them all. ``@with_options`` shows
them in ``help`` and to editors; ``draw`` says what each one means.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Final, TypedDict, TypeVar

from tinygrad_mlp._text import visible
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import UnknownArgumentError
from viz._style.look import SHOWABLE
from viz._style.themes import Theme

__all__ = ["DEFAULTS", "Options", "completed", "with_options"]

F = TypeVar("F", bound=Callable[..., Any])


class Options(TypedDict, total=False):
    """The options of a drawing, by name."""

    detail: str
    direction: str
    show: Iterable[str]
    highlight: Value | str | Iterable[Value | str]
    theme: str | Theme
    color: str
    constants: bool
    max_nodes: int
    parameters: Iterable[Value] | None
    legend: bool
    names: str
    index: str
    style: str
    focus: Value | str | None


DEFAULTS: Final = Options(
    detail="auto",
    direction="LR",
    show=SHOWABLE,
    highlight=(),
    theme="light",
    color="auto",
    constants=True,
    max_nodes=500,
    parameters=None,
    legend=True,
    names="auto",
    index="unit,input",
    style="page",
    focus=None,
)
"""What holds unless something else is asked for."""


def completed(options: Options) -> Options:
    """The options with the defaults of those that are not given.

    Raises:
        UnknownArgumentError: if there is one that drawings do not have.

    >>> completed({"theme": "dark"})["detail"]
    'auto'
    >>> completed({"colour": "kind"})
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.UnknownArgumentError: a drawing has no option 'colour'; did you mean \
'color'?
    """
    unknown = [name for name in options if name not in DEFAULTS]
    if unknown:
        from difflib import get_close_matches

        name = unknown[0]
        close = get_close_matches(name, DEFAULTS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(DEFAULTS)}"
        raise UnknownArgumentError(f"a drawing has no option {visible(name)!r}; {hint}")
    return {**DEFAULTS, **options}


def with_options(function: F) -> F:
    """A function that takes options, of which ``help`` lists each with its default.

    >>> @with_options
    ... def shown(value: Value, **options: Any) -> None: ...
    >>> str(inspect.signature(shown))[:54]
    "(value: 'Value', *, detail: 'str' = 'auto', direction:"
    """
    signature = inspect.signature(function)
    types = Options.__annotations__
    before = [x for x in signature.parameters.values() if x.kind is not x.VAR_KEYWORD]
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=getattr(types[name], "__forward_arg__", types[name]),
        )
        for name, default in DEFAULTS.items()
    ]
    function.__signature__ = signature.replace(parameters=[*before, *options])  # type: ignore[attr-defined]
    return function
