"""Plain data as JSON and arrays, and back the same: what a file keeps of a training.

Plain are None, truth values, whole numbers, floats, texts, arrays of them, lists, tuples and dicts
of all that, and where a random generator stands. Nothing is pickled, and nothing but these
comes out of a file.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._schema import misfit
from tinygrad_mlp._text import described, shortened
from tinygrad_mlp.errors import DataError, InvalidArgumentError

__all__ = ["GeneratorState", "decoded", "encoded", "is_plain", "same_plain"]

Arrays = dict[str, NDArray[Any]]

_AS_THEY_ARE: Final = (bool, int, str, type(None))
_ARRAY_KINDS: Final = "biufU"


class GeneratorState:
    """Where a random generator stands.

    >>> rng = np.random.default_rng(0)
    >>> kept = GeneratorState.of(rng)
    >>> first = rng.random()
    >>> kept.put_into(rng, "rng")
    >>> rng.random() == first
    True
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    @classmethod
    def of(cls, rng: np.random.Generator) -> GeneratorState:
        """Where this one stands now."""
        return cls(dict(rng.bit_generator.state))

    def put_into(self, rng: np.random.Generator, name: str) -> None:
        """Let a generator stand there.

        Raises:
            DataError: if it is one of another kind, or no generator stands so.
        """
        kind, own = self.state.get("bit_generator"), type(rng.bit_generator).__name__
        if kind != own:
            raise DataError(f"{name} is a {described(kind)}, but the generator here is a {own!r}")
        try:
            rng.bit_generator.state = self.state
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise DataError(
                f"{name} is no state of a {own} ({shortened(str(error), 100)})"
            ) from None


def is_plain(item: object) -> bool:
    """Whether it can be kept in a file.

    >>> is_plain([1, {"a": np.eye(2)}]), is_plain([1, object()])
    (True, False)
    """
    return _is_plain(item, ())


def _is_plain(item: object, above: tuple[int, ...]) -> bool:
    kind = type(item)
    if kind in _AS_THEY_ARE or kind is float or kind is GeneratorState:
        return True
    if isinstance(item, np.generic) or kind is np.ndarray:
        return np.asarray(item).dtype.kind in _ARRAY_KINDS
    if id(item) in above:  # a list that holds itself
        return False
    above = (*above, id(item))
    if kind is list or kind is tuple:
        return all(_is_plain(part, above) for part in item)  # type: ignore[attr-defined]
    if kind is dict:
        return all(_is_plain(part, above) for pair in item.items() for part in pair)  # type: ignore[attr-defined]
    return False


def encoded(item: Any, arrays: Arrays) -> Any:
    """Plain data as JSON knows them; arrays go into ``arrays``, by a name of their own.

    Raises:
        InvalidArgumentError: if it is not plain.

    >>> arrays = {}
    >>> encoded({"loss": [0.5, math.nan], "best": np.eye(2)}, arrays)
    {'dict': [['loss', [0.5, {'float': 'nan'}]], ['best', {'array': '0'}]]}
    >>> decoded(encoded((1, math.inf), arrays), arrays, "pair")
    (1, inf)
    """
    kind = type(item)
    if kind in _AS_THEY_ARE:
        return item
    if kind is float:
        return item if math.isfinite(item) else {"float": repr(item)}
    if kind is list:
        return [encoded(part, arrays) for part in item]
    if kind is tuple:
        return {"tuple": [encoded(part, arrays) for part in item]}
    if kind is dict:
        return {"dict": [[encoded(part, arrays) for part in pair] for pair in item.items()]}
    if kind is GeneratorState:
        return {"generator": encoded(item.state, arrays)}
    if isinstance(item, np.generic) or kind is np.ndarray:
        array = np.asarray(item)
        if array.dtype.kind in _ARRAY_KINDS and not array.nbytes:  # which no archive holds
            return {"empty": [array.dtype.str, list(array.shape)]}
        if array.dtype.kind in _ARRAY_KINDS:
            name = str(len(arrays))
            arrays[name] = array
            return {"scalar" if isinstance(item, np.generic) else "array": name}
    raise InvalidArgumentError(f"{described(item)} is no plain data: numbers, texts, lists, arrays")


def decoded(item: Any, arrays: Arrays, where: str) -> Any:
    """The data of which ``encoded`` made this; what is marked as nothing we know is refused.

    Raises:
        DataError: if ``encoded`` writes no such thing.

    >>> decoded({"module": "os"}, {}, "callbacks")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: callbacks is an object of 1, but plain data is needed
    """
    if isinstance(item, list):
        return [decoded(part, arrays, where) for part in item]
    if not isinstance(item, dict):
        return item
    try:
        ((tag, content),) = item.items()
        if tag == "float":
            return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[content]
        if tag == "tuple" and isinstance(content, list):
            return tuple(decoded(content, arrays, where))
        if tag == "dict":
            return dict(decoded(content, arrays, where))
        if tag in ("array", "scalar"):
            array = arrays[content]
            return array[()] if tag == "scalar" else array
        if tag == "empty":
            dtype, shape = content
            array = np.empty(shape, _dtype(dtype))
            if array.nbytes == 0:
                return array
        if tag == "generator" and isinstance(state := decoded(content, arrays, where), dict):
            return GeneratorState(state)
    except (KeyError, OverflowError, TypeError, ValueError):
        pass
    raise misfit(item, where, "plain data")


def _dtype(name: str) -> np.dtype[Any]:
    dtype = np.dtype(name)
    if dtype.kind not in _ARRAY_KINDS:
        raise ValueError(name)
    return dtype


def same_plain(a: Any, b: Any) -> bool:
    """Whether two pieces of plain data are the same, nan and the kinds of numbers too.

    >>> same_plain([math.nan, np.eye(2)], [math.nan, np.eye(2)]), same_plain(1, 1.0)
    (True, False)
    """
    arrays_a: Arrays = {}
    arrays_b: Arrays = {}
    return bool(
        repr(encoded(a, arrays_a)) == repr(encoded(b, arrays_b))
        and all(
            x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
            for x, y in zip(arrays_a.values(), arrays_b.values(), strict=True)
        )
    )
