"""A pass through a graph, moment by moment: what is known by then, and how a scene looks then.

The steps and their numbers are those of the step logs in ``tinygrad_mlp.debug``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.debug import BackwardStep, trace_backward, trace_forward
from tinygrad_mlp.debug._tokens import Number, Sign, Word, as_runs
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import Run
from viz._scene.emphasis import marked
from viz._scene.scene import Group, Scene, Shape, Words

__all__ = [
    "Moment",
    "moments_of",
    "number_of_moments",
    "pointing_into",
    "scene_at",
    "with_gradients",
]

AROUND: Final = ("frame", "title", "legend")
"""The kinds of groups that stand around others and are not marked with them."""

AROUND_STEPS: Final = 3
"""The moments before the first step, between the passes, and after the last step."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known at one moment of both passes.

    Attributes:
        title: which moment it is.
        equation: what was computed just now, as letters; nothing between the steps.
        node: the node whose operation it is; None between the steps.
        operands: those that its number was computed from, or that its gradient flows on to.
        computed: the nodes that have their number, leaves among them.
        gradients: what has arrived at nodes so far.
        pending: the nodes whose gradient is not complete.
    """

    title: str
    equation: Sequence[Run] = ()
    node: Value | None = None
    operands: Sequence[Value] = ()
    computed: Collection[Value] = ()
    gradients: Mapping[Value, float] = field(default_factory=dict)
    pending: Collection[Value] = ()


def moments_of(
    loss: Value,
    *,
    each_step: bool = True,
    shown: Collection[Value] = (),
    names: str = "math",
    index: str = "unit,input",
) -> list[Moment]:
    """The moments of a forward pass and of the backward pass behind it, from a clean start.

    The graph is as after ``loss.backward()`` then.

    Args:
        loss: the output of the graph.
        each_step: whether each operand that a gradient flows on to has a moment of its own, or all
            operands of a node have one together.
        shown: plain numbers to which gradients flow too, since a drawing shows these.
        names: how things are called in equations, "math" or "code".
        index: the order of the indices.

    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> loss = a * b; loss.label = "L"
    >>> for moment in moments_of(loss):
    ...     equation = "".join([run.text for run in moment.equation])
    ...     print(moment.title, "|", equation, list(moment.gradients.values()))
    before the first step |  []
    forward, step 1 of 1 | L = a · b = 2 · 3 = 6 []
    backward begins | ∂L/∂L = 1 [1.0]
    backward, step 1 of 2 | ∂L/∂a += ∂L/∂L · ∂L/∂a = 1 · 3 = 3 [1.0, 3.0]
    backward, step 2 of 2 | ∂L/∂b += ∂L/∂L · ∂L/∂b = 1 · 2 = 2 [1.0, 3.0, 2.0]
    after the last step |  [1.0, 3.0, 2.0]
    """
    forward = trace_forward(loss, names=names, index=index)
    backward = trace_backward(loss, names=names, index=index, constants=True)
    steps = _steps_shown(backward, shown)
    pending = frozenset([loss, *(step.parent for step in steps)])
    times = dict.fromkeys(forward.order, 0)
    times.update({step.node: number for number, step in enumerate(forward, start=1)})
    computed = _Nodes(times, 0)
    moments = [Moment("before the first step", computed=computed, pending=pending)]
    for number, step in enumerate(forward, start=1):
        computed = _Nodes(times, number)
        title = f"forward, step {step.index + 1} of {len(forward)}"
        equation, operands = as_runs(step.tokens()), step.node.parents
        moments.append(Moment(title, equation, step.node, operands, computed, {}, pending))
    of_itself = backward.notation.derivative(loss, loss)
    equation = as_runs([of_itself, Sign("="), Number(1.0)])
    begin = Moment("backward begins", equation, loss, (), computed, {loss: 1.0}, pending)
    moments += [begin, *_backward_moments(steps, begin, each_step)]
    return [
        *moments,
        replace(moments[-1], title="after the last step", equation=(), node=None, operands=()),
    ]


def number_of_moments(loss: Value, shown: Collection[Value] = ()) -> int:
    """How many moments there are where each step has its own.

    Args, and how the graph is then: as for ``moments_of``.

    >>> loss = Value(2.0, label="a") * Value(3.0, label="b")
    >>> number_of_moments(loss) == len(moments_of(loss)) == 6
    True
    """
    steps = _steps_shown(trace_backward(loss, constants=True), shown)
    return len(trace_forward(loss)) + len(steps) + AROUND_STEPS


def _steps_shown(backward: Sequence[BackwardStep], shown: Collection[Value]) -> list[BackwardStep]:
    return [step for step in backward if not _is_plain(step.parent) or step.parent in shown]


def scene_at(
    moment: Moment, after: Scene, uncolored: Scene, accent: str, number: Callable[[float], str]
) -> Scene:
    """How a drawing looks at a moment: without what is not known yet, and with a mark.

    Args:
        moment: the moment.
        after: the drawing after both passes.
        uncolored: the same drawing in colors that say nothing of gradients: those of groups whose
            gradients are not complete.
        accent: the color of marks.
        number: how numbers are written.

    >>> from viz._scene.scene import Shown, plain
    >>> x = Value(2.0)
    >>> y = x * 3.0
    >>> words = [
    ...     Words(5.0, 5.0, plain(str(v.data)), 9.0, "#000000", shows=Shown("data", v))
    ...     for v in (x, y)
    ... ]
    >>> after = Scene(9.0, 9.0, "#ffffff", "", [Group("node", [word]) for word in words])
    >>> first, *_, last = [scene_at(m, after, after, "#ff0000", str) for m in moments_of(y)]
    >>> [len(group.shapes) for group in first.groups], last == after
    ([1, 0], True)
    """
    groups = []
    for colored, other in zip(after.groups, uncolored.groups, strict=True):
        is_final = not any(node in moment.pending for node in colored.nodes)
        group = colored if is_final else other
        shapes = [_shape_at(shape, moment, is_final, number) for shape in group.shapes]
        group = replace(group, shapes=[shape for shape in shapes if shape is not None])
        groups.append(marked(group, accent) if _is_concerned(group, moment) else group)
    return replace(after, groups=groups)


def pointing_into(scene: Scene, moments: Sequence[Moment], order: Sequence[Value]) -> list[Moment]:
    """The moments with nodes that a drawing shows; for others stands the next one behind them.

    Args:
        scene: the drawing.
        moments: the moments.
        order: the nodes of the graph, parents before children.

    >>> x = Value(2.0)
    >>> y = x * 3.0
    >>> z = y + 1.0
    >>> scene = Scene(9.0, 9.0, "#ffffff", "", [Group("output", [], nodes=[z])])
    >>> moments = [Moment("", node=y, operands=[x])]
    >>> (moment,) = pointing_into(scene, moments, [*y.parents, y, *z.parents[1:], z])
    >>> moment.node is z
    True
    """
    shown = {node: node for group in scene.groups for node in group.nodes}
    for node in reversed(order):
        if node in shown:
            for parent in node.parents:
                shown.setdefault(parent, shown[node])
    return [
        replace(
            moment,
            node=None if moment.node is None else shown.get(moment.node),
            operands=[shown.get(operand, operand) for operand in moment.operands],
        )
        for moment in moments
    ]


def _is_plain(node: Value) -> bool:
    """Whether a node is a plain number of a formula, which is no variable."""
    return node.op is ops.CONSTANT and not node.label


def with_gradients(scene: Scene) -> set[Value]:
    """The nodes whose gradients a drawing shows.

    >>> with_gradients(Scene(9.0, 9.0, "#ffffff", "nothing"))
    set()
    """
    return {
        shape.shows.node
        for group in scene.groups
        for shape in group.shapes
        if isinstance(shape, Words) and shape.shows is not None and shape.shows.what == "grad"
    }


def _backward_moments(
    steps: Sequence[BackwardStep], begin: Moment, each_step: bool
) -> Iterator[Moment]:
    groups = [list(alike) for _, alike in groupby(steps, _index_of if each_step else _node_of)]
    unit = "step" if each_step else "node"
    arrivals = {node: [(0, gradient)] for node, gradient in begin.gradients.items()}
    complete = dict.fromkeys(begin.pending, len(groups) + 1)  # of what is frozen it never is
    complete.update(dict.fromkeys(arrivals, 0))
    for place, together in enumerate(groups, start=1):
        for step in together:
            arrivals.setdefault(step.parent, []).append((place, step.grad_after))
            complete.update(dict.fromkeys(step.completed(), place))
    for place, together in enumerate(groups, start=1):
        yield Moment(
            f"backward, {unit} {place} of {len(groups)}",
            _in_one_line(together),
            together[0].node,
            [step.parent for step in together],
            begin.computed,
            _Gradients(arrivals, place),
            _Nodes(complete, place, later=True),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Nodes(Collection[Value]):
    """The nodes whose time has come, or comes later; many moments share the times."""

    times: Mapping[Value, int]
    now: int
    later: bool = False

    def __contains__(self, node: object) -> bool:
        time = self.times.get(node)  # type: ignore[call-overload]
        return time is not None and (time > self.now) is self.later

    def __iter__(self) -> Iterator[Value]:
        return filter(self.__contains__, self.times)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True, eq=False)
class _Gradients(Mapping[Value, float]):
    """What has arrived at nodes by now; many moments share what arrives when."""

    arrivals: Mapping[Value, Sequence[tuple[int, float]]]
    now: int

    def __getitem__(self, node: Value) -> float:
        known = [gradient for time, gradient in self.arrivals[node] if time <= self.now]
        if not known:
            raise KeyError(node)
        return known[-1]

    def __iter__(self) -> Iterator[Value]:
        return (node for node, arrived in self.arrivals.items() if arrived[0][0] <= self.now)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _index_of(step: BackwardStep) -> int:
    return step.index


def _node_of(step: BackwardStep) -> Value:
    return step.node


def _in_one_line(steps: Sequence[BackwardStep]) -> list[Run]:
    """The equation of a step; of several that begin at one node, what they begin with."""
    first = steps[0]
    if len(steps) == 1:
        return as_runs((*first.tokens(), *first.remark()))
    upstream = first.trace.notation.derivative(first.trace.loss, first.node)
    words = Word(f" flows on to {len(steps)} operands")
    return as_runs([upstream, Sign("="), Number(first.upstream), words])


def _is_concerned(group: Group, moment: Moment) -> bool:
    """Whether a moment is about a group: its node is in it, or it is the line of an operand."""
    if moment.node is None or group.kind.split()[0] in AROUND:
        return False
    if group.targets:
        here = any(operand in group.nodes for operand in moment.operands)
        return here and moment.node in group.targets
    return moment.node in group.nodes


def _shape_at(
    shape: Shape, moment: Moment, is_final: bool, number: Callable[[float], str]
) -> Shape | None:
    """A shape with the number of the moment; None for a number that is not known yet.

    Args:
        shape: as it is after both passes.
        moment: the moment.
        is_final: whether the gradients of all nodes of its group are complete.
        number: how numbers are written.
    """
    if not isinstance(shape, Words) or shape.shows is None:
        return shape
    what, node = shape.shows
    if what == "norm":
        return shape if is_final else None
    if what != "grad":
        return shape if node in moment.computed else None
    grad = moment.gradients.get(node)
    if grad is None:  # of what is frozen there will be none
        return None if node in moment.pending else shape
    before, text = shape.runs[-1], number(grad)
    if text == before.text:
        return shape
    words = replace(shape, runs=[*shape.runs[:-1], before._replace(text=text)])
    return replace(words, size=shape.size * min(1.0, shape.width / words.width))
