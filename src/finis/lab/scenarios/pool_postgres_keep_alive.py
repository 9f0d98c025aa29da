"""The same with keep-alives shorter than the firewall's idle timer: the pool works on."""

from __future__ import annotations

import time

from finis.lab.admission import Policy
from finis.lab.scenario import HARMLESS, Lab, Truth
from finis.lab.scenarios import _databases

# The client says that it closes before its FIN; the server's FIN may cross it.
TRUTH = Truth(
    ("client-closed-first", "closed-simultaneously", "server-closed-first"), ("closed-per-log",),
    HARMLESS, "closed", first_rst="none",
)  # fmt: skip
DENIALS = ("late-ack", "late-fin")
POLICY = Policy(idle=2)
NEEDS = ("postgres", "psql")


def run(lab: Lab) -> None:
    _databases.postgres(lab)
    program = _databases.session(lab, "keepalives_idle=1 keepalives_interval=1")
    lab.told["before"] = _databases.ask(program, "select 1;")
    time.sleep(3.6)
    lab.told["after"] = _databases.ask(program, "select 2;")
    _databases.ask(program, "\\q", answer=False)
    program.wait(5)
