"""The mistakes that people make in one step of the chain rule, each with its number and reason.

The likelier ones come first: where two give the same number, the first is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tinygrad_mlp.debug._quiz_asked import Asked
from tinygrad_mlp.debug._quiz_derivatives import Wrong, wrong_derivatives
from tinygrad_mlp.debug._quiz_judging import Mistake
from tinygrad_mlp.debug._quiz_rounding import Rounded
from tinygrad_mlp.debug._quiz_setting import Setting
from tinygrad_mlp.debug._tokens import Number, Sign, Tokens, Word

__all__ = ["backward_mistakes"]

MOST_PATHS: Final = 4
"""Of at most so many earlier paths each may be the one that was forgotten."""


def backward_mistakes(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    """The known mistakes of a step, the likelier first.

    Args:
        asked: the step and its numbers.
        setting: what stands around it.

    >>> from tinygrad_mlp.debug import trace_backward
    >>> from tinygrad_mlp.debug._tokens import as_text
    >>> from tinygrad_mlp.engine import Value
    >>> trace = trace_backward(Value(0.5, label="z").tanh() * 3.0)
    >>> for mistake in backward_mistakes(Asked(trace[1], Setting(trace)), Setting(trace)):
    ...     print(f"{mistake.target.value:7.4f} {as_text(mistake.reason)[:56].rstrip()}")
     1.3864 that is with v2 = tanh(z) itself; its derivative is 1 -
     2.4406 the derivative of tanh was taken at v2; it belongs at z
     2.2500 in the derivative 1 - tanh(z)^2, z stands where v2 belon
     1.6136 the square is missing: 1 - tanh(z)^2
     3.0000 that is dv3/dv2 alone; the local derivative dv2/dz = 0.7
     0.7864 that is the local derivative dv2/dz alone; dv3/dv2 = 3,
    -2.3593 the sign is wrong: dv2/dz = 0.7864 and dv3/dv2 = 3
     3.7864 the chain rule multiplies dv3/dv2 and dv2/dz; here they
    """
    yield from _of_paths(asked, setting)
    if asked.step.partial == -1.0:  # then what is left out is the sign
        yield from _of_sign(asked, setting)
    for wrong in (*wrong_derivatives(asked, setting), *_of_factors(asked, setting)):
        flows = asked.upstream * Rounded.of(wrong.partial)
        yield Mistake(asked.whole(flows).target(), wrong.kind, wrong.reason)
    yield from _of_local_alone(asked, setting)
    yield from _of_sign(asked, setting)
    yield from _of_index(asked, setting)
    yield from _of_addition(asked, setting)


# The paths


def _of_paths(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    step = asked.step
    gradient = setting.of_loss(step.parent)
    through = setting.name(step.node)
    before = Number(step.grad_before)
    if asked.is_sum:
        yield Mistake(
            asked.flows.target(),
            "paths",
            (
                *(Word("that is only the path through "), through),
                *(Word("; add what came along the others, "), before),
            ),
        )
        yield Mistake(
            asked.before.target(),
            "paths",
            (
                *(Word("that is only what came along the earlier paths; add the path through "),),
                through,
            ),
        )
        yield from _of_one_path(asked, setting)
    elif asked.is_part:
        after = Rounded.of(step.grad_before) + asked.flows
        yield Mistake(
            after.target(),
            "paths",
            (
                *(Word("that is "), gradient, Word(" so far, with the earlier paths; ")),
                *(Word("asked is only what the path through "), through, Word(" adds")),
            ),
        )
        whole = setting.whole(step)
        if whole is not None:
            yield Mistake(
                Rounded.of(whole).target(),
                "paths",
                (
                    *(
                        Word("that is "),
                        gradient,
                        Word(" along all paths; asked is only what the "),
                    ),
                    *(Word("path through "), through, Word(" adds")),
                ),
            )


def _of_one_path(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    """Of three paths or more one is left out."""
    earlier = setting.earlier(asked.step)
    if not 2 <= len(earlier) <= MOST_PATHS:
        return
    for other in earlier:
        left_out = (Word("the path through "), setting.name(other.node), Word(" is missing"))
        yield Mistake((asked.answer + -Rounded.of(other.contribution)).target(), "paths", left_out)


# A factor left out


def _of_factors(asked: Asked, setting: Setting) -> Iterator[Wrong]:
    """The gradient from above as it comes."""
    step = asked.step
    node, parent = step.node, step.parent
    alone: Tokens = (
        *(Word("that is "), setting.of_loss(node), Word(" alone; the local derivative ")),
        *(setting.local(node, parent), Sign("="), Number(step.partial), Word(" is missing")),
    )
    yield Wrong(1.0, "factor", alone)


def _of_local_alone(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    step = asked.step
    reason: Tokens = (
        Word("that is the local derivative "),
        *(setting.local(step.node, step.parent), Word(" alone; "), setting.of_loss(step.node)),
        *(Sign("="), Number(step.upstream), Word(", which comes from above, is missing")),
    )
    yield Mistake(asked.whole(asked.partial).target(), "factor", reason)


def _of_sign(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    step = asked.step
    reason: Tokens = (
        *(Word("the sign is wrong: "), setting.local(step.node, step.parent), Sign("=")),
        *(Number(step.partial), Word(" and "), setting.of_loss(step.node), Sign("=")),
        Number(step.upstream),
    )
    yield Mistake(asked.whole(-asked.flows).target(), "sign", reason)
    if asked.is_sum:
        of_sum: Tokens = (
            *(
                Word("the sign of the sum is wrong: "),
                Number(step.grad_before),
                Word(" came before"),
            ),
            *(Word(" and this path adds "), Number(step.contribution)),
        )
        yield Mistake((-asked.answer).target(), "sign", of_sum)


# The gradient of another


def _of_index(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    step = asked.step
    for other, gradient in setting.alike(step):
        reason: Tokens = (
            *(setting.of_loss(other), Word(" was taken for "), setting.of_loss(step.node)),
        )
        flows = Rounded.of(gradient) * asked.partial
        yield Mistake(asked.whole(flows).target(), "index", reason)


def _of_addition(asked: Asked, setting: Setting) -> Iterator[Mistake]:
    step = asked.step
    reason: Tokens = (
        *(Word("the chain rule multiplies "), setting.of_loss(step.node), Word(" and ")),
        *(setting.local(step.node, step.parent), Word("; here they are added")),
    )
    yield Mistake(asked.whole(asked.upstream + asked.partial).target(), "factor", reason)
