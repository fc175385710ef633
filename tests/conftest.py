"""What holds for the whole test run: where the environment sets CI, a skipped test is a failure."""

from __future__ import annotations

import gc
import os
import re
import signal
from collections.abc import Generator

import pytest
from hypothesis import settings

# How long an example may take depends on the machine and on what else runs there, so there is no
# deadline. Where the environment sets CI, each run has the same examples: new ones are looked for
# by hand. (Newer versions of Hypothesis do so by themselves, the oldest one admitted does not.)
settings.register_profile(
    "without-deadline",
    settings.default,
    deadline=None,
    derandomize="CI" in os.environ,
)
settings.load_profile("without-deadline")

# A run that a shell starts in the background ignores Ctrl-C, which the tests send to themselves.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """With a process for each processor, products on several threads would wait for one another."""
    if config.getoption("numprocesses", default=None):
        os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected lives to the end, so Python need not look for cycles in it again and again.

    It is a million objects, and each look goes through all of them.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.fixture
def pictures() -> None:
    """For a test of a file with ``no_pictures`` that is about pictures all the same."""


@pytest.fixture
def no_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands that train draw nothing: most of their time, where it is about other things."""
    if "pictures" in request.fixturenames:
        return

    def draw_nothing(*training: object) -> None:
        pass

    monkeypatch.setattr("tinygrad_mlp._cli.training_run.draw_pictures", draw_nothing)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names that hold an address: a test has one name, whichever process collects it."""
    for item in items:
        if re.search(" at 0x[0-9a-fA-F]", item.nodeid):
            raise pytest.UsageError(f"name the cases of {item.nodeid}: ids=case_name")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a run that passed, but skipped something, into a failed one."""
    if _skips_that_fail(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say why the run failed."""
    skips = _skips_that_fail(config)
    if skips:
        terminalreporter.section("skipped tests fail here", red=True)
        terminalreporter.line(f"CI is set, so nothing may be skipped; skipped: {skips}.")


def _skips_that_fail(config: pytest.Config) -> int:
    if os.environ.get("CI", "").lower() in {"", "0", "false"}:
        return 0
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", [])) if reporter else 0
