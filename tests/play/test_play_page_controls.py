"""What a person steers on the page: the run follows, and so does the page."""

from __future__ import annotations

from pathlib import Path

from tests.play.playing import MOONS, Played
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings


def test_buttons_take_steps_and_epochs_on_and_back(page: Played) -> None:
    page.do("step", "#step")
    assert page.run.step == 1
    page.do("epoch", "#epoch")
    assert page.run.step == 6, "30 samples to train on in batches of 5"
    page.do("back", "#back")
    assert page.run.step == 5
    assert page.text("#fact-step") == "5"
    assert page.text("#fact-epoch") == "0.83"
    page.do("rewind", "#rewind")
    assert page.run.step == 0
    assert page.page.get_attribute("#back", "aria-disabled") == "true"


def test_play_trains_until_pause(page: Played) -> None:
    assert page.page.get_attribute("#play", "aria-label") == "Play"
    with page.obeyed("play"):
        page.page.click("#play")
    page.wait("() => play.frame.step > 3 && play.frame.playing")
    assert page.page.get_attribute("#play", "aria-label") == "Pause"
    page.do("pause", "#play")
    page.wait("() => !play.frame.playing")
    assert page.page.get_attribute("#play", "aria-label") == "Play"
    assert page.text("#live").startswith(f"Paused at step {page.run.step}")


def test_the_speed_goes_with_play(page: Played) -> None:
    page.page.select_option("#speed", "25")
    with page.obeyed("play") as response:
        page.page.click("#play")
    assert response.value.request.post_data_json == {"do": "play", "speed": 25}
    with page.obeyed("play") as response:
        page.page.select_option("#speed", "")
    assert response.value.request.post_data_json == {"do": "play", "speed": None}
    page.do("pause", "#play")


def test_the_slider_goes_to_steps_behind_and_ahead(shared_page: Played) -> None:
    run = Run(MOONS)
    run.take(12)
    with shared_page.on(run) as page:
        run = page.run
        assert page.page.get_attribute("#slider", "max") == "12"
        for step in (4, 9):
            with page.obeyed("go_to"):
                page.page.fill("#slider", str(step))
            page.at(step)
            assert run.step == step
            assert page.page.input_value("#slider") == str(step)
            assert page.page.get_attribute("#slider", "max") == "12"


def test_settings_change_in_flight(shared_page: Played) -> None:
    changes = {
        "learning_rate": ("0.25", 0.25),
        "batch_size": ("7", 7),
        "l1": ("0.001", 0.001),
        "l2": ("1e-4", 0.0001),
        "noise": ("0,3", 0.3),
    }
    run = Run(MOONS)
    run.take(3)
    with shared_page.on(run) as page:
        run = page.run
        for name, (typed, value) in changes.items():
            with page.obeyed("set"):
                page.fill(f"#set-{name}", typed)
            page.catch_up()
            assert getattr(run.settings, name) == value
            assert page.page.input_value(f"#set-{name}") == str(value)
        with page.obeyed("set"):
            page.page.select_option("#set-optimizer", "rmsprop")
        with page.obeyed("set"):
            page.fill("#set-batch_size", "all")
        page.catch_up()
        assert run.settings.optimizer == "rmsprop"
        assert run.settings.batch_size is None
        assert page.page.input_value("#set-batch_size") == ""
        assert run.step == 3, "none of these begins anew"


def test_other_samples_begin_anew(shared_page: Played) -> None:
    run = Run(MOONS)
    run.take(3)
    with shared_page.on(run) as page:
        run = page.run
        with page.obeyed("set"):
            page.fill("#set-n_samples", "60")
        with page.obeyed("set"):
            page.fill("#set-held_out", "0.5")
        page.catch_up()
        assert (run.settings.n_samples, run.settings.held_out, run.step) == (60, 0.5, 0)


def test_what_is_refused_is_said_beside_the_setting(page: Played) -> None:
    before = page.run.settings
    for typed in ("abc", "-1", ""):
        with page.obeyed("set") as response:
            page.fill("#set-learning_rate", typed)
        reason = response.value.json()["error"]
        assert reason.startswith("the learning rate is ")
        page.wait("(reason) => byId('set-learning_rate-error').textContent === reason", reason)
        assert page.page.get_attribute("#set-learning_rate", "aria-invalid") == "true"
        assert page.page.get_attribute("#set-learning_rate-error", "role") == "status"
        assert page.run.settings == before
    with page.obeyed("set"):
        page.fill("#set-learning_rate", "0.5")
    page.wait("() => byId('set-learning_rate').getAttribute('aria-invalid') === 'false'")
    assert page.text("#set-learning_rate-error") == ""


def test_layers_and_units_come_and_go(page: Played) -> None:
    page.do("layer", "#more-0")
    assert page.run.settings.layers[0].units == 4
    assert page.page.locator("[id^='unit-0-']").count() == 4
    page.do("layer", "#fewer-0")
    assert page.run.settings.layers[0].units == 3
    page.page.click("#settings-1")
    page.do("add_layer", "#add-layer")
    assert len(page.run.settings.layers) == 2
    assert page.page.locator("[id^='activation-']").count() == 2
    page.page.click("#settings-0")
    page.do("remove_layer", "#remove-layer")
    assert len(page.run.settings.layers) == 1


def test_a_layer_has_an_activation_first_weights_and_dropout(page: Played) -> None:
    with page.obeyed("layer"):
        page.page.select_option("#activation-0", "relu")
    page.catch_up()
    page.page.click("#settings-0")
    with page.obeyed("layer"):
        page.fill("#dropout", "0.2")
    page.catch_up()
    with page.obeyed("layer"):
        page.page.select_option("#initializer", "he_normal")
    page.catch_up()
    layer = page.run.settings.layers[0]
    assert (layer.activation, layer.dropout, layer.initializer) == ("relu", 0.2, "he_normal")
    page.press("Escape")
    page.wait("() => document.activeElement.id === 'settings-0'")  # the button that opened it
    page.press("Enter")
    assert page.page.input_value("#dropout") == "0.2"


def test_features_are_switched_on_and_off(page: Played) -> None:
    square = page.page.get_by_role("button", name="Feature x1^2", exact=True)
    assert square.get_attribute("aria-pressed") == "false"
    with page.obeyed("feature"):
        square.click()
    page.catch_up()
    assert [*page.run.settings.features] == ["x1", "x2", "x1^2"]
    assert square.get_attribute("aria-pressed") == "true"
    with page.obeyed("feature"):
        page.page.get_by_role("button", name="Feature x2", exact=True).click()
    page.catch_up()
    assert [*page.run.settings.features] == ["x1", "x1^2"]


def test_another_data_set_and_other_columns_of_it(page: Played) -> None:
    assert page.page.is_hidden("#columns")
    with page.obeyed("data"):
        page.page.select_option("#data-name", "iris")
    page.catch_up()
    assert page.text("#title") == "iris"
    assert page.page.is_hidden("#set-noise"), "measured data have no noise that one sets"
    with page.obeyed("columns"):
        page.page.select_option("#column-y", "3")
    page.catch_up()
    assert page.run.settings.columns == (0, 3)
    assert page.page.input_value("#column-y") == "3"


def test_new_initial_weights(page: Played) -> None:
    before = page.run.numbers()
    page.do("seed", "#seed")
    assert (page.run.numbers() != before).any()


KINDS = ["a", "b"]
TABLE = "width,length,kind\n" + "\n".join(f"{i % 7},{i % 5},{KINDS[i % 2]}" for i in range(24))


NUMBERS = "width,length,weight\n" + "\n".join(f"{i % 7},{i % 5},{i}" for i in range(24))


def test_a_table_by_the_button(page: Played, tmp_path: Path) -> None:
    path = tmp_path / "leaves.csv"
    path.write_text(TABLE)
    assert page.page.get_attribute("#feature-4", "title") == "x1*x2"
    with page.obeyed("csv"):
        page.page.set_input_files("#csv", path)
    page.catch_up()
    assert page.text("#title") == "leaves.csv"
    assert page.run.settings.data == "table"
    assert page.page.get_attribute("#feature-4", "title") == "x1*x2 of width and length"
    assert "leaves.csv is read" in page.text("#notice")
    page.page.click("#unit-0-0")
    page.wait("() => byId('exact-text').textContent !== ''")  # the page asked for all digits
    assert page.page.is_visible("#notice"), "nobody has gone on yet"
    page.do("step", "#step")
    assert page.page.is_hidden("#notice"), "it is about what was before"


def drop(page: Played, name: str, text: str) -> None:
    page.page.evaluate(
        """([name, text]) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], name));
          const options = { dataTransfer, bubbles: true, cancelable: true };
          document.body.dispatchEvent(new DragEvent("dragover", options));
          window.wasDropping = document.body.classList.contains("dropping");
          document.body.dispatchEvent(new DragEvent("drop", options));
        }""",
        [name, text],
    )


def test_a_table_that_is_dropped(page: Played) -> None:
    with page.obeyed("csv"):
        drop(page, "leaves.csv", TABLE)
    page.catch_up()
    assert page.page.evaluate("window.wasDropping") is True
    assert page.page.evaluate("document.body.classList.contains('dropping')") is False
    assert page.text("#title") == "leaves.csv"


def test_another_column_of_a_table_is_predicted(page: Played) -> None:
    with page.obeyed("csv"):
        drop(page, "leaves.csv", NUMBERS)
    page.catch_up()
    assert page.page.input_value("#target-name") == "weight"
    with page.obeyed("csv"):
        page.page.select_option("#target-name", "length")
    page.catch_up()
    assert page.run.settings.table is not None
    assert page.run.settings.table.target == "length"
    assert page.page.input_value("#target-name") == "length"


def test_a_table_that_cannot_be_read_says_why_and_changes_nothing(page: Played) -> None:
    with page.obeyed("csv") as response:
        drop(page, "leaves.csv", "only one line")
    reason = response.value.json()["error"]
    page.page.wait_for_selector("#notice.error")
    assert page.page.text_content("#notice-text") == reason
    assert page.text("#title") == "moons"
    page.page.click("#notice-close")
    assert page.page.is_hidden("#notice")


def test_two_classes_and_a_regression(shared_page: Played) -> None:
    run = Run(RunSettings("moons", n_samples=40, layers=(LayerSettings(3),)))
    run.load_csv("line.csv", "x,y\n" + "\n".join(f"{i},{2 * i}" for i in range(20)))
    with shared_page.on(run) as page:
        assert page.page.evaluate("play.responses.kind") == "line"
        assert page.page.is_hidden("#brushes")
        assert page.page.is_hidden("#fact-accuracy")
