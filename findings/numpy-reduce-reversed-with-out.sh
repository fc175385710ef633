#!/usr/bin/env bash
# numpy.maximum.reduce with out= leaves an element out where the rows stand in reversed order.
#
# Expected: the largest of some numbers is the same in every order, with out= and without.
# What happens: in a view that is reversed along the reduced axis the first element in memory is not
#   looked at, if the result goes into out=: minimum, maximum, fmin and fmax, also through numpy.min
#   and numpy.max. add.reduce is right, and so is everything without out=. No warning.
# Who meets it: programs that reuse memory. A compiled logsumexp of differences in reversed order came
#   out as inf, which is why tinygrad-mlp needs NumPy 2.2.
# Source: the strides of a reduction are negated where out= is given; numpy issue 27820, mended by
#   pull request 27841 in 2.2.0.
# Seen on 2026-11-28 (CPython 3.11.7, Linux x86-64):
#   numpy 2.1.3: without out 0.0, with out -862.5
#   numpy 2.2.0: without out 0.0, with out 0.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python

cat >"$folder/largest.py" <<'PYTHON'
import sys

import numpy as np

rows = np.array([[0.0], [-2400.0], [-862.5]])[::-1]
plain = np.maximum.reduce(rows, axis=0)[0]
out = np.empty(1)
np.maximum.reduce(rows, axis=0, out=out)
print(f"numpy {np.__version__}: without out {plain}, with out {out[0]}")
assert (plain, out[0]) == (0.0, float(sys.argv[1]))
PYTHON
"$python" -m pip install -q "numpy==2.1.3"
(cd "$folder" && "$python" largest.py -862.5)
"$python" -m pip install -q "numpy==2.2.0"
(cd "$folder" && "$python" largest.py 0.0)
