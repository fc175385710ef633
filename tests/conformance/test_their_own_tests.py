"""The installed test file of scikit-learn's MLP, run with our classes in place of theirs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from tests.source_files import ROOT

PRIVATE: Final = {
    "test_fit": "calls _initialize and sets what it left",
    "test_gradient": "calls _loss_grad_lbfgs",
    "test_learning_rate_warmstart": "reads _optimizer",
    "test_adaptive_learning_rate": "reads _optimizer",
}
"""Tests of names that begin with an underscore."""

WORDS: Final = {
    "test_nonfinite_params": "a ValueError of ours, in other words",
    "test_warm_start": "a ValueError of ours, in other words",
}
"""Tests that compare a whole message."""


def test_all_that_is_public_passes(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conformance.with_our_classes"]
    # Scikit-learn's conftest would set the number of threads of BLAS.
    command += ["-c", "/dev/null", "--noconftest", "-p", "no:cacheprovider"]
    command += [f"--junitxml={report}"]
    command += ["--pyargs", "sklearn.neural_network.tests.test_mlp"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed = {
        case.attrib["name"]: case
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    }
    assert len(cases) >= 59, done.stdout
    assert failed.keys() == PRIVATE.keys() | WORDS.keys(), done.stdout
    for name in PRIVATE:
        assert "AttributeError" in ElementTree.tostring(failed[name], "unicode")
    for name in WORDS:
        assert "Regex pattern did not match" in ElementTree.tostring(failed[name], "unicode")
