"""finis explains how TCP connections end, who ended them, and why a firewall complains.

>>> case = finis.read(["asa.log", "inside.pcap", "outside.pcap"])   # doctest: +SKIP
>>> case.connections, case.denials, case.findings                   # doctest: +SKIP
>>> case.explain("203.0.113.147:43918")                             # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finis.errors import FinisError, InputError, UsageError
from finis.version import VERSION

if TYPE_CHECKING:
    from finis.pipeline import Case, Options, read

__version__ = VERSION
__all__ = ["Case", "FinisError", "InputError", "Options", "UsageError", "__version__", "read"]


def __getattr__(name: str) -> Any:
    """`read`, `Case` and `Options`, imported when first used: ``finis --help`` needs none."""
    if name in ("Case", "Options", "read"):
        from finis import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module 'finis' has no attribute {name!r}")
