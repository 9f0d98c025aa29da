"""A pool's PostgreSQL connection is idle for longer than the firewall remembers it.

The next statement meets no connection; libpq waits until TCP_USER_TIMEOUT ends it in silence.
"""

from __future__ import annotations

import time

from finis.lab.admission import Policy
from finis.lab.scenario import HARMFUL, Lab, Truth
from finis.lab.scenarios import _databases

TRUTH = Truth(
    ("firewall-idle-timeout", "firewall-dropped-segments", "cut-off-by-firewall"),
    ("retransmissions-unanswered", "still-open", "client-aborted", "capture-ended",
     "rst-dropped-by-firewall"), HARMFUL,
)  # fmt: skip
DENIALS = ("data-after-idle-timeout", "close-after-idle-timeout")
POLICY = Policy(idle=1)
NEEDS = ("postgres", "psql")


def run(lab: Lab) -> None:
    _databases.postgres(lab)
    program = _databases.session(lab, "keepalives=0 tcp_user_timeout=1500")
    lab.told["before"] = _databases.ask(program, "select 1;")
    time.sleep(2.4)
    _databases.ask(program, "select 2;", answer=False)
    time.sleep(2.6)
