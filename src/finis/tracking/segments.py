"""Chooses the segment tracker: the compiled kernel, or the readable reference where there is none
or ``FINIS_PURE=1`` asks for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from finis.compiled import kernel

if TYPE_CHECKING:
    from finis.tracking._api import SegmentTracker

SHARES = 2  # whoever follows them: where limits are met, the outcome depends on it
MANY = 1 << 16  # segments after which threads are worth while


def compiled() -> bool:
    """Is the kernel there and wanted?"""
    return kernel("finis.tracking._kernel") is not None


def processors() -> int:
    """On how many this process may run."""
    allowed = getattr(os, "sched_getaffinity", None)  # where there is such a thing
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def tracker(*, parts: bool = False, beside: bool = False, **options: int) -> SegmentTracker:
    """A tracker for the segments of one point; see `ReferenceTracker` for the options.  `parts`: of
    most connections that it hands on nobody will ask for the kept segments; `beside`: of many,
    shares are followed by threads (what is fed must last then, see `captures._api.LASTING`)."""
    options.setdefault("shares", SHARES)
    if compiled():
        from finis.tracking._kernel import KernelTracker

        threads = beside and processors() > 1
        return KernelTracker(parts=parts, beside=MANY if threads else -1, **options)
    from finis.tracking.reference import ReferenceTracker

    return ReferenceTracker(**options)
