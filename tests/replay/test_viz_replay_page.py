"""What is written into the page of a replay: data and parts, without a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import viz
from tests.replaying import HOSTILE, chain_network, network_loss, recorded
from tests.seen_colors import contrast
from tinygrad_mlp.debug import names_of, trace_backward, worked_example
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, NotANumberError
from tinygrad_mlp.functional import mean
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.ops import CONSTANT
from viz._replay.stepper import replay_page
from viz._style.themes import THEMES, Theme


def numbers_of(content: dict[str, Any], places: list[int]) -> list[str]:
    numbers = content["numbers"].split(" ")
    return [numbers[place] for place in places]


def exact(number: str) -> float:
    """All digits of a number of the page."""
    return float(number.rsplit("|", maxsplit=1)[-1])


def test_the_steps_are_those_of_backward() -> None:
    loss = worked_example()
    content = recorded(replay_page(loss))
    steps = content["steps"]
    order = topological_order(loss)
    loss.backward()
    numbers = content["numbers"].split(" ")
    last = {order[node].parents[place]: exact(numbers[after]) for node, place, after, *_ in steps}
    receivers = [node for node in order if node is not loss and node.op is not CONSTANT]
    assert last == {node: node.grad for node in receivers}
    uses = [parent for node in order for parent in node.parents]
    assert len(steps) == len([parent for parent in uses if parent.op is not CONSTANT])


def test_the_graph_stays_as_it_was() -> None:
    loss = worked_example()
    order = topological_order(loss)
    fresh = replay_page(loss)
    assert not any(node.has_grad for node in order)
    loss.backward()
    loss.backward()
    before = [node.grad for node in order]
    assert replay_page(loss) == fresh, "the page starts from no gradients, whatever there is"
    assert [node.grad for node in order] == before


def test_the_page_needs_no_other_file() -> None:
    page = replay_page(worked_example())
    addresses = set(re.findall(r"\w+://[^\s\"']+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of SVG, which nobody fetches
    assert not re.search(r"<link|<iframe|@import|\bsrc=|\bhref=|url\((?!#)|fetch\(|import\(", page)
    assert "default-src 'none'" in page


def test_the_parts_of_the_page_are_put_in_once() -> None:
    assert "{{" not in replay_page(worked_example())


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_label_cannot_leave_its_place(label: str) -> None:
    harmless = replay_page(Value(2.0, label="a") * 3.0, title="T")
    page = replay_page(Value(2.0, label=label) * 3.0, title="T")
    assert page.count("<") == harmless.count("<")
    assert page.isprintable() or not set(page) & set("\x00\u2028\u2029")
    assert recorded(page)["codes"][0] == names_of([Value(2.0, label=label)]).popitem()[1]


def test_a_page_of_five_hundred_nodes_is_small() -> None:
    dense, deep = network_loss([16, 16, 4]), chain_network([3, 14, 14, 8, 1])
    for loss in (dense, deep):
        assert 470 < len(topological_order(loss)) < 520
        for names in ("math", "code"):
            assert len(replay_page(loss, names=names).encode()) < 300_000


def test_a_page_of_several_samples_is_small() -> None:
    model = MLP(2, [8, 8, 1], activation="tanh", rng=0)
    samples = [[0.1 * i + 0.01, 0.3 - 0.07 * i] for i in range(10)]
    for label in ("", "a rather long label of an error, in words"):
        errors = [(model(sample) - 0.37).square() for sample in samples]
        for error in errors:
            error.label = label
        loss = mean(errors)
        assert 480 < len(topological_order(loss)) < 520
        assert len(replay_page(loss).encode()) < 300_000


def test_a_hostile_title_is_text() -> None:
    page = replay_page(Value(2.0), title=HOSTILE[0])
    assert page.count("<script") == 2
    assert "&lt;/script&gt;" in page


def test_numbers_that_json_does_not_know() -> None:
    zero = Value(0.0, label="zero")
    content = recorded(replay_page(zero.log() * zero))
    assert numbers_of(content, content["data"]) == ["0", "−inf|-inf", "nan"]


def test_the_file_is_written(tmp_path: Path) -> None:
    path = viz.replay(worked_example(), tmp_path / "pages" / "backprop.html", title="A title")
    assert "<h1>A title</h1>" in path.read_text(encoding="utf-8")


def test_a_graph_that_is_too_big_is_refused() -> None:
    with pytest.raises(GraphError, match="max_nodes=31"):
        replay_page(worked_example(), max_nodes=30)


def test_only_a_value_is_replayed() -> None:
    with pytest.raises(NotANumberError, match=r"viz\.replay\(outputs\[0\]"):
        replay_page([worked_example()])  # type: ignore[arg-type]


def test_neurons_are_boxes_that_nothing_looks_into() -> None:
    content = recorded(replay_page(network_loss([3, 2])))
    groups = content["groups"]
    assert [group["code"] for group in groups] == [
        *(f"layers.0.neurons.{i}" for i in range(3)),
        *(f"layers.1.neurons.{i}" for i in range(2)),
    ]
    assert {group["formula"] for group in groups} == {"relu(w·x + b)", "w·x + b"}
    for group in groups:
        inside = set(group["members"]) - {group["head"]}
        users = {i for i, parents in enumerate(content["parents"]) if inside & set(parents)}
        assert users <= set(group["members"])


def test_a_weight_that_two_samples_share_stands_outside() -> None:
    model = MLP(1, [2, 1], rng=0)
    loss = (model.forward([1.0])[0] - model.forward([2.0])[0]).square()
    content = recorded(replay_page(loss))
    inside = {member for group in content["groups"] for member in group["members"]}
    roles = [content["kinds"][i] for i in content["roles"]]
    shared = {i for i, role in enumerate(roles) if role == "parameter"}
    assert content["groups"], "the sum and the activation still form a box"
    assert not inside & shared


def test_constants_are_no_steps() -> None:
    x = Value(3.0, label="x")
    content = recorded(replay_page(0.5 * x**2))
    names = content["codes"]
    constants = set(content["constant"])
    assert set(numbers_of(content, [content["data"][i] for i in constants])) == {"0.5", "2"}
    parents = [content["parents"][node][place] for node, place, *_ in content["steps"]]
    assert not constants & set(parents)
    assert [names[i] for i in parents].count("x") == 1


def test_a_constant_with_a_label_has_steps_as_in_the_step_log() -> None:
    half = Value(1.0) * 0.5
    half.parents[1].label = "half"
    loss = half * 2.0
    content = recorded(replay_page(loss))
    constants = numbers_of(content, [content["data"][i] for i in content["constant"]])
    assert constants == ["2"]
    assert len(content["steps"]) == len(trace_backward(loss)) == 3


def test_what_has_no_label_is_called_after_its_neuron() -> None:
    loss = (MLP(2, [2, 1], activation="tanh", rng=0).forward([1.0, 2.0])[0] - 1.0).square()
    content = recorded(page := replay_page(loss))
    names = set(content["codes"])
    inside = {f"layers.0.neurons.{i}.{part}" for i in range(2) for part in ("net", "out")}
    assert inside | {"layers.1.neurons.0.net", "L"} < names
    assert "<h1>Backpropagation of L</h1>" in page


def test_names_that_are_taken_get_a_number() -> None:
    model = MLP(1, [1], activation="tanh", rng=0)
    one, two = (model.forward([x])[0] for x in (1.0, 2.0))
    content = recorded(replay_page(one * two * Value(1.0, label="L")))
    names = content["codes"]
    assert len(names) == len(set(names))
    assert {"layers.0.neurons.0.net", "layers.0.neurons.0.net#2", "L#2"} < set(names)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_words_stand_out_from_their_ground(theme: Theme) -> None:
    """A contrast of 4.5 to 1, as the web's guidelines for accessibility ask for."""
    words = [theme.text, theme.muted, theme.gradient]
    words += [theme.roles["parameter"].ink, theme.roles["input"].ink]
    for ground in (theme.background, theme.frame):
        assert min(contrast(word, ground) for word in words) >= 4.5
    for paint in theme.roles.values():
        assert contrast(theme.text, paint.fill) >= 4.5
        assert contrast(theme.muted, paint.fill) >= 4.5
        assert contrast(theme.gradient, paint.fill) >= 4.5
    for line in (theme.line, theme.muted, theme.gradient, theme.accent):
        assert contrast(line, theme.background) >= 3.0


def test_a_graph_of_more_than_a_few_neurons_starts_collapsed() -> None:
    assert recorded(replay_page(network_loss([4, 1])))["collapsed"]
    assert not recorded(replay_page(worked_example()))["collapsed"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"collapse": "no"}, r"collapse is 'no', but True or False is needed: .*collapse=True"),
        ({"max_nodes": "9"}, r"max_nodes is '9', but a whole number of at least 1 is needed"),
        ({"max_nodes": 0}, r"max_nodes is 0, .*: max_nodes=1000"),
        ({"title": 3}, r"title is 3, but a text is needed: title='Backpropagation of L'"),
    ],
)
def test_an_option_of_another_kind_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        replay_page(worked_example(), **wrong)
