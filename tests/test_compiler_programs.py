"""The text of small compiled programs, compared whole with files that a person can read.

Every optimization shows in this text: which calls there are, in which order, on which views, in
whose memory. That the numbers are right as well is checked against the same function on Values,
sample by sample. After a change that is meant, ``python -m tests.test_compiler_programs`` writes
the files in ``tests/programs`` anew, and the difference says what the change does.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.against_torch import assert_close
from tests.back_ends import forced
from tests.program_cases import CASES, Case, Row, start_again
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.engine import Value

FOLDER: Final = Path(__file__).parent / "programs"


def file_of(name: str) -> Path:
    return FOLDER / f"{re.sub('[^a-z]+', '_', name)}.txt"


def run(name: str, n_samples: int) -> tuple[Program, Row, list[NDArray[Any]], Any]:
    """The program after one call, its parameters, the arguments, and what it gave."""
    case = CASES[name]
    rng = np.random.default_rng(len(name))
    w = [Value(number) for number in case.draw(rng, (9,)).tolist()]
    first = (n_samples,) if case.per_sample else ()
    arrays = [case.draw(rng, first + size) for size in case.sizes]
    start_again()
    with forced(case.back_end):
        program = compile(
            lambda *x: case.function(w, *x),
            w if case.differentiate else None,
            per_sample=case.per_sample,
            reduction=case.reduction,
            has_auxiliary=case.has_auxiliary,
        )
        return program, w, arrays, program(*arrays)


def text_of(name: str) -> str:
    program = run(name, n_samples=3)[0]
    return f"{program.summary()}\n\n{program.source.strip()}\n"


def eagerly(case: Case, w: Row, arrays: list[NDArray[Any]]) -> list[Any]:
    """What the function gives on Values, once, or once for each sample."""

    def values(array: NDArray[Any]) -> Any:
        return Value(float(array)) if not array.ndim else [values(part) for part in array]

    samples = zip(*arrays) if case.per_sample else [arrays]
    return [case.function(w, *map(values, sample)) for sample in samples]


def numbers_of(results: Any) -> Any:
    if isinstance(results, list | tuple):
        return [numbers_of(part) for part in results]
    return results.data if isinstance(results, Value) else results


@pytest.mark.parametrize("name", CASES)
def test_a_small_program_is_this_text(name: str) -> None:
    assert text_of(name) == file_of(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("n_samples", [3, 1])
@pytest.mark.parametrize("name", CASES)
def test_it_computes_what_the_function_does(name: str, n_samples: int) -> None:
    case = CASES[name]
    program, w, arrays, found = run(name, n_samples)
    assigned = start_again()
    results = eagerly(case, w, arrays)
    assert_close(assigned, start_again())
    if not case.differentiate:
        expected = numbers_of(results)
        np.testing.assert_allclose(found, expected if case.per_sample else expected[0], rtol=1e-14)
        return
    losses = [result[0] if case.has_auxiliary else result for result in results]
    total = F.sum(losses) if case.reduction == "sum" else F.mean(losses)
    total.backward()
    assert_close(found, total.data)
    assert_close(program.gradients, [value.grad for value in w])
    if case.has_auxiliary:
        beside = numbers_of([result[1] for result in results])
        assert_close(program.auxiliary, beside if case.per_sample else beside[0])


def test_every_file_belongs_to_a_program() -> None:
    assert {file.name for file in FOLDER.iterdir()} == {file_of(name).name for name in CASES}
    assert len({file_of(name) for name in CASES}) == len(CASES)


def write_files() -> None:
    """Write every file anew; what is no longer a case goes."""
    for file in FOLDER.iterdir():
        file.unlink()
    for name in CASES:
        file_of(name).write_text(text_of(name), encoding="utf-8")


if __name__ == "__main__":
    write_files()
