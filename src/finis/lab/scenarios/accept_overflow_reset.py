"""The same with `tcp_abort_on_overflow`: Linux resets the connection the client believes in."""

from __future__ import annotations

from finis.lab.scenario import HARMFUL, HARMLESS, Lab, Truth
from finis.lab.scenarios import _backlog

TRUTH = (
    Truth(("client-closed-first",), ("closed-per-log",), HARMLESS, ended="closed"),
    Truth(("accept-queue-overflow",),
          ("server-aborted", "host-without-state", "state-lost", "reset-per-log", "refused"),
          HARMFUL, first_fin="none", first_rst="resp", source=_backlog.LOSER),
)  # fmt: skip
DENIALS = ("late-rst", "late-data", "rst-of-host-without-state")
KINDS = ("asa",)
CONNECTIONS = 6


def run(lab: Lab) -> None:
    _backlog.overflow(lab, abort=1)
