"""Blocks belong to the thread, task or generator that opens them, in whatever order they close."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from contextvars import Context, copy_context

import pytest

from tinygrad_mlp import Value, _blocks, compile, functional, ops
from tinygrad_mlp._blocks import PLAIN, blocks_in_doubt, current, here, open_blocks
from tinygrad_mlp._many_numbers import numbers_of, read_numbers, read_unchecked, write_numbers
from tinygrad_mlp._recorders import Observer
from tinygrad_mlp._recording import observed_by, with_numbers
from tinygrad_mlp.debug import detect_anomaly, location_of, record_creation, trace_backward
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import apply, enable_grad, no_grad
from tinygrad_mlp.errors import NonFiniteError, NotANumberError, TracingError

A = Value(3.0)


def recorded() -> bool:
    """Whether nodes of every way in which they are made have a graph here."""
    nodes = [A * A, A.tanh(), functional.sum([A, A]), functional.dot([A], [A]), A + 1.0]
    assert [node.data for node in nodes[:1]] == [9.0]
    found = {bool(node.parents) for node in nodes}
    assert len(found) == 1
    return found.pop()


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    yield
    if open_blocks or blocks_in_doubt:
        gc.collect()  # a context may hang in a circle
    assert here() is PLAIN
    assert not open_blocks
    assert not blocks_in_doubt


# Blocks in blocks


def test_the_innermost_block_counts_and_an_error_closes_it() -> None:
    with no_grad():
        with enable_grad():
            assert recorded()
            with pytest.raises(ZeroDivisionError), no_grad():
                _ = 1 / int(recorded())
            assert recorded()
        assert not recorded()
    assert recorded()


@pytest.mark.parametrize(
    ("blocks", "first", "then"),
    [
        ([no_grad, enable_grad], 0, True),
        ([no_grad, enable_grad], 1, False),
        ([no_grad, no_grad], 0, False),
        ([enable_grad, no_grad], 0, False),
        ([enable_grad, no_grad], 1, True),
        ([no_grad, enable_grad, no_grad], 1, False),
        ([no_grad, enable_grad, no_grad], 2, True),
    ],
)
def test_blocks_may_be_closed_in_another_order(
    blocks: list[Callable[[], AbstractContextManager[None]]], first: int, then: bool
) -> None:
    opened = [block() for block in blocks]
    for block in opened:
        block.__enter__()
    opened.pop(first).__exit__(None, None, None)
    assert recorded() is then
    for block in opened:
        block.__exit__(None, None, None)
    assert recorded()


def test_a_function_may_be_a_block() -> None:
    @no_grad()
    def inside() -> bool:
        return recorded()

    assert not inside()
    assert not inside()
    assert recorded()


# Generators


def detached_results() -> Iterator[bool]:
    with no_grad():
        yield recorded()
        with enable_grad():
            yield recorded()
        yield recorded()


def test_a_generator_that_is_suspended_in_a_block_keeps_it_for_itself() -> None:
    one, other = detached_results(), detached_results()
    found = []
    for generator in (one, other, one, other, other, one):
        found.append(next(generator))
        assert recorded()
    assert found == [False, False, True, True, False, False]
    with no_grad():
        assert not recorded()
    assert list(one) == list(other) == []


def test_what_holds_is_what_is_set_as_far_as_no_generator_is_suspended() -> None:
    def inside() -> Generator[None, None, None]:
        with no_grad():
            yield

    here_too, elsewhere = inside(), inside()
    copy_context().run(next, elsewhere)
    assert blocks_in_doubt
    with no_grad():
        assert current() is here()
    next(here_too)
    assert here() is not PLAIN
    assert current() is PLAIN
    for generator in (here_too, elsewhere):
        generator.close()


def test_of_two_blocks_one_is_closed_elsewhere_and_the_other_holds() -> None:
    with no_grad():
        (outer,) = here().blocks
        inner = observed_by(Observer())
        inner.__enter__()
        assert here().blocks == (outer, inner)
        Context().run(inner.__exit__, None, None, None)
        assert current().observers == ()
        assert not recorded()
        assert here().blocks == (outer,)
    assert recorded()


def test_a_generator_goes_by_the_block_of_who_drives_it_where_it_has_none() -> None:
    def results() -> Iterator[bool]:
        while True:
            yield recorded()

    generator = results()
    with no_grad():
        assert not next(generator)
    assert next(generator)


def test_generators_in_generators_have_the_blocks_of_those_that_run() -> None:
    def outer() -> Iterator[bool]:
        with no_grad():
            yield from detached_results()
            inner = detached_results()
            yield next(inner)
            yield next(inner)
            yield recorded()

    found = []
    for result in outer():
        found.append(result)
        assert recorded()
    assert found == [False, True, False, False, True, False]


def test_a_generator_that_is_dropped_leaves_nothing_behind() -> None:
    generator = detached_results()
    next(generator)
    assert blocks_in_doubt
    del generator
    assert recorded()
    assert not blocks_in_doubt
    with no_grad():
        assert not recorded()


def test_a_block_that_contextlib_makes_of_a_generator_is_one_for_its_with() -> None:
    @contextlib.contextmanager
    def detached() -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(no_grad())
            yield

    def results() -> Iterator[bool]:
        with detached():
            yield recorded()

    with detached():
        assert not recorded()
    assert recorded()
    generator = results()
    assert not next(generator)
    assert recorded(), "and in a generator it belongs to that"
    assert list(generator) == []


def test_a_block_that_is_closed_elsewhere_is_closed() -> None:
    stack = ExitStack()
    stack.enter_context(no_grad())
    assert not recorded()
    in_thread(stack.close)
    assert recorded()


# Contexts


def test_a_copy_of_a_context_keeps_the_block_also_when_it_is_closed() -> None:
    with no_grad():
        copy = copy_context()
        assert not copy.run(recorded)
        assert Context().run(recorded)
    assert recorded()
    assert not copy.run(recorded)
    del copy
    assert not open_blocks


def test_a_program_does_not_keep_the_blocks_in_which_it_was_made() -> None:
    with no_grad():
        program = compile(lambda x: A * x, [A], per_sample=True)
        assert program([2.0]) == 6.0
    assert not open_blocks
    assert program([1.0, 2.0]) == 4.5


def test_tasks_have_their_own_blocks() -> None:
    async def alternating(block: Callable[[], AbstractContextManager[None]]) -> list[bool]:
        found = []
        for _ in range(3):
            with block():
                await asyncio.sleep(0)
                found.append(recorded())
                await asyncio.sleep(0)
            found.append(recorded())
        return found

    async def both() -> list[list[bool]]:
        return [*await asyncio.gather(alternating(no_grad), alternating(enable_grad))]

    assert asyncio.run(both()) == [[False, True] * 3, [True, True] * 3]


def test_a_task_that_is_started_in_a_block_is_in_it_to_its_end() -> None:
    async def results() -> list[bool]:
        found = [recorded()]
        await asyncio.sleep(0)
        return [*found, recorded()]

    async def start() -> list[bool]:
        with no_grad():
            task = asyncio.create_task(results())
            inside = await asyncio.gather(results(), asyncio.to_thread(recorded))
        assert recorded()
        return [*await task, *inside[0], inside[1]]

    assert asyncio.run(start()) == [False] * 5


def test_an_asynchronous_generator_keeps_its_block_for_itself() -> None:
    async def results() -> AsyncIterator[bool]:
        with no_grad():
            for _ in range(2):
                await asyncio.sleep(0)
                yield recorded()

    @contextlib.asynccontextmanager
    async def detached() -> AsyncIterator[None]:
        with no_grad():
            yield

    async def use() -> None:
        async for result in results():
            assert not result
            assert recorded()
        async with detached():
            assert not recorded()
            await asyncio.sleep(0)
            assert not recorded()
        assert recorded()

    asyncio.run(use())


# Threads


def in_thread(function: Callable[[], object]) -> None:
    """Run it to its end in another thread; what it raises is raised here."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(30.0)
    assert not thread.is_alive()
    for error in failed:
        raise error


@pytest.mark.parametrize("block", [no_grad, enable_grad, record_creation, detect_anomaly])
def test_a_block_is_that_of_its_thread(block: Callable[[], AbstractContextManager[None]]) -> None:
    def elsewhere() -> None:
        assert recorded()
        node = A * 2.0
        assert location_of(node) is None
        assert type(node) is Value
        Value(0.0).log().backward()
        with no_grad():
            assert not recorded()

    with block():
        in_thread(elsewhere)


def test_another_thread_computes_while_a_function_is_recorded() -> None:
    w = Value(2.0, label="w")
    program = compile(lambda x: w * x * x, [w])

    def elsewhere() -> None:
        out = w * 3.0 + 1.0
        out.backward()
        assert (out.data, w.grad, repr(w)) == (7.0, 3.0, "Value(data=2.0, grad=3.0, label='w')")
        assert (w > 1.0, w < 1.0, f"{w:.1f}") == (True, False, "2.0")
        assert [step.contribution for step in trace_backward(w * w)] == [2.0, 2.0]
        (slope,) = grad(w**3, [w], create_graph=True)
        assert grad(slope, [w]) == [12.0]
        w.data = 4.0
        assert program(3.0) == 18.0
        program.read_parameters()
        assert program(3.0) == 36.0
        program.write_back()
        assert w.grad == 9.0
        w.zero_grad()
        w.data = 2.0
        program.read_parameters()

    program(1.0)

    def slow(x: Value) -> Value:
        in_thread(elsewhere)
        return w * x

    assert compile(slow, [w])(5.0) == 10.0
    assert w.data == 2.0


def test_what_another_thread_does_to_a_traced_value_is_no_fault_of_the_recording() -> None:
    def slow(x: Value) -> Value:
        with pytest.raises(Exception, match="no number yet"):
            in_thread(lambda: x * 2.0)
        return x * 3.0

    assert compile(slow)(5.0) == 15.0


# Observers


class Seen(Observer):
    """Keeps what it sees."""

    def __init__(self) -> None:
        self.leaves: list[Value] = []
        self.ops: list[ops.Op] = []

    def leaf(self, leaf: Value) -> None:
        self.leaves.append(leaf)

    def made(self, node: Value, op: ops.Op, parents: tuple[Value, ...]) -> Value:
        assert all(isinstance(parent, Value) for parent in parents)
        self.ops.append(op)
        return node


def test_an_observer_sees_every_way_to_make_a_node() -> None:
    seen = Seen()
    with observed_by(seen), no_grad():
        a = Value(2.0)
        _ = a.exp(), a * a, functional.dot([a], [a]), apply(ops.MAXIMUM, a, a)
    assert seen.leaves == [a]
    assert seen.ops == [ops.EXP, ops.MUL, ops.DOT, ops.MAXIMUM]


def test_the_nodes_of_a_recording_are_not_shown_as_they_have_no_numbers() -> None:
    seen = Seen()
    with observed_by(seen):
        assert compile(lambda x: x * 2.0)(3.0) == 6.0
    assert seen.ops == []


def test_tasks_look_for_anomalies_each_for_itself() -> None:
    async def checked() -> str:
        with detect_anomaly():
            await asyncio.sleep(0)
            with pytest.raises(NonFiniteError):
                Value(0.0).log()
            await asyncio.sleep(0)
        return "checked"

    async def unchecked() -> str:
        for _ in range(3):
            Value(0.0).log().backward()
            await asyncio.sleep(0)
        return "unchecked"

    async def both() -> list[str]:
        return list(await asyncio.gather(checked(), unchecked()))

    assert asyncio.run(both()) == ["checked", "unchecked"]


def test_many_leaves_are_not_written_to_within_a_recording() -> None:
    leaves = [Value(1.0), Value(2.0)]
    outside = read_unchecked(leaves)

    def function(x: Value) -> Value:
        assert numbers_of(leaves) == []
        write_numbers(leaves, [3.0, 4.0])
        return x * leaves[0]

    with pytest.raises(TracingError, match=r"test_recording\.py"):
        compile(function)(2.0)
    assert outside == read_numbers(leaves) == numbers_of(leaves) == [1.0, 2.0]
    with pytest.raises(TracingError):
        compile(lambda x: x * read_numbers(leaves)[0])(2.0)
    with with_numbers({leaves[1]: 7.0}):
        assert numbers_of(leaves) == read_numbers(leaves) == [1.0, 7.0]
        assert [leaf.item() for leaf in leaves] == [1.0, 7.0]
        assert (leaves[1] > 6.0, Value(5.0) < leaves[1], leaves[1] < leaves[0]) == (
            True,
            True,
            False,
        )
    write_numbers(iter(leaves), [5.0, 6.0], grads=[0.5])
    assert [(leaf.data, leaf.has_grad) for leaf in leaves] == [(5.0, True), (6.0, False)]
    leaves[1].data = "six"  # type: ignore[assignment]
    with pytest.raises(NotANumberError):
        read_numbers(leaves)
    assert read_unchecked(leaves) == [5.0, "six"]


# At exit


def test_blocks_go_without_a_word_when_the_names_of_the_module_are_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def inside() -> Generator[None, None, None]:
        with no_grad():
            yield

    suspended = inside()
    next(suspended)
    kept = here()
    with monkeypatch.context() as patch:
        for name in vars(_blocks):
            if not name.startswith("__"):
                patch.setattr(_blocks, name, None)
        kept.__del__()
        kept.blocks[0].__del__()
    assert not open_blocks
    assert not blocks_in_doubt
    suspended.close()
