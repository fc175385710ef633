#!/usr/bin/env bash
# mpmath's erfc raises OverflowError for large numbers, where it has no overflow of its own.
#
# Expected: mpmath's numbers have no largest exponent. erfc(1e10) is 4.35e-43429448190325182776, so
#   erfc(1e300) is a number still smaller, or 0, as math.erfc says.
# What happens: erfc(mpf(1e300)) ends in "OverflowError: int too large to convert to float", from the
#   estimate of how many digits are needed.
# Who meets it: whoever takes mpmath as the witness of a function over the whole range of floats.
#   Remedy: compare with 0 from 27 on, where the result is below the smallest double.
# Source: mpf_erfc in mpmath/libmp/libhyper.py.
# Seen on 2026-11-29 (mpmath 1.3.0, CPython 3.11.7):
#   math.erfc(1e300): 0.0
#   mpmath.erfc(1e10): 4.3504398860243e-43429448190325182776
#   mpmath.erfc(1e300): OverflowError: int too large to convert to float
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "mpmath==1.3.0"

cat >"$folder/large.py" <<'PYTHON'
import math

import mpmath

print(f"math.erfc(1e300): {math.erfc(1e300)}")
print(f"mpmath.erfc(1e10): {mpmath.erfc(mpmath.mpf(1e10))}")
assert 0 < mpmath.erfc(mpmath.mpf(1e10)) < mpmath.mpf(10) ** -43429448190325182775
try:
    raise SystemExit(f"it is {mpmath.erfc(mpmath.mpf(1e300))} now")
except OverflowError as error:
    print(f"mpmath.erfc(1e300): OverflowError: {error}")
PYTHON
(cd "$folder" && "$python" large.py)
