#!/usr/bin/env bash
# matplotlib 3.8.4 with pyparsing 3.2.5: `python -W error` and `warnings.simplefilter("error")`
# do not do the same.
#
# Expected: a figure with a logarithmic axis is drawn without a warning, so that it makes no
#   difference which of the two ways turns warnings into errors.
# What happens: with simplefilter it is drawn; with -W error (and with -W always, which only shows)
#   the first number written as a power of ten raises
#       UserWarning: warn_on_assignment_to_Forward: Forward defined here but no expression ...
#   pyparsing reads sys.warnoptions when it is imported and switches its own diagnostics of
#   grammars on for any general -W that does not ignore (_should_enable_warnings in
#   pyparsing/core.py), and matplotlib's grammar of mathematics before 3.9 does not pass them. So a
#   test suite that runs programs under -W error fails where pytest's filterwarnings = error passes.
# Since matplotlib 3.9.0 both pass.
# Seen on 2026-11-28 (CPython 3.11.7):
#   3.8.4 simplefilter: drawn
#   3.8.4 -W error: UserWarning: warn_on_assignment_to_Forward: ...
#   3.9.0 -W error: drawn
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python

cat >"$folder/figure.py" <<'PYTHON'
import sys
import warnings

if "simplefilter" in sys.argv:
    warnings.simplefilter("error")
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

figure, axes = plt.subplots()
axes.semilogy([1, 1000])
figure.savefig(sys.argv[1])
print("drawn")
PYTHON

draw() { # draw OPTION...: the last line of what drawing prints
    (cd "$folder" && "$python" "$@" 2>&1 || true) | tail -1
}

install() {
    "$python" -m pip install -q "matplotlib==$1" "pyparsing==3.2.5" "numpy==2.0.0" "pillow<12"
}

install 3.8.4
by_filter=$(draw figure.py figure.png simplefilter)
by_option=$(draw -W error figure.py figure.png)
install 3.9.0
newer=$(draw -W error figure.py figure.png)
printf '3.8.4 simplefilter: %s\n3.8.4 -W error: %s\n3.9.0 -W error: %s\n' \
    "$by_filter" "$by_option" "$newer"
[[ $by_filter == drawn && $by_option == UserWarning:*Forward* && $newer == drawn ]]
