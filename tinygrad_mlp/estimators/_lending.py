"""Networks are lent to one fit or one prediction after another.

To record and compile a network takes longer than to predict with it. A program does not depend on
the numbers of the parameters, so a network waits, when a fit or a prediction is over, for the next
estimator of its architecture. An estimator itself holds nothing but arrays, and pickles.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from tinygrad_mlp._forking import waited_for_at_fork
from tinygrad_mlp.estimators._compiled_network import Architecture, Network

__all__ = ["lent_network"]

MOST_NETWORKS: Final = 32
"""How many networks wait; the last one that came back stays in any case."""

MOST_PARAMETERS: Final = 1_000_000
"""How many parameters they have together."""

MOST_NUMBERS: Final = 4_000_000
"""With how many numbers at once they have computed, together: on that their memory hangs."""

_waiting: list[Network] = []
_lock = Lock()
waited_for_at_fork(_lock)


@contextmanager
def lent_network(architecture: Architecture) -> Iterator[Network]:
    """A network of that architecture, for this block alone, with whatever numbers.

    >>> architecture = Architecture((2, 1), (), "identity")
    >>> with lent_network(architecture) as first:
    ...     with lent_network(architecture) as second:
    ...         pass
    >>> with lent_network(architecture) as third:
    ...     print(second is first, third in (first, second))
    False True
    """
    network = _taken(architecture) or Network(architecture)
    yield network
    # not reached after an error, amid which it may be
    if network.is_whole and network.most_numbers <= MOST_NUMBERS:
        with _lock:
            _waiting.append(network)
            while len(_waiting) > 1 and _are_too_many():
                del _waiting[0]


def _are_too_many() -> bool:
    return (
        len(_waiting) > MOST_NETWORKS
        or sum([len(network.parameters) for network in _waiting]) > MOST_PARAMETERS
        or sum([network.most_numbers for network in _waiting]) > MOST_NUMBERS
    )


def _taken(architecture: Architecture) -> Network | None:
    with _lock:
        for index in reversed(range(len(_waiting))):
            if _waiting[index].architecture == architecture:
                return _waiting.pop(index)
    return None
