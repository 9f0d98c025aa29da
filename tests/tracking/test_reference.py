"""The readable tracker: what DESIGN's reference case needs, and the state × segment table of
RFC 9293 §3.10.7 and RFC 5961 as an observer sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from finis.terms import Accept, Answers, Ended, Flag, Kind, Notify, Quirk, Role, RstClass
from finis.tracking import endings
from finis.tracking._api import Observations
from finis.tracking.reference import ReferenceTracker
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
     +.3  C > S F. 101 ack 1002""", Ended.CLOSING, "<F >F >F'", "SF", "ShADdfF"),
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
     +.02 C > S P. 101:201(100) ack 1001""", Ended.OPEN, ">R <. >D", "RSTO", "ShADdRa"),
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


# --- what a segment is: each kind beside its look-alikes --------------------------------------

KINDS = [
    ("keep-alive and its ACK", "+60 C > S . 100 ack 1001\n+.02 S > C . 1001 ack 101",
     ["KEEP_ALIVE", "KEEP_ALIVE_ACK"]),
    ("keep-alive with a byte", "+60 C > S . 100(1) ack 1001", ["KEEP_ALIVE"]),
    ("not a keep-alive: something is in flight",
     "+1 C > S P. 101(50) ack 1001\n+60 C > S . 150 ack 1001", ["DATA", "ACK"]),
    ("not a keep-alive: two bytes", "+60 C > S . 99(2) ack 1001", ["DATA"]),
    ("zero-window probe", """
     +.1  S > C . 1001 ack 101 win 0
     +.5  C > S . 101(1) ack 1001
     +.02 S > C . 1001 ack 101 win 0""", ["WINDOW_UPDATE", "WINDOW_PROBE", "KEEP_ALIVE_ACK"]),
    ("zero-window probe as Linux sends it",
     "+.1 S > C . 1001 ack 101 win 0\n+.5 C > S . 100 ack 1001", ["WINDOW_UPDATE", "WINDOW_PROBE"]),
    ("one byte into an open window is data", "+.1 C > S . 101(1) ack 1001", ["DATA"]),
    ("window update", "+.1 C > S . 101 ack 1001 win 9999", ["WINDOW_UPDATE"]),
    ("duplicate ACKs", """
     +.1 S > C . 2001(1000) ack 101
     +.1 C > S . 101 ack 1001
     +.1 C > S . 101 ack 1001""", ["DATA", "DUP_ACK", "DUP_ACK"]),
    ("an ACK again with nothing outstanding", "+.1 C > S . 101 ack 1001", ["ACK"]),
    ("retransmission", "+.1 C > S P. 1(100) ack 1001", ["DATA"]),
    ("beyond the window", "+.1 C > S P. 20000000(10) ack 1001", ["OUT_OF_WINDOW"]),
    ("before the ISN", "+.1 C > S P. 4294960000(10) ack 1001", ["OUT_OF_WINDOW"]),
    ("acknowledges what was never sent, and the challenge", """
     +.1  C > S . 101 ack 3000000000
     +.02 S > C . 1001 ack 101""", ["OUT_OF_WINDOW", "CHALLENGE_ACK"]),
    ("SYN ACK inside a connection and the challenge",
     "+1 S > C S. 5000000(0) ack 101\n+.02 C > S . 101 ack 1001", ["SYN_ACK", "CHALLENGE_ACK"]),
    ("SYN inside a connection and the challenge",
     "+1 C > S S 5000000(0)\n+.02 S > C . 1001 ack 101\n+.1 C > S . 101 ack 1001",
     ["SYN", "CHALLENGE_ACK", "ACK"]),
    ("FIN, again, with data", """
     +1 C > S FP. 101(20) ack 1001
     +1 C > S FP. 101(20) ack 1001""", ["FIN", "FIN"]),
    ("no ACK bit", "+1 C > S - 101\n+1 C > S F 101\n+1 C > S P 101(5)", ["STRAY", "FIN", "DATA"]),
]  # fmt: skip


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case[0])
def test_kind_of_segment(case: tuple[str, str, list[str]]) -> None:
    assert track(OPEN + case[1]).kinds[6:] == case[2]


# --- what a RST is (RFC 9293 §3.10.7.1, RFC 5961 §3.2) ----------------------------------------

FINISHED = OPEN + "+1 C > S F. 101 ack 1001\n+.02 S > C . 1001 ack 102\n"
RESETS = [
    ("abort", OPEN + "+.1 C > S R. 101 ack 1001", 0, RstClass.ABORT, Answers.NONE, Accept.EXACT),
    ("abort, the number of FIN again (macOS)", FINISHED + "+.1 C > S R. 101 ack 1001", 0,
     RstClass.ABORT, Answers.NONE, Accept.IN_WINDOW),
    ("abort after FIN", FINISHED + "+.1 S > C P. 1001(9) ack 102\n+.1 C > S . 102 ack 1010\n"
     "+.1 C > S R. 102 ack 1010", 0, RstClass.ABORT, Answers.NONE, Accept.EXACT),
    ("abort without ACK bit", OPEN + "+60 C > S R 101", 0, RstClass.ABORT, Answers.NONE,
     Accept.EXACT),
    ("after its own FIN, without ACK bit: an answer, whatever it answers",
     FINISHED + "+60 C > S R 102", 0, RstClass.NO_STATE, Answers.UNSEEN, Accept.EXACT),
    ("data after close", FINISHED + "+.1 S > C P. 1001(9) ack 102\n+.001 C > S R 102", 0,
     RstClass.DATA_AFTER_CLOSE, Answers.DATA, Accept.EXACT),
    ("data after close, with ACK bit",
     FINISHED + "+.1 S > C P. 1001(9) ack 102\n+.001 C > S R. 102 ack 1010", 0,
     RstClass.NO_STATE_ACK, Answers.DATA, Accept.EXACT),
    ("an abort in its place: timestamps need state",
     FINISHED + "+.1 S > C P. 1001(9) ack 102\n+.001 C > S R. 102 ack 1010 <TS 7 7>", 0,
     RstClass.ABORT, Answers.NONE, Accept.EXACT),
    ("data answered with an abort: the sender had not closed",
     OPEN + "+.1 S > C P. 1001(9) ack 101\n+.001 C > S R. 101 ack 1010", 0,
     RstClass.ABORT, Answers.NONE, Accept.EXACT),
    ("keep-alive to a host that forgot", OPEN + "+60 C > S . 100 ack 1001\n+.02 S > C R 1001", 1,
     RstClass.NO_STATE, Answers.KEEP_ALIVE, Accept.EXACT),
    ("the same from lwIP", OPEN + "+60 C > S . 100 ack 1001\n+.02 S > C R. 1001 ack 100", 1,
     RstClass.NO_STATE_ACK, Answers.KEEP_ALIVE, Accept.EXACT),
    ("FIN to a host that forgot", FINISHED + "+9 S > C F. 1001 ack 102\n+.1 C > S R 102", 0,
     RstClass.NO_STATE, Answers.FIN, Accept.EXACT),
    ("data, then FIN: the data met the closed socket first",
     FINISHED + "+.1 S > C P. 1001(9) ack 102\n+.001 S > C F. 1010 ack 102\n+.001 C > S R 102", 0,
     RstClass.DATA_AFTER_CLOSE, Answers.DATA, Accept.EXACT),
    ("data that was acknowledged, then FIN to a host that forgot",
     FINISHED + "+.1 S > C P. 1001(9) ack 102\n+.01 C > S . 102 ack 1010\n"
     "+2 S > C F. 1010 ack 102\n+.001 C > S R 102", 0,
     RstClass.NO_STATE, Answers.FIN, Accept.EXACT),
    ("data, then FIN, to a host that had not closed",
     OPEN + "+.1 S > C P. 1001(9) ack 101\n+.001 S > C F. 1010 ack 101\n+.001 C > S R 101", 0,
     RstClass.NO_STATE, Answers.FIN, Accept.EXACT),
    ("an abort that crosses a FIN: it acknowledges the data before, with timestamps",
     OPEN + "+.1 S > C P. 1001(9) ack 101\n+.001 S > C F. 1010 ack 101\n"
     "+.001 C > S R. 101 ack 1010 <TS 7 7>", 0, RstClass.ABORT, Answers.NONE, Accept.EXACT),
    ("the same without timestamps: it may be either",
     OPEN + "+.1 S > C P. 1001(9) ack 101\n+.001 S > C F. 1010 ack 101\n"
     "+.001 C > S R. 101 ack 1010", 0, RstClass.NO_STATE_ACK, Answers.DATA, Accept.EXACT),
    ("SYN ACK to a host that sent no SYN", "+0 S > C S. 0(0) ack 5\n+.1 C > S R 5", 0,
     RstClass.NO_STATE, Answers.SYN_ACK, Accept.EXACT),
    ("SYN ACK for another SYN", "+0 C > S S 0(0)\n+.1 S > C S. 0(0) ack 9999\n+.1 C > S R 9999",
     0, RstClass.BAD_ACK, Answers.SYN_ACK, Accept.UNKNOWN),
    ("half-open probe", "+0 C > S S 0(0)\n+.1 S > C S. 0(0) ack 1\n+.1 C > S R 1", 0,
     RstClass.NO_STATE, Answers.SYN_ACK, Accept.EXACT),
    ("refusal after 20 s", "+0 C > S S 0(0)\n+20 S > C R. 0 ack 1", 1, RstClass.REFUSAL,
     Answers.SYN, Accept.EXACT),
    ("ahead of all that was sent", OPEN + "+.1 S > C R. 50001 ack 101", 1, RstClass.SUSPECT,
     Answers.NONE, Accept.IN_WINDOW),
    ("long acknowledged", OPEN + "+9 C > S R. 51 ack 1001", 0, RstClass.SUSPECT, Answers.NONE,
     Accept.OUTSIDE),
    ("an answer to something not captured", OPEN + "+.1 C > S P. 101(100) ack 1001\n"
     "+.1 C > S R 151", 0, RstClass.NO_STATE, Answers.UNSEEN, Accept.OUTSIDE),
    ("alone", "+0 C > S R 151", 0, RstClass.NO_STATE, Answers.UNSEEN, Accept.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize("case", RESETS, ids=lambda case: case[0])
def test_what_a_reset_is(case: tuple[str, str, int, RstClass, Answers, Accept]) -> None:
    _, script, side, *expected = case
    assert track(script).rst(side) == tuple(expected)


def test_a_reset_is_never_answered_with_a_reset() -> None:
    seen = track(OPEN + "+1 C > S R. 101 ack 1001\n+.001 S > C R 1001")
    assert seen.rst(1)[1] != Answers.NONE or seen.rst(1)[0] == RstClass.ABORT
    assert not (seen.found.tail["role"][seen.found.tail["kind"] == Kind.RST] & Role.ANSWERED).any()


# --- one connection or two? -------------------------------------------------------------------


def conns(script: str) -> list[int]:
    return track(script).batch["conn"].tolist()


CLOSED = (
    OPEN
    + """
+1   C > S F. 101 ack 1001
+.02 S > C F. 1001 ack 102
+.02 C > S .  102 ack 1002
"""
)


def test_a_new_syn_after_the_end_is_a_new_connection() -> None:
    seen = track(CLOSED + "+5 C > S S 70000(0)\n+.1 S > C S. 90000(0) ack 70001")
    assert len(seen.found.rows) == 2
    assert seen.found.rows["reuse_gap_ns"].tolist() == [-1, 5_000_000_000]
    assert seen.found.rows["pkts"].tolist() == [[6, 3], [1, 1]]


def test_a_syn_again_is_the_same_connection() -> None:
    assert set(conns("+0 C > S S 0(0)\n+1 C > S S 0(0)\n+2 C > S S 0(0)")) == {0}
    assert conns("+0 C > S S 0(0)\n+1 C > S S 99(0)") == [0, 1]


def test_a_challenged_syn_is_no_new_connection_but_an_answered_one_is() -> None:
    challenged = OPEN + "+1 C > S S 5000000(0)\n+.02 S > C . 1001 ack 101\n"
    seen = track(challenged)
    assert (len(seen.found.rows), seen.ended) == (1, Ended.OPEN)
    assert seen.row["challenge"].tolist() == [0, 1]
    answered = OPEN + "+1 C > S S 5000000(0)\n+.02 S > C S. 7000000(0) ack 5000001\n"
    seen = track(answered + "+.02 C > S . 5000001 ack 7000001")
    assert seen.found.rows["pkts"].tolist() == [[4, 2], [2, 1]]
    assert seen.found.rows["syns"].tolist() == [[1, 1], [1, 1]]
    assert seen.found.rows["established"].tolist() == [1, 1]
    refused = OPEN + "+1 C > S S 5000000(0)\n+.02 S > C R. 0 ack 5000001\n"
    assert track(refused).found.rows["ended"].tolist() == [Ended.OPEN, Ended.REFUSED]


def test_challenge_without_the_old_connection_is_not_a_refusal() -> None:
    seen = track("""
        +0    C > S S 0(0)
        +.02  S > C . 777000 ack 555000
        +.001 C > S R 555000
        +1    C > S S 0(0)""")
    assert seen.kinds == ["SYN", "CHALLENGE_ACK", "RST", "SYN"]
    assert seen.ended == Ended.UNANSWERED
    assert seen.ending == ">S <. >R >S'"
    assert seen.row["challenge"].tolist() == [0, 1]
    assert seen.rst(0) == (RstClass.BAD_ACK, Answers.CHALLENGE_ACK, Accept.UNKNOWN)


def test_simultaneous_open() -> None:
    seen = track("""
        +0   C > S S  0(0)
        +.01 S > C S  0(0)
        +.01 C > S S. 0(0) ack 1
        +0   S > C S. 0(0) ack 1
        +.01 C > S .  1 ack 1""")
    assert (seen.row["simultaneous"], seen.row["established"], seen.ended) == (1, 1, Ended.OPEN)
    assert seen.row["rexmit_pkts"].tolist() == [0, 0]


def test_a_guess_gives_way_to_a_syn_captured_late() -> None:
    seen = track("""
        name C 192.0.2.1:80
        name S 198.51.100.1:9000
        +0 S > C P. 1(10) ack 1
        +0 S > C S. 0(0) ack 1""")
    assert (seen.row["orig_p"], seen.row["orientation"]) == (80, 2)
    seen = track(
        "name C 192.0.2.1:80\nname S 198.51.100.1:9000\n+0 C > S . 1 ack 1\n+0 C > S S 0(0)"
    )
    assert (seen.row["orig_p"], seen.row["orientation"], seen.history) == (80, 2, "AS")


# --- capture artefacts ------------------------------------------------------------------------


def test_mirrored_frames_count_once() -> None:
    seen = track(
        OPEN
        + """
        +1     C > S P. 101(10) ack 1001 id=7
        +.0002 C > S P. 101(10) ack 1001 id=7
        +.0002 C > S P. 101(10) ack 1001 id=8
        +.1    C > S R. 111 ack 1001 id=9
        +.0001 C > S R. 111 ack 1001 id=9
        +.0001 C > S R. 111 ack 1001"""
    )
    assert (seen.row["pkts"][0], seen.row["rexmit_pkts"][0], seen.row["rsts"][0]) == (8, 1, 2)
    assert [bool(quirks & 1 << 18) for quirks in seen.batch["quirks"][6:]] == [
        False, True, False, False, True, False,
    ]  # fmt: skip


def test_reordered_is_not_retransmitted() -> None:
    seen = track(
        OPEN
        + """
        +1   C > S P. 201(100) ack 1001
        +0   C > S P. 101(100) ack 1001
        +.1  S > C .  1001 ack 301"""
    )
    assert (seen.row["bytes"][0], seen.row["rexmit_pkts"][0]) == (300, 0)
    assert "G" not in seen.history.upper()


def test_an_ack_of_unseen_data_moves_snd_nxt() -> None:
    seen = track(OPEN + "+1 S > C . 1001 ack 501\n+1 C > S R. 501 ack 1001")
    assert (seen.row["nxt"][0], seen.ended) == (501, Ended.RESET)
    assert seen.history.endswith("R") and "G" in seen.history


def test_a_reset_over_lost_data_is_only_presumed() -> None:
    lost = OPEN + "+1 C > S P. 201(100) ack 1001\n+1 C > S R. 301 ack 1001"
    seen = track(lost)
    assert (seen.ended, seen.row["reset_by"]) == (Ended.RESET, 255)
    assert track(lost + "\n+.1 S > C P. 1001(5) ack 101").ended == Ended.OPEN


def test_a_reset_with_the_number_of_its_fin_is_presumed_to_be_accepted() -> None:
    aborted = FINISHED + "+.1 C > S R. 101 ack 1001\n"
    seen = track(aborted)
    assert (seen.ended, seen.row["reset_by"]) == (Ended.RESET, 255)
    assert track(aborted + "+.1 S > C . 1001 ack 102").ended == Ended.HALF_CLOSED


def test_a_single_stray_segment_does_not_stay_for_a_day() -> None:
    one = tracker()
    one.feed(segments("+0 C > S . 1 ack 1\n+0 S > C . 1 ack 1"))
    one.feed(segments("name C 192.0.2.9:9\n+0 C > S . 1 ack 1\n+200 C > S . 1 ack 1"))
    assert len(one.take().rows) == 1
    assert len(one.finish().rows) == 2


def test_a_reset_that_its_receiver_outlived_ended_nothing() -> None:
    injected = OPEN + "+1 C > S R. 101 ack 1001\n"
    assert track(injected).ended == Ended.RESET
    alive = injected + "+.1 C > S P. 101(50) ack 1001\n+.1 S > C . 1001 ack 151\n"
    seen = track(alive)
    assert (seen.ended, seen.row["reset_by"]) == (Ended.OPEN, 255)
    assert seen.rst(0)[0] == RstClass.SUSPECT
    crossing = injected + "+.1 S > C P. 1001(50) ack 101\n"
    assert track(crossing).ended == Ended.RESET


def test_data_after_the_peers_fin_and_after_the_own() -> None:
    seen = track(FINISHED + "+1 S > C P. 1001(500) ack 102\n+1 C > S P. 102(20) ack 1501")
    assert seen.row["after_fin"].tolist() == [0, 500]
    assert seen.row["after_own_fin"].tolist() == [20, 0]


def test_sequence_numbers_wrap() -> None:
    wrapped = "isn C 4294967200\nisn S 4294966500\n" + CLOSED
    seen, plain = track(wrapped), track(CLOSED)
    assert (seen.ended, seen.ending, seen.history) == (plain.ended, plain.ending, plain.history)
    assert (seen.row["bytes"] == plain.row["bytes"]).all()


# --- TLS -------------------------------------------------------------------------------------


def notify(tail: str, port: int = 443) -> Notify:
    script = f"name S 198.51.100.1:{port}\n{OPEN}{tail}\n+0 C > S F. ack 1001"
    return Notify(int(track(script).row["notify"][0]))


def test_close_notify() -> None:
    assert notify("+1 C > S P. 101(31) ack 1001 nopayload") == Notify.LIKELY
    assert notify("+1 C > S P. 101(31) ack 1001 nopayload", port=5432) == Notify.UNSEEN
    assert notify("+1 C > S P. 101(32) ack 1001 nopayload") == Notify.UNSEEN
    assert notify("+1 C > S P. 101(31) ack 1001 head=1503030020 alert=record") == Notify.LIKELY
    assert notify("+1 C > S P. 101(7) ack 1001 head=1503030002 alert=close-notify") == Notify.YES
    assert notify("+1 C > S P. 101(99) ack 1001") == Notify.UNSEEN
    script = OPEN.replace("P. 1:101(100) ack 1", "P. 1:101(100) ack 1 head=160301")
    seen = track(script + "+1 C > S P. 101(99) ack 1001 head=170303\n+0 C > S F. ack 1001")
    assert Notify(int(seen.row["notify"][0])) == Notify.NO


def test_a_transfer_may_be_longer_than_half_the_sequence_space() -> None:
    """5 GB one way, in order: all of it is in the window, and so is the FIN at its end."""
    rows = segments(
        OPEN + "+1 C > S F. 101 ack 1001\n+0 S > C F. 1001 ack 102\n+0 C > S . ack 1002"
    )
    middle = np.repeat(rows[-3:-2], 320)
    middle["flags"], middle["payload_len"] = int(Flag.ACK), 1 << 24
    start = int(middle["seq"][0])
    middle["seq"] = (start + (np.arange(320, dtype=np.uint64) << 24)) & 0xFFFFFFFF
    acks = np.repeat(rows[-2:-1], 320)
    acks["flags"] = int(Flag.ACK)
    acks["ack"] = (start + (np.arange(1, 321, dtype=np.uint64) << 24)) & 0xFFFFFFFF
    both = np.stack((middle, acks), axis=1).reshape(-1)
    moved = (320 << 24) & 0xFFFFFFFF
    end = rows[-3:].copy()
    for at, name in ((0, "seq"), (1, "ack"), (2, "seq")):
        end[name][at] = (int(end[name][at]) + moved) & 0xFFFFFFFF
    whole = np.concatenate((rows[:-3], both, end))
    whole["ts_ns"][-len(both) - 3 :] = rows["ts_ns"][-3] + np.arange(len(both) + 3) * 2_000_000
    for one in (tracker(), ReferenceTracker()):
        one.feed(whole.copy())
        found = one.finish().rows[0]
        assert found["out_of_window"].tolist() == [0, 0]
        assert found["bytes"][0] == 100 + (320 << 24)
        assert Ended(int(found["ended"])) == Ended.CLOSED


# --- memory and batches -----------------------------------------------------------------------


def test_batches_do_not_matter() -> None:
    rows = segments(CLOSED + "+1 C > S S 70000(0)\n+500 C > S S 1(0)\n+500 S > C R 5")
    whole = tracker()
    whole.feed(rows.copy())
    expected = whole.finish()
    single = tracker()
    parts = []
    for at in range(len(rows)):
        single.feed(rows[at : at + 1].copy())
        part = single.take()
        parts.append(Observations(part.rows.copy(), part.tail.copy()))  # the arrays are reused
    parts.append(single.finish())
    got = np.concatenate([part.rows for part in parts])
    got["tail_at"] = expected.rows["tail_at"]
    assert repr(got.tolist()) == repr(expected.rows.tolist())
    tails = np.concatenate([part.tail for part in parts])
    assert tails.tolist() == expected.tail.tolist()


def test_connections_leave_when_nothing_more_can_come() -> None:
    one = tracker()
    one.feed(segments(CLOSED))
    assert len(one.take().rows) == 0
    one.feed(segments("start 2024-05-01T13:00:00\nname C 192.0.2.9:1\n+0 C > S S 0(0)"))
    assert len(one.take().rows) == 1
    assert len(one.finish().rows) == 1


def test_the_table_is_bounded_and_embryonic_connections_go_first() -> None:
    one = tracker(max_connections=2)
    one.feed(
        segments(
            OPEN
            + """
        name C 192.0.2.2:2
        +1 C > S S 0(0)
        name C 192.0.2.3:3
        +1 C > S S 0(0)"""
        )
    )
    gone = one.take().rows
    assert gone["orig_p"].tolist() == [2]
    assert len(one.finish().rows) == 2


BEGUN = "+0 C > S S 0(0)\n+.01 S > C S. 0(0) ack 1 <TS 5 0>\n"
AT_ONCE = [
    ("SYN ACK", BEGUN + "+.0001 S > C S. 0(0) ack 1 <TS 5 0>", True),
    ("SYN ACK, its clock a tick further", BEGUN + "+.0001 S > C S. 0(0) ack 1 <TS 6 0>", False),
    ("SYN ACK after a second", BEGUN + "+1 S > C S. 0(0) ack 1 <TS 5 0>", False),
    ("SYN", "+0 C > S S 0(0)\n+.0005 C > S S 0(0)", True),
    ("FIN", OPEN + "+1 C > S F. 101 ack 1001\n+.0005 C > S F. 101 ack 1001", True),
    ("FIN, with IDs", OPEN + "+1 C > S F. 101 ack 1001 id=7\n+.0005 C > S F. 101 ack 1001 id=8",
     False),
    ("RST: one for each segment that it answers",
     OPEN + "+1 C > S R 101\n+.0005 C > S R 101", False),
    ("ACK", OPEN + "+1 C > S . 101 ack 1001\n+.0005 C > S . 101 ack 1001", False),
]  # fmt: skip


@pytest.mark.parametrize("case", AT_ONCE, ids=lambda case: case[0])
def test_what_nobody_repeats_at_once_is_a_copy(case: tuple[str, str, bool]) -> None:
    """Frames seen twice whose IPv4 identification is 0, or that are IPv6."""
    _, script, copy = case
    seen = track(script)
    assert bool(seen.batch["quirks"][-1] & np.uint32(Quirk.COPY)) == copy
    assert seen.found.rows["pkts"].sum() == len(seen.batch) - copy
