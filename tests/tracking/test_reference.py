"""The readable tracker: what DESIGN's reference case needs, and the state × segment table of
RFC 9293 §3.10.7 and RFC 5961 as an observer sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from finis.terms import Accept, Answers, Ended, Kind, Notify, Role, RstClass
from finis.tracking import endings
from finis.tracking._api import Observations
from finis.tracking.segments import tracker
from tests.script import segments

INSIDE = """
name C 203.0.113.147:43918
name S 172.17.77.250:443
@47.907301 S > C F. 2320205170:2320205170(0) ack 991843171 win 65535
@47.952480 C > S .  ack 2320205171 win 65535 noseq
@50.443687 C > S F. 991843171:991843171(0) ack 2320205171 win 65535
@50.443687 C > S R. 991843172:991843172(0) ack 2320205171 win 0
@50.443748 S > C R  2320205171:2320205171(0) win 0
"""
CONTROL = """
@51.372035 C > S F. 221753878:221753878(0) ack 2290377569 win 64296
@51.372218 S > C P. 2290377569:2290377600(31) ack 221753879 win 64296 nopayload
@51.372234 S > C F. 2290377600:2290377600(0) ack 221753879 win 64296
@51.397608 C > S .  ack 2290377600 win 64296 noseq
@51.397699 C > S .  ack 2290377601 win 64296 noseq
"""
OPEN = """
+0    C > S S  0:0(0) <mss 1460,wscale 7>
+.02  S > C S. 0:0(0) ack 1 <mss 1460,wscale 7>
+.001 C > S .  1 ack 1
+.01  C > S P. 1:101(100) ack 1
+.02  S > C P. 1:1001(1000) ack 101
+.01  C > S .  101 ack 1001
"""


@dataclass
class Seen:
    """One tracked script."""

    batch: np.ndarray  # type: ignore[type-arg]
    found: Observations

    @property
    def row(self) -> np.void:
        assert len(self.found.rows) == 1, "one connection expected"
        return self.found.rows[0]

    @property
    def kinds(self) -> list[str]:
        return [Kind(kind).name for kind in self.batch["kind"]]

    @property
    def ended(self) -> Ended:
        return Ended(int(self.row["ended"]))

    @property
    def ending(self) -> str:
        return endings.text(self.row["ending"])

    @property
    def conn_state(self) -> str:
        return endings.CONN_STATES[self.row["conn_state"]]

    @property
    def history(self) -> str:
        return bytes(self.row["history"]).rstrip(b"\0").decode()

    def rst(self, side: int) -> tuple[RstClass, Answers, Accept]:
        row = self.row
        return (
            RstClass(int(row["rst_class"][side])),
            Answers(int(row["rst_answers"][side])),
            Accept(int(row["rst_accept"][side])),
        )


def track(script: str) -> Seen:
    batch = segments(script)
    one = tracker()
    one.feed(batch)
    return Seen(batch, one.finish())


def test_reference_case_inside() -> None:
    seen = track(INSIDE)
    row = seen.row
    assert seen.ending == "<F >. >F >R <R"
    assert (seen.ended, row["reset_by"]) == (Ended.RESET, 0)
    assert (row["first_fin"], row["first_rst"]) == (1, 0)
    assert seen.rst(0) == (RstClass.ABORT, Answers.NONE, Accept.EXACT)
    assert seen.rst(1) == (RstClass.NO_STATE, Answers.FIN, Accept.EXACT)
    assert row["rst_lag_ns"].tolist() == [-1, 61_000]
    assert (row["orig_p"], row["orientation"], row["midstream"]) == (43918, 0, 1)
    answered = seen.found.tail[(seen.found.tail["role"] & Role.ANSWERED) != 0]
    assert answered["frame"].tolist() == [3]
    assert seen.found.tail["sym"].tolist() == [1, 2, 3, 4, 5]


def test_reference_case_control() -> None:
    seen = track(CONTROL)
    assert seen.ending == ">F <Da <F >. >."
    assert seen.ended == Ended.CLOSED
    assert Notify(int(seen.row["notify"][1])) == Notify.LIKELY
    assert Notify(int(seen.row["notify"][0])) == Notify.UNSEEN
    assert (seen.row["fin_acked_ns"] != 0).all()


# --- how connections end -------------------------------------------------------------------

ENDINGS = [
    ("nothing yet", OPEN, Ended.OPEN, "", "S1", "ShADd"),
    ("never answered", "+0 C > S S 0:0(0)\n+1 C > S S 0:0(0)", Ended.UNANSWERED, ">S >S'",
     "S0", "S"),
    ("SYN ACK never answered", "+0 C > S S 0:0(0)\n+.1 S > C S. 0:0(0) ack 1",
     Ended.UNANSWERED, ">S <S", "S1", "Sh"),
    ("refused", "+0 C > S S 0:0(0)\n+.1 S > C R. 0 ack 1", Ended.REFUSED, ">S <R", "REJ", "Sr"),
    ("a RST that does not acknowledge the SYN refuses nothing",
     "+0 C > S S 0:0(0)\n+.1 S > C R. 0 ack 777777", Ended.UNANSWERED, ">S <R?", "REJ", "Sr"),
    ("SYN, then RST by the same side", "+0 C > S S 0:0(0)\n+.1 C > S R 1", Ended.RESET, ">R",
     "RSTOS0", "SR"),
    ("half-closed", OPEN + "+1 C > S F. 101 ack 1001\n+.02 S > C . 1001 ack 102",
     Ended.HALF_CLOSED, ">F <.", "S2", "ShADdFa"),
    ("four segments", OPEN + """
     +1   C > S F. 101 ack 1001
     +.02 S > C .  1001 ack 102
     +.5  S > C F. 1001 ack 102
     +.02 C > S .  102 ack 1002""", Ended.CLOSED, ">F <. <F >.", "SF", "ShADdFaf"),
    ("three segments", OPEN + """
     +1   S > C F. 1001 ack 101
     +.02 C > S F. 101 ack 1002
     +.02 S > C .  1002 ack 102""", Ended.CLOSED, "<F >F <.", "SF", "ShADdfFa"),
    ("last ACK missing", OPEN + """
     +1   S > C F. 1001 ack 101
     +.02 C > S F. 101 ack 1002
     +.3  C > S F. 101 ack 1002""", Ended.CLOSING, "<F >F >F'", "SF", "ShADdfFa"),
    ("RST after both FINs were acknowledged", OPEN + """
     +1   S > C F. 1001 ack 101
     +.02 C > S F. 101 ack 1002
     +.02 S > C .  1002 ack 102
     +.1  S > C R  1002""", Ended.CLOSED, "<F >F <. <R", "SF", "ShADdfFar"),
    ("abort", OPEN + "+1 C > S R. 101 ack 1001", Ended.RESET, ">R", "RSTO", "ShADdR"),
    ("abort by resp", OPEN + "+1 S > C R. 1001 ack 101", Ended.RESET, "<R", "RSTR", "ShADdr"),
    ("RST below the window", OPEN + "+1 C > S R. 11 ack 1001", Ended.OPEN, ">R?", "RSTO",
     "ShADdR"),
    ("RST in the window, challenged", OPEN + """
     +1   C > S R. 2001 ack 1001
     +.02 S > C .  1001 ack 101
     +.02 C > S P. 101:201(100) ack 1001""", Ended.OPEN, ">R <. >D", "RSTO", "ShADdR"),
    ("SYN ACK, FIN, and no SYN", """
     +0   S > C S. 0:0(0) ack 1
     +1   S > C F. 1 ack 1""", Ended.HALF_CLOSED, "<F", "SHR", "^hf"),
    ("midstream", "+0 C > S P. 1:101(100) ack 1\n+.1 S > C . 1 ack 101", Ended.OPEN, "", "OTH",
     "Da"),
]  # fmt: skip


@pytest.mark.parametrize("case", ENDINGS, ids=lambda case: case[0])
def test_how_it_ended(case: tuple[str, str, Ended, str, str, str]) -> None:
    _, script, ended, ending, conn_state, history = case
    seen = track(script)
    assert (seen.ended, seen.ending) == (ended, ending)
    assert (seen.conn_state, seen.history) == (conn_state, history)
