"""What the nodes of a graph are called in equations, and how their numbers are written.

A label is a name already. A node without one is called v and its place in the topological order, so
the same graph always gives the same names: to the step log, the terminal and the web page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.engine import Value
from tinygrad_mlp.text import visible

__all__ = [
    "derivative",
    "factor",
    "formula_of",
    "layer_of",
    "layers_of",
    "names_of",
    "number",
    "product",
]

MOST_TERMS: Final = 8
"""Sums of more terms than this are written with dots between the first three and the last."""

FORMULAS: Final = {"pow_number": "a ^ b", "gelu": "x * Phi(x)", "erfc": "erfc(x)"}
"""For the ops whose formula in the table says more than how to compute it."""

PARAMETER: Final = re.compile(r"(?P<owner>\w+(\.\w+)*?)\.[^\W\d]\w*(\.\d+)*")
LIST_OF_PARAMETERS: Final = re.compile(r"(?P<owner>[^\W\d]\w*)(\.\d+)+")
NEURON: Final = re.compile(r"\.neurons\.\d+$|(?<=^neurons)\.\d+$")


def names_of(order: Sequence[Value]) -> dict[Value, str]:
    """A name for each node: its label, or v and its index; no two nodes share one.

    A label that is taken already gets ``#2``, ``#3``, ..., in the order in which the nodes come
    into the computation; characters that cannot be seen are written as escapes, so that a name
    always stands on one line.

    Args:
        order: the nodes in topological order.

    >>> from tinygrad_mlp.engine import topological_order
    >>> a = Value(2.0, label="a")
    >>> list(names_of(topological_order((a * Value(3.0)).exp() + Value(1.0, label="a"))).values())
    ['a#2', 'a', 'v2', 'v3', 'v4', 'v5']
    """
    names: dict[Value, str] = {}
    taken: set[str] = set()
    used = dict.fromkeys(x for node in order if node.parents for x in (*node.parents, node))
    for node in used or order:
        if node.label:
            names[node] = _free(visible(node.label), taken)
            taken.add(names[node])
    for index, node in enumerate(order):
        if not node.label:
            names[node] = _free(f"v{index}", taken)
    return {node: names[node] for node in order}


def number(x: float) -> str:
    """``x`` as equations show it: four decimals, or four digits where x is very small or large.

    >>> [number(x) for x in (0.138498562, 0.0821670, 5.0, 0.00043857, -1e-9, 123456.7)]
    ['0.1385', '0.0822', '5', '0.0004386', '-1e-09', '1.235e+05']
    """
    if 0.01 <= abs(x) < 10_000.0:
        return f"{x:.4f}".rstrip("0").rstrip(".")
    return f"{x:.4g}"


def factor(x: float) -> str:
    """``x`` as a factor of a product: a negative number stands in brackets.

    >>> factor(0.5), factor(-2.0)
    ('0.5', '(-2)')
    """
    return _signed(number(x))


def product(factors: Sequence[float], result: float) -> str:
    """A product with its result; ``≈`` where the numbers as written do not give the result.

    They do if what they come to is the result within the rounding of its last digit.

    >>> print(product([0.138498562, 0.593269992], 0.082167041))
    0.1385 * 0.5933 = 0.0822
    >>> print(product([0.036350306, 0.241300709], 0.008771354))
    0.0364 * 0.2413 ≈ 0.008771
    """
    written = math.prod(float(number(x)) for x in factors)
    shown = float(number(result))
    apart = abs(written - shown)
    sign = "≈" if apart > 0.501 * _last_digit(result) and math.isfinite(apart) else "="
    return f"{' * '.join(map(factor, factors))} {sign} {number(result)}"


def _last_digit(x: float) -> float:
    """What one in the last place of ``number(x)`` stands for."""
    if x == 0.0 or 0.01 <= abs(x) < 10_000.0:
        return 1e-4
    return 10.0 ** (int(f"{x:.3e}".partition("e")[2]) - 3) if math.isfinite(x) else math.inf


def derivative(output: str, by: str) -> str:
    """The symbol of a derivative; a name that is more than one word stands in brackets.

    >>> derivative("L", "w5"), derivative("loss", "layers.0.bias")
    ('dL/dw5', 'dloss/d(layers.0.bias)')
    """
    return f"d{_bracketed(output)}/d{_bracketed(by)}"


def formula_of(node: Value, operands: Sequence[str]) -> str:
    """How the node was computed, with ``operands`` (names, or numbers as text) put in.

    >>> a, b = Value(2.0), Value(3.0)
    >>> formula_of(a * b, ["a", "b"]), formula_of(a * b, ["2", "-3"])
    ('a * b', '2 * (-3)')
    """
    if not node.parents:
        return ""
    op = node.op
    assert op is not None  # a node with parents has one
    if op is ops.DOT:
        n = len(operands) // 2
        pairs = zip(operands, operands[n : 2 * n])
        return _sum([*(f"{_signed(w)} * {_signed(x)}" for w, x in pairs), *operands[2 * n :]])
    if op is ops.SUM:
        return _sum(operands)
    if op.variadic:
        return f"{op.name}({', '.join(operands)})"
    letters = dict(zip("x" if len(operands) == 1 else "abc", operands))
    formula = FORMULAS.get(op.name, op.formula)
    return re.sub(r"\b[abcx]\b", _Filling(letters), formula)


def layer_of(label: str) -> str:
    """The path of the layer in a parameter's label; "" where the label is no path in a model.

    It is the path without the parameter itself (``.w.1``) and without the neuron in its layer. In a
    model that has its parameters in plain lists, each list is a layer.

    >>> [layer_of(label) for label in ("layers.0.neurons.3.w.1", "blocks.2.gamma", "hidden.w.0.1")]
    ['layers.0', 'blocks.2', 'hidden']
    >>> layer_of("w.0.1"), layer_of("w")
    ('w', '')
    """
    match = PARAMETER.fullmatch(label) or LIST_OF_PARAMETERS.fullmatch(label)
    return NEURON.sub("", match["owner"]) if match else ""


def layers_of(order: Sequence[Value]) -> dict[Value, str]:
    """The path of the layer that each node belongs to, for those that belong to one.

    A parameter says it in its label, see ``layer_of``. A sum of products belongs to the layer of
    its weights, and a function of one node (its activation) to that node's.

    Args:
        order: the nodes in topological order.

    >>> from tinygrad_mlp.engine import topological_order
    >>> w = Value(2.0, label="blocks.1.w")
    >>> order = topological_order((w * Value(3.0)).tanh())
    >>> [layers_of(order).get(node) for node in order]
    ['blocks.1', None, 'blocks.1', 'blocks.1']
    """
    layers: dict[Value, str] = {}
    of_parameters: set[Value] = set()
    for node in order:
        if not node.parents:
            layer = layer_of(node.label)
            if layer:
                layers[node] = layer
                of_parameters.add(node)
        elif len(node.parents) == 1:
            if node.parents[0] in layers:
                layers[node] = layers[node.parents[0]]
        else:
            n_products = len(node.parents) // 2 if node.op is ops.DOT else 0
            operands = node.parents[:n_products] or node.parents  # not the bias, nor the inputs
            own = {layers[parent] for parent in operands if parent in of_parameters}
            if len(own) == 1:
                layers[node] = own.pop()
            elif node.op is not None and node.op.name in ("add", "sum"):
                inner = {layers.get(parent) for parent in node.parents if parent.parents}
                if len(inner) == 1:
                    (only,) = inner
                    if only is not None:
                        layers[node] = only
    return layers


class _Filling:
    """Puts operands in the place of the letters of a formula.

    A negative number stands in brackets unless it is an argument by itself, as in ``max(-2, 0)``.
    """

    def __init__(self, letters: dict[str, str]) -> None:
        self.letters = letters

    def __call__(self, match: re.Match[str]) -> str:
        text = self.letters.get(match[0], match[0])
        before, after = match.string[: match.start()].rstrip(), match.string[match.end() :].lstrip()
        by_itself = before.endswith(("(", ",")) and after.startswith((")", ","))
        return text if by_itself else _signed(text)


def _signed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _sum(terms: Sequence[str]) -> str:
    if len(terms) > MOST_TERMS:
        terms = [*terms[:3], "...", terms[-1]]
    return " + ".join(map(_signed, terms))


def _bracketed(name: str) -> str:
    return name if re.fullmatch(r"\w+", name) else f"({name})"


def _free(name: str, taken: Iterable[str]) -> str:
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}#{count}"
    return candidate
