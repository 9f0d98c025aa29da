"""The reference case and its neighbours, through the real tracker."""

from __future__ import annotations

from datetime import date

import pytest

from finis.correlation.correlate import Options, correlate
from finis.correlation.stories import Stories
from finis.terms import Role, Side
from tests.correlation.world import denials, denied, log, logged, point

INSIDE = """
name C 203.0.113.147:43918
name S 172.17.77.250:443
start 2018-06-20T12:00:00
@47.907301 S > C F.  2320205170 ack 991843171 frame=33437
@47.952480 C > S .   ack 2320205171 noseq frame=33438
@50.443687 C > S F.  991843171 ack 2320205171 frame=33748
@50.443687 C > S R.  991843172 ack 2320205171 win 0 frame=33749
@50.443748 S > C R   2320205171 win 0 frame=33750
"""
OUTSIDE = """
name C 203.0.113.147:43918
name S 172.17.77.250:443
start 2018-06-20T12:00:00
@47.907316 S > C F.  3349673389 ack 965033113 frame=32158
@47.952480 C > S .   ack 3349673390 noseq frame=32159
@50.443672 C > S F.  965033113 ack 3349673390 frame=32468
@50.443687 C > S R.  965033114 ack 3349673390 win 0 frame=32469
"""
CONTROL = """
name C 192.0.2.167:3954
name S 172.17.77.250:443
start 2018-06-20T14:22:00
@51.372035 C > S F.  221753878 ack 2290377569 <TS 1618672784 1798676063>
@51.372218 S > C P.  2290377569:2290377600(31) ack 221753879 <TS 1798678251 1618672784> alert=likely
@51.372234 S > C F.  2290377600 ack 221753879 <TS 1798678251 1618672784>
@51.397608 C > S .   ack 2290377600 <TS 1618672790 1798678251> noseq
@51.397699 C > S .   ack 2290377601 <TS 1618672790 1798678251> noseq
"""
LOG = log(
    logged(
        fw_conn_id=47772320, orig="203.0.113.147:43918", resp="172.17.77.250:443",
        built_at="2018-06-20T11:58:45", teardown_at="2018-06-20T12:00:50", teardown="fins",
        teardown_by="resp", reason="TCP FINs", duration_s=125.0, bytes=107244,
    ),
    logged(
        fw_conn_id=49008818, orig="192.0.2.167:3954", resp="172.17.77.250:443",
        built_at="2018-06-20T14:22:34", teardown_at="2018-06-20T14:22:51", teardown="fins",
        teardown_by="orig", reason="TCP FINs", duration_s=16.0, bytes=1051013,
    ),
)  # fmt: skip
DENIALS = denials(
    denied(
        at="2018-06-20T12:00:50", src="172.17.77.250:443", dst="203.0.113.147:43918", flags="RST",
        log_row=0, line=3,
    )
)  # fmt: skip


def reference(*, with_log: bool = True, swapped: bool = False) -> Stories:
    points = [
        point("inside", INSIDE, file=0, dated=False),
        point("outside", OUTSIDE, file=1, dated=False),
        point("control", CONTROL, file=2, dated=False),
    ]
    if swapped:
        points.reverse()
    return correlate(points, LOG if with_log else log(), DENIALS if with_log else denials())


@pytest.fixture(scope="module")
def case() -> Stories:
    return reference()


def test_dirty_close_reads_as_the_design_says(case: Stories) -> None:
    row = case.table.row(0, named=True)
    told = {n: row[n] for n in ("ending", "ended", "first_fin", "first_rst", "rst_by", "reset_by")}
    assert told == {
        "ending": "<F >. >F >R <R!", "ended": "reset", "first_fin": "resp", "first_rst": "orig",
        "rst_by": "both", "reset_by": "orig",
    }  # fmt: skip
    assert (row["points"], row["orientation"]) == ("outside,inside", "log")
    assert (row["orig_h"], row["resp_h"]) == ("203.0.113.147", "172.17.77.250")
    assert (row["r_dropped"], row["r_dropped_rst"], row["o_dropped"]) == (1, True, 0)
    assert (row["o_rst_accept"], row["r_rst_accept"]) == ("exact", "none")
    assert (row["r_fin_acked"], row["o_fin_acked"]) == (True, False)
    assert (row["resp_rst_class"], row["resp_rst_answers"]) == ("no-state", "fin")
    assert row["fin_gap_s"] == pytest.approx(2.536, abs=1e-3)
    assert str(row["first_ts"])[:26] == "2018-06-20 12:00:47.907301"


def test_both_captures_pair_with_constant_offsets(case: Stories) -> None:
    (pairing,) = case.pairings[0]
    assert pairing.offset == (26810058, -1029468219)  # inside minus outside: outside is near
    assert len(pairing.pairs) == 4 and not pairing.unjudged and not pairing.created
    assert pairing.vanished == [(1, 4)]
    assert abs(pairing.clock_ns) <= 15_000 and pairing.clock_slack_ns <= 15_000
    assert "outside against inside: resp +1029468219, orig -26810058" in pairing.changed[0]


def test_the_denial_names_the_very_segment(case: Stories) -> None:
    row = case.denials.row(0, named=True)
    assert (row["story"], row["segment_file"], row["segment_frame"]) == (0, "inside0.pcap", 33750)
    assert (row["segment_rst_class"], row["segment_answers"]) == ("no-state", "fin")
    story = case.story(0)
    assert (str(story.built), str(story.teardown)) == ("asa.log:1", "asa.log:2")
    assert len(story.denials) == 1
    found = story.find(Role.RST, Side.RESP)
    assert found is not None and str(found.proof) == "inside0.pcap#33750"


def test_control_is_peaceful(case: Stories) -> None:
    row = case.table.row(1, named=True)
    assert (row["ending"], row["ended"]) == (">F <Da <F >. >.", "closed")
    assert (row["rst_by"], row["reset_by"], row["first_fin"]) == ("none", "none", "orig")
    assert row["r_dropped"] is None and row["paired"] is False


def test_a_capture_that_ends_before_proves_no_drop() -> None:
    case = reference(with_log=False)
    (pairing,) = case.pairings[0]
    assert pairing.unjudged == [(1, 4)] and not pairing.vanished
    row = case.table.row(0, named=True)
    assert (row["ending"], row["r_rst_accept"]) == ("<F >. >F >R <R", "unknown")
    assert (row["ended"], row["first_ts"], row["points"]) == ("reset", None, "outside,inside")


def test_a_capture_that_goes_on_proves_the_drop_without_a_log() -> None:
    points = [
        point("inside", INSIDE, file=0, dated=False, margin_s=5),
        point("outside", OUTSIDE, file=1, dated=False, margin_s=5),
    ]
    case = correlate(points, log(), denials())
    assert case.table["ending"].to_list() == ["<F >. >F >R <R!"]


def test_order_of_points_changes_nothing(case: Stories) -> None:
    other = reference(swapped=True)
    assert other.table.equals(case.table)
    assert dict(other.pairings) == dict(case.pairings)


def test_undated_captures_take_their_date_from_the_log(case: Stories) -> None:
    why = {clock.name: clock.why for clock in case.clocks}
    assert why["fw"].startswith("reference clock")
    assert all("2018-06-20" in why[name] for name in ("inside", "outside", "control"))


def test_without_a_log_the_date_is_unknown_or_given() -> None:
    day = Options(date=date(2018, 6, 20))
    points = [point("inside", INSIDE, dated=False)]
    assert correlate(points, log(), denials(), day).table["first_ts"][0].year == 2018
    unknown = correlate(points, log(), denials())
    assert unknown.table["first_ts"][0] is None
    assert unknown.table["duration"][0] == pytest.approx(2.536447)
    assert "day unknown" in unknown.clocks[0].why


def test_one_capture_and_the_log_still_show_what_was_refused() -> None:
    case = correlate([point("inside", INSIDE, dated=False)], LOG, DENIALS)
    row = case.table.row(0, named=True)
    assert (row["ending"], row["r_dropped_rst"]) == ("<F >. >F >R <R!", True)


def test_log_alone_leaves_packet_columns_null() -> None:
    case = correlate([], LOG, DENIALS)
    row = case.table.row(0, named=True)
    assert (row["has_packets"], row["has_log"]) == (False, True)
    assert [row[n] for n in ("ended", "first_fin", "rst_by", "ending", "points")] == [None] * 5
    assert (row["fw_conn_id"], row["log_bytes"], row["duration"]) == (47772320, 107244, 125.0)
    assert case.story(0).seen == [] and case.denials["story"].to_list() == [0]


def test_one_dirty_close_is_enough_to_align_a_wrong_clock() -> None:
    """Its moments lie equally far apart at both points, to the microsecond, over 2.5 s."""
    wrong = OUTSIDE.replace("T12:00:00", "T12:07:17")
    points = [point("inside", INSIDE, margin_s=5), point("outside", wrong, file=1, margin_s=5)]
    case = correlate(points, log(), denials())
    assert case.table["ending"].to_list() == ["<F >. >F >R <R!"]
    assert any("shifted by -437 s" in clock.why for clock in case.clocks)


def test_nothing_at_all() -> None:
    case = correlate([], log(), denials())
    assert len(case.table) == 0 and case.clocks == []
