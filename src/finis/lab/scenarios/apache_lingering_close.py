"""Apache refuses a body that is too large (413) while the client still sends it.

Lingering close: it shuts down its side, and reads and discards for a while, so that no RST
destroys the response on its way.
"""

from __future__ import annotations

import time

from finis.lab.scenario import HARMLESS, Lab, Truth
from finis.lab.scenarios import _programs, _upload

TRUTH = Truth(
    ("server-closed-first", "half-close-used"), ("closed-per-log", "server-closed-first"), HARMLESS,
    "closed", "resp", "none",
)  # fmt: skip
NEEDS = ("apache2",)


def run(lab: Lab) -> None:
    _programs.apache(lab, "LimitRequestBody 1000")
    _upload.refused(lab)
    time.sleep(0.2)
