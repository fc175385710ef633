"""The tool that runs the chapters of the course with other seeds finds claims that do not hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.seeds import SEED, fault_of, main, seeds_of, with_seed
from tests.source_files import ROOT
from tinygrad_mlp._course import Chapter, find_chapters

OPENING = "# %% [markdown]\n# # Title\n#\n# You learn.\n\n# %%\n"
BY_CHANCE = OPENING + 'SEED = 0\nassert SEED < 2, "the seed is small"\n'
FIXED = OPENING + "SEEDS = 10\nimport os\nassert os.listdir() == [os.path.basename(__file__)]\n"
WARNS = OPENING + 'SEED = 0\nimport warnings\nif SEED == 1:\n    warnings.warn("it is odd")\n'

CHAPTERS = find_chapters()
DRAWS = re.compile(r"(?:\brng=|default_rng\(|Random\()(?P<seed>\d+(?=\s*[,)]))?")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"01_chance": BY_CHANCE, "02_fixed": FIXED, "03_warns": WARNS}.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    return tmp_path


def run(*arguments: str, folder: Path) -> tuple[int, list[str]]:
    told: list[str] = []
    return main(arguments, folder, told.append), told


def test_a_claim_is_named_with_the_seeds_for_which_it_does_not_hold(folder: Path) -> None:
    assert run("--seeds", "0-2", folder=folder) == (
        1,
        [
            "              0     1     2",
            "01_chance    ok    ok FAILS",
            "02_fixed     ok  (no line SEED = 0)",
            "03_warns     ok FAILS    ok",
            "01_chance, seed 2: the seed is small",
            "03_warns, seed 1: UserWarning: it is odd",
        ],
    )


def test_a_chapter_by_its_number_and_claims_that_hold(folder: Path) -> None:
    holds = 0, ["              0     1", "01_chance    ok    ok"]
    assert run("1", "--seeds", "0,1", folder=folder) == holds


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("7",), "no chapter '7'"), (("--seeds", "a"), "'a' are no seeds; write 0-9, or 3,")],
)
def test_what_is_not_there_is_no_success(
    arguments: tuple[str, ...], message: str, folder: Path
) -> None:
    code, (line,) = run(*arguments, folder=folder)
    assert code == 2
    assert line.startswith("error: ")
    assert message in line


def test_all_ten_seeds_unless_others_are_asked_for(folder: Path) -> None:
    code, told = run("1", folder=folder)
    assert code == 1
    assert told[0].split() == [str(seed) for seed in range(10)]
    assert told[1].split() == ["01_chance", "ok", "ok", *["FAILS"] * 8]


def test_seeds_are_ranges_and_numbers() -> None:
    assert seeds_of("3") == [3]
    assert seeds_of(" 0-2, 5 ") == [0, 1, 2, 5]
    for text in ("", "-1", "2-1", "1-", "0..9"):
        with pytest.raises(ValueError, match="are no seeds"):
            seeds_of(text)


@pytest.mark.parametrize("text", ["SEED = 1\n", "SEED = 0\nSEED = 0\n", "x = 1\n"])
def test_a_chapter_has_one_line_for_its_seed(text: str) -> None:
    with pytest.raises(ValueError, match=r"there are [02] lines 'SEED = 0'"):
        with_seed(text, 3)


def test_the_seed_of_the_page_is_that_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "01_chance.py"
    file.write_text(BY_CHANCE.replace("SEED < 2", "SEED == 0"), encoding="utf-8")
    assert fault_of(Chapter(file), None) == fault_of(Chapter(file), 0) == ""
    assert fault_of(Chapter(file), 1) == "the seed is small"


def test_an_error_without_words_is_named_by_its_kind(tmp_path: Path) -> None:
    file = tmp_path / "01_chance.py"
    file.write_text("raise SystemExit(3)\n", encoding="utf-8")
    assert fault_of(Chapter(file), None) == "exit code 3"
    file.write_text("1 / 0\n", encoding="utf-8")
    assert fault_of(Chapter(file), None) == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=[chapter.name for chapter in CHAPTERS])
def test_all_chance_of_a_chapter_comes_from_its_seed(chapter: Chapter) -> None:
    """Or the chapter goes through seeds itself, and then has no line for one."""
    text = chapter.file.read_text(encoding="utf-8")
    drawn = [match["seed"] for match in DRAWS.finditer(text)]
    if SEED.search(text):
        assert drawn, "it has a seed, and draws nothing"
        assert [seed for seed in drawn if seed] == [], "a seed that no line SEED = 0 sets"
        cells = chapter.notebook().cells
        first = next(cell.source for cell in cells if cell.cell_type == "code")
        assert len(SEED.findall(first)) == 1, "the line stands in the first cell of code"
    elif drawn:
        assert re.search(r"^ *for seed in ", text, re.MULTILINE), "chance, but no line SEED = 0"


def test_the_command_is_that_of_the_contributing_page() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "python -m tests.seeds" in page
