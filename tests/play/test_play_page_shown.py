"""What the page shows is what the run says: numbers, colors, names that would like to be markup."""

from __future__ import annotations

import csv
import io
import json
import re

import numpy as np

from tests.play.playing import MOONS, Played, playing
from tests.replaying import HOSTILE, Tab
from tinygrad_mlp import no_grad
from tinygrad_mlp.engine import Value
from tinygrad_mlp.nn import MLP, Module
from viz._play.play_page import play_page
from viz._plots.plot_colors import contrast
from viz._run import messages
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings
from viz._style.themes import DARK, LIGHT


def trained(settings: RunSettings = MOONS, n_steps: int = 40) -> Run:
    run = Run(settings)
    run.take(n_steps)
    return run


def test_numbers_at_the_top_are_those_of_the_frame(tab: Tab) -> None:
    run = trained()
    now = run.measured()
    with playing(tab, run) as page:
        assert page.text("#fact-step") == "40"
        assert page.text("#fact-loss") == f"{now.loss:#.4g}"
        assert page.text("#fact-held-out-loss") == f"{now.held_out_loss:#.4g}"
        assert now.accuracy is not None and now.held_out_accuracy is not None
        assert page.text("#fact-accuracy") == f"{100 * now.accuracy:.1f} %"
        assert page.text("#fact-held-out-accuracy") == f"{100 * now.held_out_accuracy:.1f} %"
        for name, number in (("loss", now.loss), ("held-out-loss", now.held_out_loss)):
            title = page.page.get_attribute(f"#fact-{name}", "title") or ""
            assert float(title.rpartition(" ")[2]) == number, "to the last digit"


def test_a_frame_of_a_scene_that_is_not_here_yet_is_left_out(page: Played) -> None:
    page.page.evaluate("onFrame({ ...play.frame, version: play.frame.version + 1, step: 99 })")
    page.catch_up()
    assert page.text("#fact-step") == "0"


def test_the_curve_has_the_points_of_the_run(tab: Tab) -> None:
    run = trained()
    with playing(tab, run) as page:
        expected = messages.frame(run)["curve"]["points"]
        assert page.page.evaluate("curves.points") == expected
        page.do("epoch", "#epoch")
        assert page.page.evaluate("curves.points") == messages.frame(run)["curve"]["points"]
        page.do("rewind", "#rewind")
        assert page.page.evaluate("curves.points") == messages.frame(run)["curve"]["points"]


def outputs_of(model: Module, row: np.ndarray) -> list[Value]:
    outputs = model.forward([*row])
    return [outputs] if isinstance(outputs, Value) else [*outputs]


def answers(run: Run, X: np.ndarray) -> np.ndarray:
    """What the engine says of samples with the weights of now: the outputs before the head."""
    model = run.model
    for parameter, number in zip(model.parameters(), run.numbers()):
        parameter.data = float(number)
    model.eval()
    rows = X if run.samples.scaler is None else run.samples.scaler.transform(X)
    with no_grad():
        return np.array([[output.data for output in outputs_of(model, row)] for row in rows])


def shades(page: Played, shares: list[float]) -> list[list[int]]:
    """The colors of the plot on its diagonal from the upper left, at shares of it."""
    colors: list[list[int]] = page.page.evaluate(
        """(shares) => {
          const { width, height } = plot.map;
          const { data } = plot.map.getContext("2d").getImageData(0, 0, width, height);
          return shares.map((share) => {
            const x = Math.round(EDGE.left + 3 + share * (plot.room.width - 6));
            const y = Math.round(EDGE.top + 3 + share * (plot.room.height - 6));
            return Array.from(data.slice(4 * (y * width + x), 4 * (y * width + x) + 3));
          });
        }""",
        shares,
    )
    return colors


def test_the_shades_are_the_probabilities_of_the_engine(tab: Tab) -> None:
    run = trained(n_steps=200)
    with playing(tab, run) as page:
        grid = page.page.evaluate(
            "(() => { const {side, axes} = play.responses; return [side, axes[0], axes[1]]; })()"
        )
        side, across, up = grid
        xs = np.linspace(across["low"], across["high"], side)
        ys = np.linspace(up["high"], up["low"], side)
        points = np.array([[x, y] for y in ys for x in xs])
        expected = 1 / (1 + np.exp(-answers(run, points[:: side + 1])[:, 0]))
        found = np.array(page.page.evaluate("Array.from(play.answers.outputs)"))[:: side + 1]
        np.testing.assert_allclose(found, expected, atol=2e-6)
        ends = [float(found.argmax()) / (side - 1), float(found.argmin()) / (side - 1)]
        (red, _, blue), (red_first, _, blue_first) = shades(page, ends)
        assert blue > red, "the second class is blue, as what is positive"
        assert red_first > blue_first, "the first class is orange"


def test_the_formula_of_a_unit_has_its_weights(tab: Tab) -> None:
    run = trained()
    with playing(tab, run) as page:
        page.page.click("#unit-0-1")
        weights = run.numbers()
        layer = messages.scene(run)["network"]["layers"][0]
        at = layer["W"]["at"] + layer["W"]["row"]
        w1, w2 = weights[at], weights[at + 1]
        b = weights[layer["b"]["at"] + layer["b"]["row"]]
        text = page.text("#formula-text")
        found = re.fullmatch(r"h₁,₂ = (\w+)\((\S+) · x1 ([+-]) (\S+) · x2 ([+-]) (\S+)\)", text)
        assert found, text
        name, first, sign, second, sign_of_bias, bias = found.groups()
        assert name == layer["activation"]
        for number, shown in ((w1, first), (w2, sign + second), (b, sign_of_bias + bias)):
            np.testing.assert_allclose(float(shown), number, rtol=5e-4)
        for place, number in ((at, w1), (at + 1, w2)):
            typed = float(page.page.input_value(f"#weight-{place}"))
            assert np.float32(typed) == np.float32(number), "all digits of single precision"
        page.do("step", "#step")
        assert page.text("#formula-text") != text, "it follows the weights"


def test_a_weight_is_set_by_hand(tab: Tab) -> None:
    run = trained()
    with playing(tab, run) as page:
        page.page.click("#unit-1-0")
        at = messages.scene(run)["network"]["layers"][1]["W"]["at"]
        with page.obeyed("set_weight"):
            page.fill(f"#weight-{at}", "-2.5")
        page.catch_up()
        assert run.numbers()[at] == -2.5
        assert "-2.5 · h₁,₁" in page.text("#formula-text")
        with page.obeyed("set_weight"):
            page.fill(f"#weight-{at}", "many")
        page.wait("() => byId('formula-error').textContent !== ''")
        assert run.numbers()[at] == -2.5


def hostile_table() -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    labels = [label.replace("\0", "") for label in HOSTILE]
    writer.writerow([labels[0], labels[1], "kind"])
    for i in range(60):
        writer.writerow([i % 7, (i * i) % 5, labels[i % 3]])
    return text.getvalue()


def test_hostile_names_are_only_text(tab: Tab) -> None:
    run = Run(RunSettings("moons", n_samples=40, layers=(LayerSettings(3),)))
    run.load_csv(HOSTILE[1], hostile_table(), "kind")
    with playing(tab, run) as page:
        page.page.click("#unit-0-0")
        page.page.hover("#plot", position={"x": 150, "y": 150})
        page.do("step", "#step")
        assert page.text("#title") == HOSTILE[1]
        assert page.page.evaluate("window.hacked") is None
        assert page.page.evaluate("document.querySelectorAll('img, body script').length") == 2
        assert HOSTILE[0][:8] in page.text("#units")
        page.page.click("#formula-close")


def test_what_went_wrong_and_advice_are_said(tab: Tab) -> None:
    run = Run(MOONS)
    run.set("learning_rate", 1e6)
    run.set("optimizer", "sgd")
    run.set_layer(0, activation="relu")
    run.take(300)
    assert run.remark
    with playing(tab, run) as page:
        assert page.text("#remark") == run.remark.replace("−", "-")
        assert page.page.is_visible("#remark")
        assert page.page.is_visible("#advice") == bool(run.advice)
        page.page.evaluate(
            "onFrame({ ...play.frame, advice: 'Lower the <b>rate</b>.', remark: '' })"
        )
        page.wait("() => changed.size === 0")
        assert page.text("#advice") == "Lower the <b>rate</b>."
        assert page.page.is_hidden("#remark")


def test_a_model_of_a_person_keeps_its_layers_and_data(tab: Tab) -> None:
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 5)
    run = Run.of_model(MLP(2, [3, 1], activation="tanh", rng=0), X, [0, 1, 1, 0] * 5)
    with playing(tab, run) as page:
        assert page.page.text_content("#fixed") == run.fixed
        for selector in ("#more-0", "#settings-0", "#seed", "#csv", "#restarts"):
            assert page.page.locator(selector).count() == 0 or page.page.is_hidden(selector)
        assert page.page.is_disabled("#data-name")
        page.do("step", "#step")
        with page.obeyed("set") as response:
            page.fill("#set-learning_rate", "0.5")
        assert response.value.json()["ok"]
        page.page.click("#unit-1-0")
        assert page.text("#formula-text").startswith("ŷ = ")


def test_a_recorded_page_holds_hostile_names_as_letters() -> None:
    page = play_page("recorded", {"title": HOSTILE[0]}, title=HOSTILE[0])
    assert page.count("</script>") == 2
    assert "window.hacked" not in page.partition("<body")[0].partition("<style>")[0].replace(
        "&lt;/script&gt;&lt;script&gt;window.hacked", ""
    )


def test_letters_stand_out_from_their_ground() -> None:
    for theme in (LIGHT, DARK):
        for ground in (theme.frame, theme.background):
            inks = [theme.text, theme.muted, theme.gradient, theme.roles["parameter"].ink]
            assert all(contrast(ink, ground) >= 4.5 for ink in inks)
            assert contrast(theme.outline, ground) >= 3.0, "borders of controls"
            assert contrast(theme.accent, ground) >= 3.0, "the ring of the focus"


def test_the_policy_names_every_script_and_nothing_else() -> None:
    policies = {
        channel: re.search(r'Content-Security-Policy" content="([^"]+)"', play_page(channel))
        for channel in ("server", "widget")
    }
    for policy in policies.values():
        assert policy
        assert policy[1].startswith("default-src 'none';")
        assert "unsafe" not in policy[1]
    assert policies["server"] and "connect-src 'self'" in policies["server"][1]
    assert policies["widget"] and "connect-src" not in policies["widget"][1]


def test_images_show_the_answer_for_each(tab: Tab) -> None:
    run = trained(RunSettings("digits", layers=(LayerSettings(4),), n_samples=100), 30)
    with playing(tab, run) as page:
        scene = json.loads(page.page.evaluate("JSON.stringify(play.scene)"))
        chosen = page.page.evaluate("play.responses.chosen")
        assert all(scene["points"]["held_out"][index] for index in chosen)
        said = page.page.locator("#gallery .image span").all_text_contents()
        few = list(zip(chosen, said, strict=True))[:5]
        engine = answers(run, np.array([scene["points"]["X"][index] for index, _ in few]))
        for (index, answer), outputs in zip(few, engine, strict=True):
            best = int(outputs.argmax())
            assert answer.removeprefix("✗ ") == str(best)
            assert answer.startswith("✗") == (best != scene["points"]["y"][index])
        right = sum(not answer.startswith("✗") for answer in said)
        assert page.text("#gallery-note") == f"{right} of these {len(said)} right"
        page.page.locator("#gallery .image").nth(2).click()
        page.wait("() => changed.size === 0")
        assert page.page.evaluate("gallery.looked") == 2
        assert page.page.get_attribute("#gallery .image:nth-child(3)", "aria-pressed") == "true"
