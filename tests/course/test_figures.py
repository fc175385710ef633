"""Figures of matplotlib come into the page, whatever back end the user has set."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinygrad_mlp._course import find_chapters, write_book

CHAPTER = """\
# %% [markdown]
# # A figure
#
# You see one line.

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(2, 1))
line = axes.plot([1, 2])
"""


@pytest.mark.parametrize("back_end", [None, "agg", "svg"])
def test_a_figure_is_shown_whatever_back_end_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back_end: str | None
) -> None:
    if back_end is None:
        monkeypatch.delenv("MPLBACKEND", raising=False)
    else:
        monkeypatch.setenv("MPLBACKEND", back_end)
    folder = tmp_path / "examples" / "course"
    folder.mkdir(parents=True)
    (folder / "01_figure.py").write_text(CHAPTER, encoding="utf-8")
    (run,) = write_book(find_chapters(folder=folder), tmp_path / "book", print)
    assert run.fault == ""
    page = (tmp_path / "book" / "01_figure.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 1
