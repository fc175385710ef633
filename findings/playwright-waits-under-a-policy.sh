#!/usr/bin/env bash
# Playwright for Python: wait_for_function fails under a content policy, but only when it has to wait.
#
# Expected: what page.evaluate can read, page.wait_for_function can wait for, also on a page whose
#   Content-Security-Policy has no 'unsafe-eval'; or else it fails each time.
# What happens: the first look works. If the condition does not hold yet, the next look is taken
#   inside the page, with eval, and raises EvalError: a test passes on a fast machine, fails on a slow
#   one. Up to 1.54 whatever form the condition has; from 1.55.0 on a function ("() => window.ready")
#   is waited for, an expression ("window.ready") still is not.
# Source: the predicate of waitForFunction in Playwright's injected script.
# Seen on 2026-11-29 (CPython 3.11.7, Chromium 156):
#   1.54.0: at once ok, function EvalError, expression EvalError
#   1.55.0: at once ok, function ok, expression EvalError
#   1.65.0: at once ok, function ok, expression EvalError
#
# Needs a Chromium on the PATH.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python

cat >"$folder/wait.py" <<'PYTHON'
import base64
import hashlib
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

SCRIPT = "window.ready = false; setTimeout(() => { window.ready = true; }, 1500);"
digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
policy = f"default-src 'none'; script-src 'sha256-{digest}'"
file = Path(sys.argv[1]) / "page.html"
file.write_text(
    f'<!DOCTYPE html><meta http-equiv="Content-Security-Policy" content="{policy}">'
    f"<script>{SCRIPT}</script>"
)
chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
found = []
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    page = browser.new_page()
    for name, condition in (
        ("at once", "true"),
        ("function", "() => window.ready"),
        ("expression", "window.ready"),
    ):
        page.goto(file.as_uri())
        try:
            page.wait_for_function(condition, timeout=6000)
            found.append(f"{name} ok")
        except Error as error:
            found.append(f"{name} {'EvalError' if 'EvalError' in str(error) else error}")
    browser.close()
print(", ".join(found))
PYTHON

seen() { # seen VERSION: what came of each wait
    "$python" -m pip install -q "playwright==$1"
    "$python" "$folder/wait.py" "$folder"
}

old=$(seen 1.54.0)
new=$(seen 1.55.0)
newest=$(seen 1.65.0)
printf '1.54.0: %s\n1.55.0: %s\n1.65.0: %s\n' "$old" "$new" "$newest"
[[ $old == "at once ok, function EvalError, expression EvalError" ]]
[[ $new == "at once ok, function ok, expression EvalError" && $newest == "$new" ]]
