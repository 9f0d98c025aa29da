"""nginx refuses a body that is too large (413) while the client still sends it.

Lingering close: it shuts down its side, and reads and discards for a while, so that no RST
destroys the response on its way.
"""

from __future__ import annotations

from finis.lab.scenario import Lab
from finis.lab.scenarios import _programs, _upload

TRUTH = _upload.LINGERING
NEEDS = ("nginx",)


def run(lab: Lab) -> None:
    _programs.nginx(lab, "client_max_body_size 1k;")
    _upload.refused(lab)
