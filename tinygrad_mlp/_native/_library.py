"""Stand-in until the real loader is merged."""
from __future__ import annotations
import ctypes
from dataclasses import dataclass
from typing import Any
import numpy as np


class Library:
    def __init__(self, path: str) -> None:
        self.variant = 'v4'
        self.cdll = ctypes.CDLL(path)
        self.cdll.operations.restype = ctypes.c_char_p
        self.operations = {n: i for i, n in enumerate(self.cdll.operations().decode().split())}

    def runner(self, dtype: Any, records: Any, addresses: Any) -> Any:
        f = self.cdll.run_f64 if dtype == np.float64 else self.cdll.run_f32
        f.restype = None
        args = ctypes.c_void_p(records.ctypes.data), ctypes.c_int64(len(records)), ctypes.c_void_p(addresses.ctypes.data)
        return lambda: f(*args)

import os
import functools
@functools.cache
def load():
    return Library(os.environ.get("TG_LIB", "/tmp/t.so"))

def why_not(): return ""
