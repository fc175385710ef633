"""The API reference of the book: every public name is in it, with all that its docstring says."""

from __future__ import annotations

import html
import re
from pathlib import Path
from types import ModuleType
from typing import Protocol

import pytest

from tests.course.reading import Addresses
from tests.running import run_python
from tests.source_files import ROOT, module_files
from tinygrad_mlp import Value, nn, optim, training
from tinygrad_mlp._course._api_pages import address_of, api_pages
from tinygrad_mlp._course._assigned import assignment_of
from tinygrad_mlp._course._code_links import imported_names, linked
from tinygrad_mlp._course._docstrings import Block, Section, read_docstring
from tinygrad_mlp._course._frame import colored
from tinygrad_mlp._course._public_names import Entry, PublicNames
from tinygrad_mlp._course._signatures import returned, signature_of


@pytest.fixture(scope="module")
def names() -> PublicNames:
    return PublicNames(("tinygrad_mlp", "viz"))


@pytest.fixture(scope="module")
def pages(names: PublicNames) -> dict[str, str]:
    return api_pages(names)


def plain(page: str) -> str:
    """The text of a page."""
    return html.unescape(re.sub(r"<[^>]+>", "", page))


def squeezed(text: str) -> str:
    return " ".join(text.split())


def all_entries(names: PublicNames) -> list[tuple[str, Entry]]:
    return [(module, entry) for module in names.modules for entry in names.entries(module)]


def test_every_module_without_an_underscore_has_a_page(
    names: PublicNames, pages: dict[str, str]
) -> None:
    public = {name for name in module_files() if "._" not in f".{name}"}
    assert set(names.modules) == public
    assert set(pages) == {"index.html"} | {f"{name}.html" for name in public}


def test_every_public_name_has_an_entry(names: PublicNames, pages: dict[str, str]) -> None:
    n_names = 0
    for module, loaded in names.modules.items():
        for name in loaded.__all__:
            if name.startswith("__"):
                continue
            home = names.home_of(f"{module}.{name}")
            assert home is not None, f"{module}.{name}"
            file, _, anchor = address_of(names, home).partition("#")
            assert not anchor or f"id='{anchor}'" in pages[file], home
            assert f"'{address_of(names, home)}'" in pages[f"{module}.html"], "its module names it"
            assert f"'{address_of(names, home)}'" in pages["index.html"]
            assert names.entry(home).docstring.summary, f"{home} says nothing"
            n_names += 1
    assert n_names > 350


def test_a_name_of_several_modules_is_at_home_where_it_belongs(names: PublicNames) -> None:
    homes = {
        "tinygrad_mlp.MLP": "tinygrad_mlp.nn.MLP",
        "tinygrad_mlp.Value": "tinygrad_mlp.engine.Value",
        "tinygrad_mlp.dot": "tinygrad_mlp.functional.dot",
        "tinygrad_mlp.fit": "tinygrad_mlp.training.fit",
        "tinygrad_mlp.ops.OPS": "tinygrad_mlp.op.OPS",
        "tinygrad_mlp.nn.INITIALIZERS": "tinygrad_mlp.nn.init.INITIALIZERS",
        "viz.plots": "viz.plots",
    }
    assert {path: names.home_of(path) for path in homes} == homes
    assert names.home_of("tinygrad_mlp.nothing") is None
    first = ["Activation", "activation_named", "ACTIVATIONS"]
    assert names.names("tinygrad_mlp.nn")[:3] == first, "in the order of the alphabet"
    for path in names._homes:
        thing = getattr(names.modules[path.rpartition(".")[0]], path.rpartition(".")[2])
        home = names.home_of(path)
        assert home is not None
        module, _, name = home.rpartition(".")
        assert getattr(names.modules[module], name) is thing


def test_nothing_of_a_docstring_is_lost(names: PublicNames, pages: dict[str, str]) -> None:
    """Each line of it stands on the page, but for the marks of its sections."""
    import inspect

    for module, entry in all_entries(names):
        thing = getattr(names.modules[module], entry.name)
        if not (inspect.isclass(thing) or inspect.isroutine(thing)):
            continue
        text = squeezed(plain(pages[f"{module}.html"]))
        for line in (inspect.getdoc(thing) or "").replace("``", "").splitlines():
            words = re.sub(r"^\s*(\w[\w*, .]*): ", "", line).strip().removesuffix("::")
            words = re.sub(r"^[*-] ", "", words)
            if words and not re.fullmatch(r"\w+:", words):
                assert squeezed(words) in text, f"{module}.{entry.name}: {line}"


@pytest.mark.parametrize(
    ("page", "parts"),
    [
        (
            "tinygrad_mlp.optim",
            [
                "<h2 id='Adam'><code>Adam</code> <span class='kind'>class</span></h2>",
                "learning_rate: float = 0.001,",
                "p = p - learning_rate * m / (sqrt(v) + epsilon)",
                "<h4>Arguments</h4>",
                "<dt><code>beta1</code></dt><dd>how much of the gradients remains",
                "<h4>Raises</h4>",
                "<a href='tinygrad_mlp.errors.html#InvalidArgumentError'>",
                "<h4>Source</h4><p>Kingma and Ba (2015)",
                "with the defaults of <code>torch.optim.Adam</code>.",
                "A subclass of <a href='tinygrad_mlp.optim.html#Optimizer'>",
                "<h3 id='Optimizer.step'><code>Optimizer.step</code></h3>",
            ],
        ),
        (
            "tinygrad_mlp.engine",
            ["<h3 id='Value.tanh'>", "<h3 id='Value.backward'>", "<h2 id='Number'>", ">constant<"],
        ),
        ("tinygrad_mlp.errors", ["class ShapeError(TinygradMLPError, ValueError)", ">exception<"]),
        ("tinygrad_mlp.data", ["Augmentation: TypeAlias = Call", "<ul><li>text: classification;"]),
        ("tinygrad_mlp.training", ["class Callback(Protocol)", ">protocol<"]),
        ("tinygrad_mlp.nn", ["in a batch of B samples:</p><pre class='plain'>mean = (x_1 +"]),
        ("viz", ["<h2 id='draw'>", "style: str = 'page',", "names: str = 'auto',"]),
        ("tinygrad_mlp", ["<a href='tinygrad_mlp.nn.html#MLP'><code>MLP</code></a>"]),
    ],
)
def test_an_entry_has_signature_formula_arguments_errors_source_and_example(
    page: str, parts: list[str], pages: dict[str, str]
) -> None:
    found = pages[f"{page}.html"]
    code = html.unescape(re.sub(r"</?span[^>]*>", "", found))
    for part in parts:
        assert part in found or part in code, part


def test_arguments_lead_nowhere_and_errors_say_their_bases_once(pages: dict[str, str]) -> None:
    assert "<dt><code>init</code></dt>" in pages["tinygrad_mlp.nn.html"], "not the module init"
    assert "A subclass of" not in pages["tinygrad_mlp.errors.html"]


def test_an_example_is_in_colors(pages: dict[str, str]) -> None:
    assert '<span class="gp">&gt;&gt;&gt; </span>' in pages["tinygrad_mlp.nn.html"]
    examples = plain(pages["tinygrad_mlp.functional.html"]).count(">>> ")
    assert examples > 50


def test_pages_lead_to_one_another_and_to_the_book(pages: dict[str, str]) -> None:
    anchors = {name: set(re.findall(r" id='([^']+)'", page)) for name, page in pages.items()}
    for name, page in pages.items():
        for address in Addresses(page).found:
            if address == "../index.html":
                continue
            file, _, anchor = address.partition("#")
            assert file in pages, f"{name}: {address}"
            assert not anchor or anchor in anchors[file], f"{name}: {address}"
    ways = Addresses(pages["tinygrad_mlp.nn.html"]).found[:4]
    assert ways == [
        "tinygrad_mlp.losses.html",
        "../index.html",
        "index.html",
        "tinygrad_mlp.nn.init.html",
    ]
    assert Addresses(pages["tinygrad_mlp.html"]).found[:2] == ["../index.html", "index.html"]
    assert "→" not in pages["viz.plots.html"][-400:]


def test_the_pages_are_the_same_in_another_process(pages: dict[str, str], tmp_path: Path) -> None:
    program = (
        "import hashlib\n"
        "from tinygrad_mlp._course._api_pages import api_pages\n"
        "from tinygrad_mlp._course._public_names import PublicNames\n"
        "for name, page in api_pages(PublicNames(('tinygrad_mlp', 'viz'))).items():\n"
        "    print(name, hashlib.sha256(page.encode()).hexdigest())\n"
    )
    import hashlib

    printed = run_python("-c", program, folder=tmp_path).splitlines()
    assert printed == [
        f"{name} {hashlib.sha256(page.encode()).hexdigest()}" for name, page in pages.items()
    ]
    assert not [name for name, page in pages.items() if re.search(r" at 0x[0-9a-f]", page)]
    assert not [name for name, page in pages.items() if str(ROOT) in page]


def shown(
    one: int, /, two: str = "a", *, three: object = object, four: frozenset[str] = frozenset("ba")
) -> None:
    """A function with parameters of all kinds."""


def gathering(
    self: int, *values: int, key: float = 1.5, _hidden: None = None, **others: int
) -> int:
    """The first is not shown, nor what begins with an underscore."""
    return 0


def test_a_signature_is_as_it_was_declared() -> None:
    assert signature_of("shown", shown) == (
        "shown(\n    one: int,\n    /,\n    two: str = 'a',\n    *,\n    three: object = object,\n"
        "    four: frozenset[str] = {'a', 'b'},\n) -> None"
    )
    assert signature_of("g", gathering) == (
        "g(*values: int, key: float = 1.5, **others: int) -> int"
    )
    assert signature_of("g", gathering, returns=False).endswith("**others: int)")
    assert signature_of("f", lambda x, y=2: x) == "f(x, y=2)"
    assert signature_of("x", 3) == "x"
    assert signature_of("f", lambda x=THING: x) == "f(x=<Thing object>)"
    assert signature_of("f", lambda x=training: x) == "f(x=training)"
    assert signature_of("f", quoting) == "f(x: Value) -> list[Value]"
    assert returned(gathering) == ": int"
    assert returned(lambda: 0) == ""


def quoting(x: Value) -> list[Value]:
    """A type in quotes, which a program with annotations as text has too."""
    return [x]


quoting.__annotations__ = {"x": "'Value'", "return": "list[Value]"}


class Thing:
    def __repr__(self) -> str:
        return "<Thing object at 0x7f3a>"


THING = Thing()


def test_a_line_of_84_characters_stays_whole() -> None:
    def f(x: int) -> None: ...

    end = len("(x: int) -> None")
    assert "\n" not in signature_of("f" * (84 - end), f)
    assert "\n" in signature_of("f" * (85 - end), f)


def module_with(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    from importlib import import_module

    (tmp_path / "of_constants.py").write_text(source, encoding="utf-8")
    (tmp_path / "handing_on.py").write_text("from of_constants import A as B\nC = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("of_constants", "handing_on"):
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    return import_module("of_constants")


def test_a_constant_is_explained_where_it_is_assigned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = 'A = 3\n"""How many.\n\n    In all."""\n# How far.\nD: int = 4\nE = 5  # How deep.\n'
    source += f"F = {'1' * 117}\nH = {'1' * 116}\n"
    module = module_with(source, tmp_path, monkeypatch)
    assert assignment_of(module, "A") == ("of_constants", "How many.\n\nIn all.", "A = 3")
    assert assignment_of(module, "D") == ("of_constants", "How far.", "D: int = 4")
    assert assignment_of(module, "E") == ("of_constants", "How deep.", "E = 5")
    assert assignment_of(module, "F") == ("of_constants", "", "F"), "too long to be shown"
    assert assignment_of(module, "H")[2] == f"H = {'1' * 116}", "just short enough"
    assert assignment_of(module, "G") == ("of_constants", "", "G")
    from importlib import import_module

    assert assignment_of(import_module("handing_on"), "B")[:2] == (
        "of_constants",
        "How many.\n\nIn all.",
    )


def test_a_docstring_falls_into_its_parts() -> None:
    text = (
        "First line\nand second.\n\nIn numbers::\n\n    a = b\n    c = d\n\n"
        "* one\n  more\n* two\n\n"
        "Args:\n    x: a number: any,\n        in meters.\n    *rest: others.\n\n"
        "    y: after a gap.\n"
        "Returns:\n    A pair: what comes\n    back.\n\n"
        "Raises:\n    DataError, ShapeError: as said.\n\n"
        "Source: a book,\npage 3.\n\n>>> f(1)\n2\n\n>>> f(2)\n3"
    )
    found = read_docstring(text)
    assert found.summary == "First line and second."
    assert found.parts == [
        Block("text", ("First line", "and second.")),
        Block("text", ("In numbers:",)),
        Block("code", ("a = b", "c = d")),
        Block("list", ("one more", "two")),
        Section(
            "Args",
            (("x", "a number: any, in meters."), ("*rest", "others."), ("y", "after a gap.")),
        ),
        Section("Returns", (("", "A pair: what comes back."),)),
        Section("Raises", (("DataError, ShapeError", "as said."),)),
        Section("Source", (("", "a book, page 3."),)),
        Block("example", (">>> f(1)", "2", "", ">>> f(2)", "3")),
    ]
    assert found.section("Returns") == found.parts[5]
    assert found.section("Yields") is None
    assert read_docstring("").summary == ""


def test_every_section_of_our_docstrings_is_known(names: PublicNames) -> None:
    """A word with a colon alone on a line, or a new kind of section, would become plain text."""
    for module, entry in all_entries(names):
        for part in (
            *entry.docstring.parts,
            *[p for m in entry.members for p in m.docstring.parts],
        ):
            if isinstance(part, Block) and part.kind == "text":
                assert not re.match(r"[A-Z][a-z]+:$", part.lines[0]), f"{module}.{entry.name}"


def test_private_bases_lend_their_methods_and_public_ones_do_not(names: PublicNames) -> None:
    value = {member.name for member in names.entry("tinygrad_mlp.Value").members}
    assert {"Value.tanh", "Value.backward", "Value.relu"} <= value
    adam = {member.name for member in names.entry("tinygrad_mlp.optim.Adam").members}
    assert "Adam.update" in adam
    assert "Adam.step" not in adam, "that is in the entry of Optimizer"
    assert names.entry("viz.Svg").members == (), "those of str are not ours"
    assert hasattr(optim.Adam, "step")
    (kind,) = {m.kind for m in names.entry("tinygrad_mlp.MLP").members if m.name == "MLP.n_inputs"}
    assert kind == "property"
    assert isinstance(vars(nn.MLP)["n_inputs"], property)
    assert names.entry("tinygrad_mlp.training.Callback").kind == "protocol"
    assert Protocol in training.Callback.__bases__


def test_what_a_text_names_is_found(names: PublicNames) -> None:
    assert names.find("MLP()", "viz") == "tinygrad_mlp.nn.MLP"
    assert names.find("optim.Adam") == "tinygrad_mlp.optim.Adam"
    assert names.find("Adam", "tinygrad_mlp.nn") == "tinygrad_mlp.optim.Adam", "there is one"
    assert names.find("mean", "tinygrad_mlp.functional") == "tinygrad_mlp.functional.mean"
    assert names.find("mean", "tinygrad_mlp.nn") is None, "a word, not the function"
    assert names.find("Unit", "tinygrad_mlp.nn") is None, "there are two"
    assert names.find("load_model", "tinygrad_mlp.interop") == names.find("load_model")


def test_names_in_the_code_of_a_chapter_lead_to_their_entries(names: PublicNames) -> None:
    source = (
        "import numpy as np\nimport viz\nfrom tinygrad_mlp import MLP, fit, functional as F\n"
        "from tinygrad_mlp.losses import huber\n\nx = np.zeros(3)\nmodel = MLP(2, [1])\n"
        "model.fit(x)\nviz.plots.loss_curve(fit(model))\nF.tanh(huber)\nviz.no_such\n"
    )
    code = linked(colored(source), imported_names(source), names, "api/")
    links = [
        (address, plain(inside))
        for address, inside in re.findall(r"<a href='([^']+)'>(.*?)</a>", code)
    ]
    assert links == [
        ("api/viz.html", "viz"),
        ("api/tinygrad_mlp.html", "tinygrad_mlp"),
        ("api/tinygrad_mlp.nn.html#MLP", "MLP"),
        ("api/tinygrad_mlp.training.html#fit", "fit"),
        ("api/tinygrad_mlp.functional.html", "F"),
        ("api/tinygrad_mlp.losses.html", "tinygrad_mlp.losses"),
        ("api/tinygrad_mlp.losses.html#huber", "huber"),
        ("api/tinygrad_mlp.nn.html#MLP", "MLP"),
        ("api/viz.plots.html#loss_curve", "viz.plots.loss_curve"),
        ("api/tinygrad_mlp.training.html#fit", "fit"),
        ("api/tinygrad_mlp.functional.html#tanh", "F.tanh"),
        ("api/tinygrad_mlp.losses.html#huber", "huber"),
        ("api/viz.html", "viz"),
    ]
    assert plain(code) == plain(colored(source)), "the code is the same"


def test_a_module_may_have_another_name() -> None:
    assert imported_names("import viz as v, math") == {"v": "viz", "math": "math"}


@pytest.mark.parametrize(
    "own", ["def MLP(): ...", "class MLP: ...", "MLP = 3", "def f(MLP): ...", "for MLP in []: ..."]
)
def test_a_name_that_a_chapter_gives_to_something_else_leads_nowhere(own: str) -> None:
    assert imported_names(f"from tinygrad_mlp import MLP\n{own}\n") == {}
