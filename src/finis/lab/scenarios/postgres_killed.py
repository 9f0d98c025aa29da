"""The server process of a PostgreSQL session is ended by an administrator."""

from __future__ import annotations

import time

from finis.lab.scenario import Lab, Truth
from finis.lab.scenarios import _databases

TRUTH = Truth(
    ("server-closed-first", "server-closed-client-aborted", "data-after-close"),
    ("closed-per-log", "reset-per-log"), first_fin="resp",
)  # fmt: skip
DENIALS = ("late-rst", "answer-to-late-data", "rst-of-host-without-state")
NEEDS = ("postgres", "psql")


def run(lab: Lab) -> None:
    _databases.postgres(lab)
    program = _databases.session(lab)
    _databases.ask(program, "select 1;")
    _databases.ask(program, "select pg_terminate_backend(pg_backend_pid());", answer=False)
    time.sleep(0.3)
    program.kill()
