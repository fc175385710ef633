"""Names of cases, the same in every process: without the addresses of objects."""

from __future__ import annotations

import re

__all__ = ["case_name"]


def case_name(case: object) -> str:
    """What a case is called, for ``pytest.mark.parametrize(..., ids=case_name)``."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", str(case) if isinstance(case, str) else repr(case))
