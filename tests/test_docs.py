"""What the README and its neighbors say holds: links, the quick start, commands, Python code."""

from __future__ import annotations

import copy
import doctest
import gc
import inspect
import re
import shlex
from pathlib import Path
from typing import Final

import numpy
import pytest

import tinygrad_mlp
import viz
from tests.running import run_python
from tests.source_files import ROOT
from tinygrad_mlp import History, Module, compile, estimators, search
from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp._cli import main

PAGES: Final = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")

QUICK_START: Final = [
    "python -m pip install -e '.[all]' && python -m tinygrad_mlp demo",
    "python -m pip install -e '.[test]' && python -m pytest -n auto",
]


def fenced_blocks(text: str, language: str) -> list[str]:
    """The contents of the fenced blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def without_fenced_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def heading_anchors(text: str) -> set[str]:
    """The anchors of the headings, as the usual renderers of Markdown name them."""
    headings = re.findall(r"^#+ +(.*?) *$", without_fenced_blocks(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(text: str) -> list[str]:
    """The targets of links and pictures, in Markdown and in HTML."""
    prose = without_fenced_blocks(text)
    return [
        *re.findall(r"\]\(<?([^)\s>]+)", prose),
        *re.findall(r"^\[[^\]]+\]: +(\S+)", prose, flags=re.MULTILINE),
        *re.findall(r"""(?:href|src|srcset)=["']([^"']+)["']""", prose),
    ]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in links(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / path).resolve() if path else ROOT / page
        assert file.is_relative_to(ROOT), f"{target} leads out of the project"
        assert file.exists(), f"{target} does not exist"
        if anchor:
            assert anchor in heading_anchors(file.read_text(encoding="utf-8")), target


def test_the_quick_start_is_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## Quick start$(.*?)^## ", readme, flags=re.DOTALL | re.MULTILINE)
    assert section is not None
    assert [block.strip() for block in fenced_blocks(section[1], "sh")] == QUICK_START


def programs(text: str) -> list[str]:
    return [block for block in fenced_blocks(text, "python") if ">>>" not in block]


@pytest.fixture(scope="module")
def after_the_readme(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which its blocks without prompts ran, in order."""
    folder = tmp_path_factory.mktemp("readme")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    run_python("-W", "error", "-c", "\n".join(programs(text)), folder=folder)
    return folder


@pytest.mark.usefixtures("after_the_readme")
def test_python_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts are checked against what they print; blocks without prompts run in order."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = fenced_blocks(text, "python")
    checked = "\n".join(block for block in blocks if ">>>" in block)
    test = doctest.DocTestParser().get_doctest(checked, {}, "README.md", None, 0)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    report: list[str] = []
    doctest.DocTestRunner(optionflags=flags).run(test, out=report.append)
    assert report == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_names_in_the_text_exist(page: str) -> None:
    """``viz.draw`` and ``optim.Adam`` in the prose are names that a person can use."""
    objects = {"program": compile(abs), "history": History(), "model": Module()}  # of the text
    packages = {
        "gc": gc,
        "copy": copy,
        "numpy": numpy,
        "pytest": pytest,
        "estimators": estimators,
        "search": search,
    }
    known = {"tinygrad_mlp": tinygrad_mlp, "viz": viz, "xp": array_math, **packages, **objects}
    for name in names_in_prose((ROOT / page).read_text(encoding="utf-8")):
        first, *rest = name.split(".")
        found = known.get(first) or getattr(tinygrad_mlp, first, None)
        assert found is not None, name
        for part in rest:
            found = inspect.getattr_static(found, part, None) or getattr(found, part, None)
            assert found is not None, name


def names_in_prose(text: str) -> list[str]:
    """Dotted names in backticks, with or without a call behind them."""
    spans = re.findall(r"`([^`\n]+)`", without_fenced_blocks(text))
    matches = [re.match(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?=\(|$)", span) for span in spans]
    return [match[1] for match in matches if match and not match[1].endswith((".py", ".md"))]


def test_the_readme_steps_through_the_network_that_it_has_saved(after_the_readme: Path) -> None:
    """The Python blocks, read from top to bottom, make the file that the command names."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    command = re.search(r"^python (-m tinygrad_mlp step --model .*?) +#", text, flags=re.MULTILINE)
    assert command is not None
    words = shlex.split(command[1])
    file = words[words.index("--model") + 1]
    assert f'"{file}"' in "".join(programs(text[: command.start()]))
    shown = run_python(*words, folder=after_the_readme, typed="next\nquit\n")
    assert "petal length" in shown


def test_the_console_has_the_commands_that_the_readme_names() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    sentence = re.search(r"a console steps(.*?):\n", text, flags=re.DOTALL)
    assert sentence is not None
    commands = re.findall(r"`(\w+)`", sentence[1])
    assert len(commands) > 8
    listed = run_python("-m", "tinygrad_mlp", "step", folder=ROOT, typed="help\nquit\n")
    assert [name for name in commands if not re.search(rf"^{name}\b", listed, re.MULTILINE)] == []


def test_a_name_that_does_not_exist_is_found() -> None:
    assert names_in_prose("`viz.drew(x)`, `a + b.c`, `optim.Adam`, `ops.py`") == [
        "viz.drew",
        "optim.Adam",
    ]
    assert not hasattr(viz, "drew")


def test_commands_in_the_readme_exist(capsys: pytest.CaptureFixture[str]) -> None:
    """Each ``python -m tinygrad_mlp NAME --option`` is known to ``NAME --help``; files exist."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for line in "\n".join(fenced_blocks(text, "sh")).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        paths = [word for word in words if re.match(r"(examples|tests|viz|tinygrad_mlp)/", word)]
        assert [path for path in paths if not (ROOT / path).exists()] == []
        if "tinygrad_mlp" not in words:
            continue
        arguments = words[words.index("tinygrad_mlp") + 1 :]
        command = [word for word in arguments[:1] if not word.startswith("-")]
        assert main([*command, "--help"]) == 0
        shown = capsys.readouterr().out
        options = [word.partition("=")[0] for word in arguments if word.startswith("-")]
        assert [option for option in options if option not in shown] == []
