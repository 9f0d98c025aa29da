"""Chooses between the compiled kernels and the readable references they mirror."""

from __future__ import annotations

import importlib
import os
from typing import Any


def kernel(module: str) -> Any:
    """The module of that full name, which is compiled or needs one that is; None where it is not
    built, or ``FINIS_PURE=1`` asks for the reference."""
    if os.environ.get("FINIS_PURE") == "1":
        return None
    try:
        return importlib.import_module(module)
    except ImportError:
        return None
