"""Apache refuses a body that is too large (413) while the client still sends it.

Lingering close: it shuts down its side, and reads and discards for a while, so that no RST
destroys the response on its way.
"""

from __future__ import annotations

from finis.lab.scenario import Lab
from finis.lab.scenarios import _programs, _upload

TRUTH = _upload.LINGERING
NEEDS = ("apache2",)


def run(lab: Lab) -> None:
    _programs.apache(lab, "LimitRequestBody 1000")
    _upload.refused(lab)
