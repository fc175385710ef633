#!/usr/bin/env bash
# Playwright for Python up to 1.63: the number 0.0 arrives in the page as -0.
#
# Expected: page.evaluate("x => 1 / x", 0.0) is inf; only -0.0 gives -inf.
# What happens: every float zero arrives as -0 (the integer 0 does not), so a test that compares
#   how a page writes numbers with how Python does sees "-0" for 0.0. The serializer compares with
#   -0, which 0.0 equals too (playwright/_impl/_js_handle.py). Mended in 1.64.0.
# Seen on 2026-11-28 (CPython 3.11.7, Chromium 156; no browser is needed below: the serializer is
# called as evaluate calls it):
#   1.63.0: 0.0 -> {'v': '-0'}, -0.0 -> {'v': '-0'}, 0 -> {'n': 0}
#   1.64.0: 0.0 -> {'n': 0.0}, -0.0 -> {'v': '-0'}, 0 -> {'n': 0}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python

sent() { # sent VERSION: what goes to the page for 0.0, -0.0 and 0
    "$python" -m pip install -q "playwright==$1"
    "$python" - <<'PYTHON'
from playwright._impl._js_handle import serialize_argument

print(", ".join(f"{x} -> {serialize_argument(x)['value']}" for x in (0.0, -0.0, 0)))
PYTHON
}

old=$(sent 1.63.0)
new=$(sent 1.64.0)
printf '1.63.0: %s\n1.64.0: %s\n' "$old" "$new"
[[ $old == "0.0 -> {'v': '-0'}, -0.0 -> {'v': '-0'}, "* && $new == "0.0 -> {'n': 0"* ]]
