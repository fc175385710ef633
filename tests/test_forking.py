"""A process that is forked while other threads record, compute or draw can do all of it again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from tests.running import run_python

HELD: Final = {
    "a recording": """
        def slow(x):
            started.set()
            time.sleep(0.2)
            return x * x
        compile(slow)(3.0)
    """,
    "a program": """
        with program._lock:
            started.set()
            over.wait()
    """,
    "no_grad": """
        with no_grad():
            started.set()
            over.wait()
    """,
    "the search for nan": """
        with detect_anomaly():
            started.set()
            over.wait()
    """,
    "a drawing": """
        with render._library_lock:
            started.set()
            time.sleep(0.2)
    """,
}
"""What another thread is at when the process is forked."""

SCRIPT: Final = """
import os, signal, threading, time, warnings
import viz
from tinygrad_mlp import Value, compile, no_grad, _recording as recording
from tinygrad_mlp.debug import detect_anomaly
from viz._scene import render

# Python 3.12 and later warn of any fork beside threads, which is what this is about.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
w = Value(2.0)
program = compile(lambda x: w * x, [w])
program(1.0)
n_uses = []

def use():
    w.zero_grad()
    out = w * 3.0
    out.backward()
    assert (w.grad, out.parents[0]) == (3.0, w)
    assert program(5.0) == 10.0
    assert compile(lambda x: w * x * x)(3.0) == 18.0
    assert viz.to_svg(out)
    assert not recording.open_blocks
    assert not render._library_lock.locked()
    n_uses.append(1)

def forked(name, hold):
    other = threading.Thread(target=hold)
    other.start()
    assert started.wait(60)
    n_before = len(n_uses)
    child = os.fork()
    if not child:
        signal.alarm(60)  # a child that hangs is ended, and tells so by its code
        try:
            use()
            thread = threading.Thread(target=use)  # it may get the number of the one that is gone
            thread.start()
            thread.join()
            assert len(n_uses) == n_before + 2
        except BaseException as error:
            print(name, repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    over.set()
    other.join()
    _, status = os.waitpid(child, 0)
    use()
    assert os.waitstatus_to_exitcode(status) == 0, (name, status)
    print(name, flush=True)

"""

HOLDING: Final = """
started, over = threading.Event(), threading.Event()

def hold():
{held}

forked({name!r}, hold)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no os.fork")
def test_a_fork_beside_a_thread_leaves_a_child_that_works(tmp_path: Path) -> None:
    script = tmp_path / "fork.py"
    parts = [SCRIPT]
    for name, held in HELD.items():
        body = "\n".join(line[4:] for line in held.strip("\n").splitlines())
        parts.append(HOLDING.format(name=name, held=body))
    script.write_text("".join(parts))
    assert run_python("-W", "error", script, folder=tmp_path).splitlines() == list(HELD)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork is missing")
def test_blocks_that_are_open_stay_open_in_the_child(tmp_path: Path) -> None:
    script = """
import os, sys
from tinygrad_mlp import Value, enable_grad, no_grad
w = Value(2.0)
with enable_grad():
    with no_grad():
        if os.fork() == 0:
            os._exit(len((w * 3.0).parents))
        _, status = os.wait()
    assert (w * 3.0).parents
print(os.waitstatus_to_exitcode(status))
"""
    (tmp_path / "blocks.py").write_text(script, encoding="utf-8")
    assert run_python("blocks.py", folder=tmp_path) == "0\n"
