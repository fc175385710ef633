"""The README's table of edge cases: every row is computed by the engine and by torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isnan
from typing import Any, Final

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.source_files import ROOT
from tinygrad_mlp import functional
from tinygrad_mlp.engine import Value

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class EdgeCase:
    """One row: an expression in x (and y), where it is computed, and what must come out."""

    expression: str
    point: Mapping[str, float]
    value: float
    derivatives: Sequence[float]


def read_table(text: str) -> list[EdgeCase]:
    """The rows between the two marks.

    >>> row = "| `abs(x)` | x = -inf | inf | -1/2 |"
    >>> read_table(f"<!-- edge-cases -->{row}<!-- /edge-cases -->")
    [EdgeCase(expression='abs(x)', point={'x': -inf}, value=inf, derivatives=[-0.5])]
    """
    (table,) = re.findall(r"<!-- edge-cases -->(.*?)<!-- /edge-cases -->", text, re.DOTALL)
    return [
        EdgeCase(
            expression,
            {name: number(text) for name, text in re.findall(r"([xy]) = ([^,]+)", at)},
            number(value),
            [number(text) for text in derivatives.split(",")],
        )
        for expression, at, value, derivatives in re.findall(
            r"\| `(.+?)` \| (.+?) \| (.+?) \| (.+?) \|", table
        )
    ]


def number(text: str) -> float:
    """``1/2``, ``-inf``, ``nan`` or a decimal number."""
    return float(Fraction(text.strip())) if "/" in text else float(text)


def torch_softplus(x: Tensor) -> Tensor:
    value: Tensor = F.softplus(x, threshold=700.0)  # the README says why
    return value


def on_a_list(function: Callable[[Tensor, int], Tensor]) -> Callable[[list[Tensor]], Tensor]:
    def stacked(inputs: list[Tensor]) -> Tensor:
        return function(torch.stack(inputs), 0)

    return stacked


IN_TORCH: Final[Mapping[str, Any]] = {
    **vars(torch),
    "elu": F.elu,
    "leaky_relu": F.leaky_relu,
    "log_softmax": on_a_list(torch.log_softmax),
    "logsumexp": on_a_list(torch.logsumexp),
    "mod": torch.remainder,
    "silu": F.silu,
    "softmax": on_a_list(torch.softmax),
    "softplus": torch_softplus,
}
"""The names of ``functional`` in torch, where they are not in ``torch`` itself."""

EDGE_CASES: Final = read_table(README)


def as_text(case: EdgeCase) -> str:
    return f"{case.expression} at {', '.join(map(str, case.point.values()))}"


def by_the_engine(expression: str, point: Mapping[str, float]) -> tuple[float, list[float]]:
    inputs = {name: Value(x) for name, x in point.items()}
    output: Value = eval(expression, {**vars(functional), **inputs})
    output.backward()
    return output.data, [x.grad for x in inputs.values()]


def by_torch(expression: str, point: Mapping[str, float]) -> tuple[float, list[float]]:
    inputs = {name: torch.tensor(x, dtype=torch.float64) for name, x in point.items()}
    leaves = [x.requires_grad_() for x in inputs.values()]
    output: Tensor = eval(expression, {**IN_TORCH, **inputs})
    gradients = torch.autograd.grad(output, leaves, materialize_grads=True)
    return output.item(), [gradient.item() for gradient in gradients]


@pytest.mark.parametrize("compute", [by_the_engine, by_torch])
@pytest.mark.parametrize("case", EDGE_CASES, ids=as_text)
def test_gives_what_the_readme_says(
    case: EdgeCase, compute: Callable[..., tuple[float, list[float]]]
) -> None:
    value, derivatives = compute(case.expression, case.point)
    assert len(derivatives) == len(case.derivatives)
    np.testing.assert_allclose(value, case.value, rtol=1e-15)  # nan equals nan
    np.testing.assert_allclose(derivatives, case.derivatives, rtol=1e-15)


def test_every_row_is_read() -> None:
    rows = README.partition("<!-- edge-cases -->")[2].partition("<!-- /edge-cases -->")[0]
    assert len(EDGE_CASES) == rows.count("\n| `") >= 40
    assert len({as_text(case) for case in EDGE_CASES}) == len(EDGE_CASES)


# The differences that the README names below its table


@pytest.mark.parametrize(
    "function", ["relu(x)", "where(x > 0, x, 0 * y)", "clamp(x, 0, 1)", "maximum(x, 0 * y)"]
)
def test_an_infinite_gradient_times_zero_is_nan(function: str) -> None:
    point = {"x": -1.0, "y": 0.0}
    ours, theirs = (compute(f"log({function})", point) for compute in (by_the_engine, by_torch))
    assert ours[0] == theirs[0] == -np.inf
    assert isnan(ours[1][0])
    assert theirs[1][0] == 0.0


def test_softplus_has_no_threshold() -> None:
    (value, _), exact = by_the_engine("softplus(x)", {"x": 21.0}), 21.0 + np.log1p(np.exp(-21.0))
    assert value == pytest.approx(exact, rel=1e-15)
    assert F.softplus(torch.tensor(21.0, dtype=torch.float64)).item() == 21.0 != value


def test_gelu_keeps_its_digits() -> None:
    value, _ = by_the_engine("gelu(x)", {"x": -9.0})
    # Phi(-9) by its continued fraction, to 15 digits
    assert value == pytest.approx(-9.0 * 1.128588405953841e-19, rel=1e-13)
    assert F.gelu(torch.tensor(-9.0, dtype=torch.float64)).item() == 0.0
