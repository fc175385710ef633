"""Everybody reaches everything: by keyboard, by screen reader, on a phone; and hidden pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.play.playing import MOONS, Played, playing
from tests.play.serving import wait_until
from tests.replaying import PHONE, Tab
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings

ROLES = {
    *("button", "checkbox", "combobox", "textbox", "radio", "slider", "application", "link"),
    "DisclosureTriangle",
}


def controls(page: Played) -> list[tuple[str, str]]:
    """Role and name of each control in the accessibility tree."""
    protocol = page.page.context.new_cdp_session(page.page)
    nodes: list[dict[str, Any]] = protocol.send("Accessibility.getFullAXTree")["nodes"]
    protocol.detach()
    return [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in ROLES
    ]


def test_every_control_has_a_name(shared_page: Played) -> None:
    run = Run(RunSettings("digits", layers=(LayerSettings(3), LayerSettings(2))))
    with shared_page.on(run) as page:
        found = controls(page)
        for data in ("moons", "iris"):
            with page.obeyed("data"):
                page.page.select_option("#data-name", data)
            page.catch_up()
            found += controls(page)
        page.page.click("#settings-0")
        found += controls(page)
        page.page.click("#open-export")
        found += controls(page)
        page.page.click("#unit-0-0")
        found += controls(page)
        roles = {role for role, _ in found}
        assert {"button", "combobox", "textbox", "slider", "radio", "application"} <= roles
        assert [role for role, name in found if not name.strip()] == []
        names = {name for role, name in found if role == "button"}
        assert {"Play", "One step", "One epoch", "One step back"} <= names
        assert {"Layer 1: one unit more", "Close the formula", "Feature x1^2"} <= names


def test_the_tab_key_reaches_every_control(tab: Tab) -> None:
    with playing(tab) as page:
        reachable = page.page.evaluate(
            """() => [...document.querySelectorAll("button, select, input, [tabindex='0']")]
              .filter((element) => element.checkVisibility({ visibilityProperty: true }))
              .filter((element) => element.type !== "radio" || element.checked)
              .filter((element) => element.tabIndex >= 0)
              .map((element) => element.id || element.dataset.export || element.textContent)"""
        )
        visited = []
        rings = []
        for _ in range(len(reachable) + 3):
            page.press("Tab")
            name, ring = page.page.evaluate(
                """() => {
                  const here = document.activeElement;
                  const around = here.closest(".file, .brush") ?? here;
                  const { outlineStyle, outlineWidth } = getComputedStyle(around);
                  const name = here.id || here.dataset?.export || here.textContent;
                  return [name, `${outlineStyle} ${outlineWidth}`];
                }"""
            )
            visited.append(name)
            if name in reachable:
                rings.append(ring)
        assert {*reachable} <= {*visited}
        assert {*rings} == {"solid 3px"}, "each shows that it has the focus"


def test_arrows_go_from_unit_to_unit(shared_page: Played) -> None:
    run = Run(RunSettings("moons", n_samples=40, layers=(LayerSettings(3), LayerSettings(2))))
    with shared_page.on(run) as page:
        run = page.run
        page.page.focus("#unit-0-0")
        places = []
        for key in ("Down", "Down", "Down", "Right", "Up", "Right", "Right", "Left", "Left"):
            page.press(f"Arrow{key}")
            places.append(page.page.evaluate("document.activeElement.id"))
        assert places == [
            *("unit-0-1", "unit-0-2", "unit-0-2", "unit-1-1", "unit-1-0"),
            *("unit-2-0", "unit-2-0", "unit-1-0", "unit-0-0"),
        ]
        page.press("ArrowLeft")
        assert page.page.evaluate("document.activeElement.id") == "feature-0"
        page.page.focus("#unit-0-2")
        page.press("Shift+Tab", "Tab")
        assert page.page.evaluate("document.activeElement.id") == "unit-0-2"
        assert run.step == 0, "the arrows took no step"


def test_arrows_go_from_image_to_image(shared_page: Played) -> None:
    run = Run(RunSettings("digits", layers=(LayerSettings(2),)))
    with shared_page.on(run) as page:
        page.page.evaluate("gallery.choose(0)")  # the page may have shown digits before
        page.page.focus("#gallery [tabindex='0']")
        page.press("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowRight")
        page.wait("() => changed.size === 0")
        assert page.page.evaluate("gallery.looked") == 2
        assert page.page.get_attribute("#gallery :focus", "aria-pressed") == "true"


def test_keys_steer_the_training(shared_page: Played) -> None:
    run = Run(MOONS)
    with shared_page.on(run) as page:
        for key, step in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
            page.press(key)
            page.at(step)
        page.press("Shift+ArrowRight")
        page.at(6)
        page.press("Home")
        page.at(0)
        page.press("Space")
        page.wait("() => play.frame.playing")
        page.press("Space")
        page.wait("() => !play.frame.playing")
        page.press("?")
        assert page.page.is_visible("#help")
        page.press("Escape")
        assert page.page.is_hidden("#help")


def test_keys_that_write_a_number_do_not_train(page: Played) -> None:
    page.page.focus("#set-l2")
    page.press("ArrowRight", "Home", "Space")
    page.page.focus("#plot")
    page.press("ArrowRight")
    page.do("step", "#step")
    assert page.run.step == 1


def test_a_unit_opens_by_enter_and_gives_the_focus_back(page: Played) -> None:
    page.page.focus("#unit-0-2")
    page.press("Enter")
    assert page.text("#formula-name") == "Layer 1, unit 3"
    page.page.focus("#formula-close")
    page.press("Enter")
    assert page.page.is_hidden("#formula")
    assert page.page.evaluate("document.activeElement.id") == "unit-0-2"


def test_the_focus_stays_where_it_is_while_the_network_changes(page: Played) -> None:
    page.page.focus("#more-0")
    with page.obeyed("layer"):
        page.press("Enter")
    page.catch_up()
    assert page.page.evaluate("document.activeElement.id") == "more-0"


@pytest.mark.parametrize("size", [(1920, 1080), (1101, 700), (1024, 768), (780, 900)])
def test_nothing_overlaps_or_is_cut_off_at_other_widths(tab: Tab, size: tuple[int, int]) -> None:
    run = Run(RunSettings("moons", n_samples=40, layers=(LayerSettings(3),)))
    with playing(tab, run, size) as page:
        assert page.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        aside = page.page.evaluate(
            """() => ["network-area", "settings", "results"].filter((id) => {
              const { scrollWidth, clientWidth } = byId(id);
              return scrollWidth > clientWidth;
            })"""
        )
        assert aside == []
        overlapping = page.page.evaluate(
            """() => {
              const boxOf = (element) => {
                const range = document.createRange();
                range.selectNodeContents(element);
                return (element.matches("label") ? range : element).getBoundingClientRect();
              };
              const apart = (one, other) => one.right <= other.left + 0.5
                || one.left >= other.right - 0.5 || one.bottom <= other.top + 0.5
                || one.top >= other.bottom - 0.5;
              const parts = document.querySelectorAll(".field label, .field input, .field select");
              const seen = [...parts].filter((element) => element.checkVisibility());
              return seen.flatMap((one, at) => seen.slice(0, at)
                .filter((other) => !apart(boxOf(one), boxOf(other)))
                .map((other) => [one.id || one.textContent, other.id || other.textContent]));
            }"""
        )
        assert overlapping == []


def test_a_phone_reaches_everything_without_scrolling_aside(tab: Tab) -> None:
    run = Run(RunSettings("spirals", layers=(LayerSettings(16), LayerSettings(16))))
    with playing(tab, run, PHONE) as page:
        assert page.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        outside = page.page.evaluate(
            """() => [...document.querySelectorAll("button, select, input, [tabindex='0'], .name")]
              .filter((element) => element.checkVisibility({ visibilityProperty: true }))
              .filter((element) => {
                element.scrollIntoView({ block: "center", inline: "center" });
                const { left, right, top, bottom } = element.getBoundingClientRect();
                return left < -0.5 || right > innerWidth + 0.5 || top < 0 || bottom > innerHeight;
              })
              .map((element) => element.id || element.textContent)"""
        )
        assert outside == []
        small = page.page.evaluate(
            """() => [...document.querySelectorAll("button, select, input:not([type=file])")]
              .filter((element) => element.type !== "radio")
              .filter((element) => element.checkVisibility({ visibilityProperty: true }))
              .filter((element) => {
                const { width, height } = element.getBoundingClientRect();
                return width < 24 || height < 24;
              })
              .map((element) => element.id)"""
        )
        assert small == [], "a finger meets them"


def hide(page: Played, is_hidden: bool) -> None:
    page.page.evaluate(
        """(isHidden) => {
          Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


def test_a_hidden_page_has_no_stream_and_catches_up_later(tab: Tab) -> None:
    with playing(tab) as page:
        assert page.page.evaluate("play.channel.stream.readyState") == 1
        hide(page, True)
        assert page.page.evaluate("play.channel.stream") is None
        page.run.take(5)
        hide(page, False)
        page.at(5)


def test_a_hidden_page_says_that_it_is_there(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viz._play.streams.HEARTBEAT", 0.25)  # by which a closed stream is found
    with playing(tab) as page:
        assert page.serving
        pages = page.serving.served.pages
        name = page.page.evaluate("play.channel.page")
        hide(page, True)
        wait_until(lambda: pages._there_until.get(name, 0.0) > pages._clock() + 100.0)
        wait_until(lambda: pages._streams[name] is None)
        assert not pages.are_lost()
        page.page.goto("about:blank")  # what is left hidden is left
        wait_until(lambda: not pages._streams)
        assert not pages.hidden(name)


def test_a_page_says_goodbye_when_it_is_left(tab: Tab) -> None:
    with playing(tab) as page:
        assert page.serving
        assert page.serving.served.pages.seconds_left() == float("inf")
        page.page.goto("about:blank")
        page.serving.thread.join(0.0)
        for _ in range(100):
            if page.serving.served.pages.seconds_left() < float("inf"):
                break
            page.page.wait_for_timeout(20)
        assert page.serving.served.pages.seconds_left() <= 5.0


def test_a_lost_connection_is_said(shared_page: Played) -> None:
    with shared_page.on() as page:
        page.page.evaluate("play.channel.stream.dispatchEvent(new Event('error'))")
        assert "connection to the training is lost" in page.text("#status")
        page.page.evaluate("play.channel.stream.dispatchEvent(new Event('open'))")
        assert page.page.is_hidden("#status")
