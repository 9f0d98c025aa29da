"""The queue of a program that does not accept overflows between a client's SYN and its ACK.

Linux drops the ACK in silence and repeats its SYN ACK; the client believes that it is connected,
sends its request again and again, and gives up (TCP_USER_TIMEOUT).  A later SYN ACK meets a host
that has forgotten the connection.
"""

from __future__ import annotations

from finis.lab.scenario import HARMFUL, HARMLESS, Lab, Truth
from finis.lab.scenarios import _backlog

TRUTH = (
    Truth(("client-closed-first",), ("closed-per-log",), HARMLESS, ended="closed"),
    Truth(("accept-queue-overflow",),
          ("retransmissions-unanswered", "state-lost", "gave-up-silently", "still-open",
           "capture-ended", "syn-ack-unanswered", "reset-per-log"),
          HARMFUL, first_fin="none", source=_backlog.LOSER),
)  # fmt: skip
KINDS = ("asa",)
CONNECTIONS = 6


def run(lab: Lab) -> None:
    _backlog.overflow(lab, abort=0)
