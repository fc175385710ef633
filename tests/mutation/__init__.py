"""Do the tests bite? Small wrong edits to the source, each of which some test should find.

``python -m tests.mutation --package compiler --count 60`` draws edits at random, runs the tests of
the package on each, and reports how many were found. The work tree is never touched: the edits are
made in a copy. ``edits`` finds them, ``packages`` says which tests belong to which modules,
``running`` runs them, ``records`` keeps what came out.
"""

from __future__ import annotations
