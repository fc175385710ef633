"""The notebook of a chapter is run in a kernel of its own; a claim that fails is told by name."""

from __future__ import annotations

import os
import re
from typing import Any, Final

from tinygrad_mlp._course._chapters import Chapter

__all__ = ["run_notebook"]

LONGEST: Final = 120
"""Seconds after which one cell is stopped."""

COLORS: Final = re.compile(r"\x1b\[[0-9;]*m")


def run_notebook(chapter: Chapter, notebook: Any) -> str:
    """Run all cells; their output is put into the notebook.

    Returns:
        "" if all went well, else what went wrong, with the name of the chapter.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    root = str(chapter.file.resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    environment.pop("MPLBACKEND", None)  # with one of the user's a kernel keeps no figures
    client = NotebookClient(
        notebook,
        timeout=LONGEST,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,  # how the lines come in pieces differs from run to run
        extra_arguments=["--log-level=ERROR"],  # else it warns of each kernel
        resources={"metadata": {"path": str(chapter.file.parent)}},
    )
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        return f"{chapter.name}: {_reason(error)}"
    except CellTimeoutError:
        return f"{chapter.name}: a cell ran for more than {LONGEST} s"
    notebook.metadata.pop("language_info", None)  # it has the version of the Python that ran it
    warned = _warned(notebook)
    return f"{chapter.name}: it prints a warning: {warned}" if warned else ""


def _warned(notebook: Any) -> str:
    """The first line that a cell wrote to the stream of errors; "" if none did."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "stream" and output.name == "stderr":
                return COLORS.sub("", output.text).strip().partition("\n")[0]
    return ""


def _reason(error: Any) -> str:
    """The claim that does not hold, or the error with its line."""
    text = COLORS.sub("", str(error.evalue))
    if error.ename == "AssertionError" and text:
        return f"this does not hold: {text}"
    lines = re.findall(r"^-+> *\d+ (.*)$", COLORS.sub("", error.traceback), re.MULTILINE)
    where = f" in the line: {lines[0].strip()}" if lines else ""
    return f"{error.ename}: {text}{where}"
