"""Words stand out from their ground, in both themes, and nothing is said by color alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.replaying import PHONE, Opener, chain_network
from tests.seen_colors import contrast
from tinygrad_mlp.debug import worked_example

WORDS = """() => {
  const parts = [];
  const groundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (color !== 'rgba(0, 0, 0, 0)') return color;
    }
    return 'none';
  };
  const inkOf = (element) => element.closest('svg')
    ? getComputedStyle(element).fill : getComputedStyle(element).color;
  const boxOf = (element) => {
    const box = element.closest('.node')?.querySelector('.box')
      ?? element.closest('.derivative')?.querySelector('rect')
      ?? element.closest('.frame')?.querySelector('.ground');
    return box && getComputedStyle(box).fill;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true }))
      continue;
    if (element.closest('script, style, title, [aria-disabled=true], .unseen')) continue;
    let opacity = 1;
    for (let at = element; at; at = at.parentElement) opacity *= getComputedStyle(at).opacity;
    const ground = boxOf(element) ?? groundOf(element);
    parts.push([walker.currentNode.data, inkOf(element), ground, opacity]);
  }
  return parts;
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("collapse", [True, False])
def test_every_word_on_the_page_has_a_contrast_of_four_and_a_half(
    viewer: Opener, dark: bool, collapse: bool
) -> None:
    page = viewer(worked_example(), dark=dark, collapse=collapse)
    seen: list[list[Any]] = []
    for position in (0, 3, 17, 34, 50):
        page.page.evaluate("position => goTo(position)", position)
        seen += page.page.evaluate(WORDS)
    page.page.evaluate("select(trace.root)")
    page.page.evaluate("() => notice('A notice', 'to copy')")
    page.press("?")
    seen += page.page.evaluate(WORDS)
    faint = [part for part in seen if contrast(part[1], part[2]) < 4.5 or part[3] < 1.0]
    assert faint == []
    assert len({text for text, *_ in seen}) > 90
    assert {"grad", "Steps a second ", "weight > 0" if collapse else "w"} <= {x[0] for x in seen}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_lines_stand_out_from_their_ground(viewer: Opener, dark: bool) -> None:
    page = viewer(chain_network([3, 4, 4, 1]), PHONE, dark=dark)
    page.press("End")
    lines = page.page.evaluate(
        "scene.links.map(({ element }) => { const look = getComputedStyle(element);"
        " return [look.stroke, look.opacity]; })"
    )
    ground = page.page.evaluate("getComputedStyle(byId('view')).backgroundColor")
    assert min(contrast(stroke, ground) for stroke, _ in lines) >= 3.0


def test_the_current_box_and_its_source_differ_by_more_than_color(viewer: Opener) -> None:
    page = viewer(worked_example(), collapse=False)
    page.page.evaluate("goTo(34)")
    looks = [
        page.page.evaluate(
            "(where) => { const look = getComputedStyle(document.querySelector(where));"
            " return [parseFloat(look.strokeWidth), look.strokeDasharray]; }",
            where,
        )
        for where in (".node.current .box", ".node.source .box", ".node.output .box")
    ]
    assert looks[0] == [4.0, "none"]
    assert looks[1][1] != "none"
    assert looks[2][0] < 4.0
