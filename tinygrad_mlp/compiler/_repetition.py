"""A recorded function runs again, to see that it does the same each time.

Random numbers that are drawn in Python, attributes that change from call to call, numbers read from
a file: whatever a function takes from elsewhere would be frozen in the program.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from operator import is_

from tinygrad_mlp import ops
from tinygrad_mlp.compiler._hiding import DATA_SLOT
from tinygrad_mlp.compiler._refusals import does_not_repeat
from tinygrad_mlp.compiler._traced import Traced
from tinygrad_mlp.compiler._tracing import Nested, Recording, Tape, run
from tinygrad_mlp.engine import Value
from tinygrad_mlp.ops import Op

__all__ = ["retrace"]


def retrace(
    function: Callable[..., Nested], recording: Recording, has_auxiliary: bool = False
) -> None:
    """Run ``function`` once more and hold what it does against the recording.

    Raises:
        GraphError: if it does anything else, as it depends on more than its arguments.
        TracingError, ShapeError: as ``trace``.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> numbers = [2.0]
    >>> recording = trace(lambda x: numbers[0] * x, [()], [])
    >>> retrace(lambda x: numbers[0] * x, recording)
    >>> numbers[0] = 3.0
    >>> retrace(lambda x: numbers[0] * x, recording)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.GraphError: the function did something else when it ran again: it ...
    """
    again = _Repetition(recording)
    run(function, again, has_auxiliary)
    again.finish()


class _Repetition(Tape):
    """Hands out the nodes of a recording again, as long as the function asks for the same."""

    def __init__(self, recorded: Recording) -> None:
        again = Recording([], recorded.parameters, recorded.inputs)
        again.of_one_sample = recorded.of_one_sample
        super().__init__(again)
        self._recorded = recorded
        self._then = recorded.nodes
        self._n_made = sum([len(ids) for _, ids in recorded.inputs])

    @property
    def given(self) -> list[Value]:
        return self._recorded.nodes

    def n_made(self) -> int:
        return self._n_made

    def node(self, op: Op | None, parents: tuple[Value, ...]) -> Traced:
        if self._present:
            parents = tuple(self.present(parents))
        nodes = self._recorded.nodes
        if self._n_made == len(nodes):
            raise does_not_repeat(f"it computed more, first {_named(op)}")
        node = nodes[self._n_made]
        assert isinstance(node, Traced)
        self._n_made += 1
        if node.op is not op:
            raise does_not_repeat(f"it computed {_named(op)} in the place of {_named(node.op)}")
        self._hold_against(node.parents, parents)
        return node

    def binary(self, op: Op, left: Value, right: Value) -> Value:
        n_made, then = self._n_made, self._then
        if n_made < len(then) and not self._present:
            node = then[n_made]
            if node.op is op:
                parents = node.parents
                if parents[0] is left and parents[1] is right:
                    self._n_made = n_made + 1
                    return node
        return self.node(op, (left, right))

    def finish(self) -> None:
        """Compare what there is only when the function has returned."""
        then, now = self._recorded, self.recording
        if self._n_made < len(then.nodes):
            raise does_not_repeat(
                f"it computed less, without {_named(then.nodes[self._n_made].op)}"
            )
        shapes = (then.output_shape, then.auxiliary_shape)
        if shapes != (now.output_shape, now.auxiliary_shape):
            raise does_not_repeat("it returned lists of other lengths")
        self._hold_against((*then.outputs, *then.auxiliary), (*now.outputs, *now.auxiliary))
        if then.random != now.random:
            raise does_not_repeat("it drew from another generator")
        for (leaf, value), (other, new) in zip(then.effects, now.effects):
            self._hold_against((leaf, value), (other, new))
        if then.detached != now.detached or len(then.effects) != len(now.effects):
            raise does_not_repeat("it used no_grad or assign elsewhere")

    def _hold_against(self, then: tuple[Value, ...], now: tuple[Value, ...]) -> None:
        if len(then) != len(now):
            raise does_not_repeat(f"it took {len(now)} inputs in the place of {len(then)}")
        if all(map(is_, then, now)):
            return
        own, others = self._recorded.own_leaves, self.own_leaves
        for a, b in zip(then, now):
            if a is b:
                continue
            if not (_is_own(a, own) and _is_own(b, others)):
                raise does_not_repeat("it computed with another Value")
            before, after = DATA_SLOT.__get__(a), DATA_SLOT.__get__(b)
            if before != after and not (isnan(before) and isnan(after)):
                raise does_not_repeat(f"it took the number {after!r} in the place of {before!r}")


def _is_own(leaf: Value, own_leaves: set[Value]) -> bool:
    """Whether a Value is a number that was made in a trace, or is one for good."""
    return leaf.op is ops.CONSTANT or leaf in own_leaves


def _named(op: Op | None) -> str:
    return op.formula if op is not None else "a random number"
