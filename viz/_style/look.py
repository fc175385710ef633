"""How a drawing is to look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tinygrad_mlp._arguments import check_flag
from tinygrad_mlp._freezing import is_frozen
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from viz._style.markup import number, number_on_slide
from viz._style.themes import LIGHT, Theme, known_name, theme_named

__all__ = [
    "COLORS",
    "DIRECTIONS",
    "FROZEN_TEXT",
    "LONGEST_IN_TOOLTIP",
    "LONGEST_LABEL",
    "NOT_COMPUTED",
    "SHOWABLE",
    "WEIGHTS",
    "Look",
]

DIRECTIONS: Final = ("LR", "RL", "TB", "BT")
"""Where the arrows may lead: to the right, to the left, down, up."""

SHOWABLE: Final = ("data", "grad", "partials")
"""What a drawing may show: the numbers, their gradients, the local derivatives on the arrows."""

WEIGHTS: Final = "weights"
"""In circles, all weights as numbers: those without room on their lines in a table."""

COLORS: Final = ("auto", "kind", "gradient")
"""What colors may mean: the kind of a node, or the size of its gradient."""

LONGEST_LABEL: Final = 26
"""The characters of a name that a box shows."""

LONGEST_IN_TOOLTIP: Final = 1000
"""The characters of a name in a tooltip; a browser shows no more at once."""

NOT_COMPUTED: Final = "\N{EN DASH}"
"""In the place of a gradient."""

FROZEN_TEXT: Final = "frozen"
"""In the place of the gradient of a frozen parameter."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a drawing is to look; ``of`` checks what a person asked for.

    Attributes:
        direction: where the arrows lead.
        shown: what is shown, of ``SHOWABLE`` and ``WEIGHTS``.
        theme: the colors.
        color: what colors mean: "kind", "gradient", or "auto" (the drawing decides).
        legend: whether a line under the graph explains the colors.
        constants: whether the plain numbers of a formula are drawn.
        parameters_only: whether data is shown of parameters alone, as where there is no sample.
        gradients: whether there are gradients of what is drawn; those that parameters still have of
            another loss are none of it.
        slide: whether it is for a slide, where numbers are short.
    """

    direction: str = "LR"
    shown: frozenset[str] = frozenset(SHOWABLE)
    theme: Theme = LIGHT
    color: str = "auto"
    legend: bool = True
    constants: bool = True
    parameters_only: bool = False
    gradients: bool = True
    slide: bool = False

    @classmethod
    def of(
        cls,
        direction: str,
        show: Iterable[str],
        theme: str | Theme,
        color: str,
        legend: bool,
        constants: bool,
    ) -> Look:
        """The look for these arguments.

        Raises:
            UnknownNameError: for an unknown direction, theme, color, or thing to show.
            InvalidArgumentError: if ``legend`` or ``constants`` is neither True nor False, or
                ``show`` no list of names.

        >>> look = Look.of("TB", "data", "dark", "kind", legend=True, constants=False)
        >>> look.direction, sorted(look.shown)
        ('TB', ['data'])
        """
        direction = known_name("direction", direction, DIRECTIONS)
        color = known_name("meaning of colors", color, COLORS)
        legend = check_flag(legend, "legend", "viz.draw(loss, path, legend=False)")
        constants = check_flag(constants, "constants", "viz.draw(loss, path, constants=False)")
        wanted = [show] if isinstance(show, str) else show
        if not isinstance(wanted, Iterable):
            raise InvalidArgumentError(
                f"show is {described(show)}, but a list of names is needed, of "
                f"{', '.join(map(repr, (*SHOWABLE, WEIGHTS)))}: show=('data', 'grad'); nothing: "
                "show=()"
            )
        shown = frozenset(
            known_name("thing to show", name, (*SHOWABLE, WEIGHTS)) for name in wanted
        )
        legend = check_flag(legend, "legend", "legend=False")
        constants = check_flag(constants, "constants", "constants=False")
        return cls(direction, shown, theme_named(theme), color, legend, constants)

    def number(self, x: float) -> str:
        """A number as the drawing shows it.

        >>> Look().number(0.13849856), Look(slide=True).number(0.13849856)
        ('0.1385', '0.138')
        """
        return number_on_slide(x) if self.slide else number(x)

    def grad_of(self, node: Value) -> float | None:
        """The gradient of a node in what is drawn; None where it was not computed.

        >>> x = Value(2.0)
        >>> x.backward()
        >>> Look().grad_of(x), Look(gradients=False).grad_of(x)
        (1.0, None)
        """
        return node.grad if self.gradients and node.has_grad else None

    def grad_text(self, node: Value) -> str:
        """The gradient as a box shows it, or why there is none.

        >>> w = Value(2.0)
        >>> w.requires_grad = False
        >>> Look().grad_text(w), Look().grad_text(Value(2.0)) == NOT_COMPUTED
        ('frozen', True)
        """
        grad = self.grad_of(node)
        if grad is None:
            return FROZEN_TEXT if is_frozen(node) else NOT_COMPUTED
        return self.number(grad)

    def shows_data(self, role: str) -> bool:
        """Whether the numbers of nodes of that kind are shown.

        >>> look = Look(parameters_only=True)
        >>> look.shows_data("parameter"), look.shows_data("output")
        (True, False)
        """
        return "data" in self.shown and (
            role in ("parameter", "buffer") or not self.parameters_only
        )

    def tooltip_of_numbers(self, node: Value) -> Iterator[str]:
        """Its number and its gradient with all digits.

        >>> list(Look().tooltip_of_numbers(Value(1.0)))
        ['data = 1.0', 'grad: not computed']
        """
        grad = self.grad_of(node)
        yield f"data = {node.data!r}"
        none = "none, it is frozen" if is_frozen(node) else "not computed"
        yield f"grad: {none}" if grad is None else f"grad = {grad!r}"
