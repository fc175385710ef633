"""Which circles and lines of a network lie on the paths through a node."""

from __future__ import annotations

from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError
from viz._circles.network import Link, Network, Spot

__all__ = ["paths_through"]


def paths_through(network: Network, focus: Value) -> set[Spot | Link]:
    """The circles and lines on the paths through a node.

    Raises:
        GraphError: if the picture does not show the node.

    >>> x = Value(1.0)
    >>> first, second, third = Spot("input", {x: None}), Spot("unit"), Spot("unit")
    >>> network = Network([], [Link(first, second, None), Link(third, second, None)], 1)
    >>> paths_through(network, x) == {first, second, network.links[0]}
    True
    """
    spots = {spot for link in network.links for spot in (link.source, link.target)}
    through = {spot for spot in spots if spot.holds(focus)}
    links = [link for link in network.links if link.weight is focus]
    if not through and not links:
        raise GraphError(
            "the node in focus is no circle and no line of this picture; give an input, a weight, "
            "a bias or an output of a unit, or its name: focus='h[1]_2'"
        )
    return {
        *links,
        *_reached(network, through | {link.source for link in links}, backward=True),
        *_reached(network, through | {link.target for link in links}, backward=False),
    }


def _reached(network: Network, start: set[Spot], backward: bool) -> set[Spot | Link]:
    """The circles, and the lines, that lead to some, or that lead on from them."""
    beside: dict[Spot, list[Link]] = {}
    for link in network.links:
        beside.setdefault(link.target if backward else link.source, []).append(link)
    reached: set[Spot | Link] = set(start)
    pending = list(start)
    while pending:
        for link in beside.get(pending.pop(), []):
            reached.add(link)
            end = link.source if backward else link.target
            if end not in reached:
                reached.add(end)
                pending.append(end)
    return reached
