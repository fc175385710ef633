"""Runs tests/native/driver.c under the address and undefined-behavior sanitizers.

Once for each variant of the library that this machine runs. Where a program built with the
sanitizers does not run, or there is no C compiler, it says so and is content.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tinygrad_mlp._native._library import reported_features  # noqa: E402
from tinygrad_mlp._native._variants import FLAGS, Variant, machine, variants_of  # noqa: E402

COMPILER = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
SANITIZERS = [
    "-fsanitize=address,undefined,float-cast-overflow",
    "-fno-sanitize-recover=all",
]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]

PROBE = """
#include <stdlib.h>
int main(int count, char **words) {
  char *memory = malloc(1);
  if (!memory || !words) return 3;
  memory[0] = 0;
  const int read = memory[count - 1]; /* with one more word, one past the end */
  free(memory);
  return read;
}
"""


def build(source: Path, program: Path, flags: list[str]) -> str:
    """Compile with the sanitizers; what the compiler says where it fails."""
    command = [*COMPILER, *flags, *SANITIZERS, str(source), "-o", str(program), "-lm"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"there is no C compiler: {error}"
    return run.stderr if run.returncode else ""


def run(program: Path, *words: str) -> tuple[int, str]:
    """Status and output of a program."""
    done = subprocess.run(
        [program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def what_prevents_them(folder: Path) -> str:
    """Why nothing can be built and run with the sanitizers here; empty where they work."""
    source, program = folder / "probe.c", folder / "probe"
    source.write_text(PROBE, encoding="utf-8")
    problem = build(source, program, [])
    if problem:
        return problem
    status, output = run(program)
    if status:
        return f"the probe ended with {status}: {output}"
    return "" if run(program, "one too far")[0] else "the probe read too far and was not stopped"


def check(variant: Variant, folder: Path) -> str:
    """What became of the driver for a variant, in a line."""
    if not variant.runs_with(reported_features()):
        return f"{variant.name}: not for this machine"
    program = folder / f"driver_{variant.name}"
    # Not optimized: it reads and writes the same, and is compiled in a third of the time.
    flags = [*FLAGS, *variant.flags, "-O0", "-g", *WARNINGS]
    problem = build(ROOT / "tests" / "native" / "driver.c", program, flags)
    if problem:
        raise SystemExit(f"{variant.name}: the driver was not built: {problem}")
    status, output = run(program, *sys.argv[1:])
    if status:
        raise SystemExit(f"{variant.name}: a fault (status {status})\n{output}")
    return f"{variant.name}: {'; '.join(x for x in output.splitlines() if x[:2] != 'ok')}"


def main() -> None:
    """Build and run the driver for each variant, all at once; a fault ends it."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor() as together:
        folder = Path(name)
        problem = what_prevents_them(folder)
        if problem:
            print(f"The sanitizers do not work here, so the driver was not run: {problem}")
            return
        for line in together.map(lambda variant: check(variant, folder), variants_of(machine())):
            print(line, flush=True)


if __name__ == "__main__":
    main()
