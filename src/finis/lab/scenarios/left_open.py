"""Both programs keep their connection; the captures end before it does."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMLESS, Lab, Truth

TRUTH = Truth(("still-open",), ("capture-ended",), HARMLESS, "open", "none", "none")


def run(lab: Lab) -> None:
    lab.pair()
    time.sleep(2)
