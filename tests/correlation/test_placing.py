"""What two captures of one connection prove about the firewall between them, and what not."""

from __future__ import annotations

import numpy as np
import pytest

from finis.correlation.correlate import correlate
from finis.correlation.evidence import PointData
from finis.correlation.placing import Paired
from finis.correlation.stories import Stories
from finis.correlation.twins import EMPTY
from tests.correlation.world import denials, log, point
from tests.script import segments

# The firewall lies between the points; `c` and `s` are the delays in ms of what comes from C and S.
OPEN = """
start 2024-05-01T12:00:00
@0.{c:03}  C > S  S   0:0(0) win 64240 <mss 1460,wscale 7,sackOK,TS 1 0>
@0.1{s:02} S > C  S.  0:0(0) ack 1 win 65535 <mss {mss}>
@0.2{c:02} C > S  .   1:1(0) ack 1
@0.3{c:02} C > S  P.  1:101(100) ack 1
@0.4{s:02} S > C  .   1:1(0) ack 101
"""


def both(near: str, far: str, *, mss: int = 1460, margin_s: float = 5) -> Stories:
    """Near the client `near` follows the opening, near the server `far`."""
    return correlate(
        [
            point("client", OPEN.format(c=0, s=4, mss=mss) + near, margin_s=margin_s),
            point("server", OPEN.format(c=4, s=0, mss=1460) + far, file=1, margin_s=margin_s),
        ],
        log(),
        denials(),
    )


def test_a_reset_of_the_firewall_to_both_ends() -> None:
    case = both("@1 S > C R. 1 ack 101", "@1 C > S R. 101 ack 1")
    row = case.table.row(0, named=True)
    assert (row["points"], row["created_rst"]) == ("client,server", "both")
    assert (row["rst_by"], row["first_rst"]) == ("device", "device")
    assert (row["o_rsts"], row["r_rsts"], row["o_dropped"]) == (0, 0, 0)
    assert sorted(row["ending"].split()) == ["<R^", ">R^"]


def test_a_reset_that_went_through_is_nobody_elses() -> None:
    case = both("@1.004 S > C R. 1 ack 101", "@1 S > C R. 1 ack 101")
    row = case.table.row(0, named=True)
    assert (row["rst_by"], row["created_rst"], row["ending"]) == ("resp", "none", "<R")
    assert (row["ended"], row["reset_by"], row["r_rst_accept"]) == ("reset", "resp", "exact")


def test_a_dropped_reset_ended_nothing() -> None:
    case = both("", "@1 S > C R. 1 ack 101")
    row = case.table.row(0, named=True)
    assert (row["ending"], row["rst_by"], row["r_dropped_rst"]) == ("<R!", "resp", True)
    assert (row["ended"], row["reset_by"], row["r_rst_accept"]) == ("open", "none", "none")


def test_a_fin_that_never_arrived() -> None:
    fins = "".join(f"@{1 + n} C > S F. 101:101(0) ack 1\n" for n in range(3))
    case = both(fins, "")
    row = case.table.row(0, named=True)
    assert (row["o_dropped"], row["o_dropped_fin"], row["o_fin"]) == (3, True, True)
    assert row["ended"] == "half-closed" and row["ending"].startswith(">F!")


def test_a_capture_that_starts_late_judges_nothing_before() -> None:
    near = OPEN.format(c=0, s=4, mss=1460)
    late = """
start 2024-05-01T12:00:00
@0.304 C > S P. 1:101(100) ack 1
@0.400 S > C .  1:1(0) ack 101
@0.600 C > S .  101:101(0) ack 1
"""
    case = correlate([point("client", near), point("server", late, file=1)], log(), denials())
    (pairing,) = case.pairings[0]
    assert not pairing.vanished and not pairing.created
    early = {int(case.story(0).seen[w].tail["frame"][r]) for w, r in pairing.unjudged}
    assert {1, 2, 3} <= early


def test_what_the_peer_acknowledged_was_not_dropped() -> None:
    """The far capture lost a segment: the peer acknowledges it there."""
    near = "@1 C > S P. 101:201(100) ack 1\n@1.104 S > C . 1:1(0) ack 201\n@2 C > S . 201 ack 1"
    far = "@1.100 S > C . 1:1(0) ack 201\n@2.004 C > S . 201 ack 1"
    case = both(near, far)
    (pairing,) = case.pairings[0]
    assert not pairing.vanished and len(pairing.unjudged) == 1
    assert case.table["o_dropped"].to_list() == [0]


def test_a_direction_that_is_never_shown_is_not_judged() -> None:
    near = OPEN.format(c=0, s=4, mss=1460)
    one_way = "\n".join(line for line in OPEN.format(c=4, s=0, mss=1460).splitlines()
                        if "S >" not in line)  # fmt: skip
    case = correlate(
        [point("client", near, margin_s=5), point("server", one_way, file=1, margin_s=5)],
        log(), denials(),
    )  # fmt: skip
    (pairing,) = case.pairings[0]
    assert not pairing.vanished and not pairing.created and len(pairing.pairs) == 3


def test_what_was_changed_is_said() -> None:
    case = both("", "", mss=1380)
    (pairing,) = case.pairings[0]
    assert "MSS of resp 1380 → 1460" in " ".join(pairing.changed)


def test_lengths_changed_by_inspection_are_recognised() -> None:
    near = """
@1.000 C > S P. 101:151(50) ack 1
@1.200 C > S P. 151:201(50) ack 1
@1.400 C > S P. 201:230(29) ack 1
@1.604 S > C . 1:1(0) ack 230
@1.700 C > S F. 230:230(0) ack 1
"""
    far = """
@1.004 C > S P. 101:146(45) ack 1
@1.204 C > S P. 146:196(50) ack 1
@1.404 C > S P. 196:225(29) ack 1
@1.600 S > C . 1:1(0) ack 225
@1.704 C > S F. 225:225(0) ack 1
"""
    case = both(near, far)
    (pairing,) = case.pairings[0]
    assert not pairing.vanished and not pairing.created
    assert any("lengths changed" in text for text in pairing.changed)
    assert pairing.offset == (0, 0) and len(pairing.pairs) == 10


def test_ttl_tells_the_side_where_time_does_not() -> None:
    near = OPEN.format(c=0, s=0, mss=1460)
    far = "\n".join(f"{line} ttl=63" if "C >" in line else line for line in near.splitlines())
    for names in (("a", "b"), ("b", "a")):
        case = correlate([point(names[0], near), point(names[1], far, file=1)], log(), denials())
        assert case.table["points"].to_list() == [",".join(names)]


def test_two_one_way_taps_are_one_connection() -> None:
    lines = OPEN.format(c=0, s=0, mss=1460).splitlines()
    taps = [
        point(name, "\n".join(line for line in lines if f"{other} >" not in line), file=n)
        for n, (name, other) in enumerate((("rx", "S"), ("tx", "C")))
    ]
    case = correlate(taps, log(), denials())
    row = case.table.row(0, named=True)
    assert (len(case.table), row["n_points"]) == (1, 2)
    assert (row["orig_pkts"], row["resp_pkts"]) == (3, 2)
    assert any("one direction" in note for note in case.unmatched)


PLAIN = """
start 2024-05-01T12:00:00
@0.{c:03}  C > S  S   0:0(0) win 64240
@0.1{s:02} S > C  S.  0:0(0) ack 1 win 65535
@0.2{c:02} C > S  .   1:1(0) ack 1
@0.3{c:02} C > S  F.  1:1(0) ack 1
@0.4{s:02} S > C  F.  1:1(0) ack 2
@0.5{c:02} C > S  .   2:2(0) ack 2
"""


def broken_off(name: str, file: int, c_s: float, s_s: float, numbers: str, after: str) -> PointData:
    """Four plain connections and a download that its client breaks off, of which no beginning, no
    payload and no IP ID is known."""

    def data(which: range, first_s: float, acked: int) -> list[str]:
        return [f"@{first_s + 0.002 * n + s_s:.3f} S > C . {1 + 1368 * n}:{1369 + 1368 * n}(1368)"
                f" ack {acked}" for n in which]  # fmt: skip

    told = [
        f"@{1 + s_s:.3f} S > C . 1:1(0) ack 300", *data(range(60, 80), 1, 318),
        f"@{1.2 + c_s:.3f} C > S P. 318:349(31) ack 99000",
        f"@{1.201 + c_s:.3f} C > S . 349:349(0) ack 99000",
        f"@{1.23 + c_s:.3f} C > S R. 349:349(0) ack 99000",
        *(data(range(80, 87), 1.12, 349) if after else []),
    ]  # fmt: skip
    told.sort(key=lambda line: float(line.split()[0][1:]))
    rows = [segments("\n".join(["start 2024-05-01T12:00:00", numbers, *told]))]
    for port in range(41000, 41004):
        rows.append(segments(PLAIN.format(c=round(1000 * c_s), s=round(1000 * s_s))))
        for end in ("src_p", "dst_p"):
            rows[-1][end][rows[-1][end] != 443] = port
    every = np.concatenate(rows)
    return point(name, every[np.argsort(every["ts_ns"], kind="stable")], file=file, margin_s=5)


def test_a_transfer_that_was_broken_off_is_not_paired_with_itself_a_little_later() -> None:
    """What still came from the server never left the firewall: of one length with what came before,
    it pairs with that, 126 ms and five segments off, and then nothing would be as it was."""
    near = broken_off("client", 0, 0.0, 0.004, "", "")
    far = broken_off("server", 1, 0.004, 0.0, "isn C 900001\nisn S 77", "and more")
    case = correlate([near, far], log(), denials())
    (pairing,) = [one for many in case.pairings.values() for one in many if len(one.pairs) < 6]
    assert [seen.point for seen in case.story(4).seen] == ["client", "server"]
    assert pairing.offset == (900001, 77)
    assert len(pairing.vanished) == 7 and not pairing.created


def test_a_clock_that_others_refute_proves_nothing() -> None:
    paired = Paired(EMPTY, usual={(0, 1): (-3_000_000, 4_000_000)})
    assert not paired.refutes((0, 1), -3_000_000, 0)
    assert not paired.refutes((0, 1), 50_000_000, 0)
    assert paired.refutes((0, 1), 126_000_000, 9_000_000)
    assert not paired.refutes((0, 1), 126_000_000, 90_000_000)  # it hardly says anything itself
    assert not paired.refutes((0, 2), 126_000_000, 0)  # nobody else does


FINE = """
start 2024-05-01T12:00:00
@0.{c[0]:06} C > S  S   0:0(0) win 64240 <mss 1460,wscale 7> ttl={ttl[0]}
@0.{s[0]:06} S > C  S.  0:0(0) ack 1 win 65535 <mss 1460> ttl={ttl[1]}
@0.{c[1]:06} C > S  .   1:1(0) ack 1 ttl={ttl[0]}
@0.{c[2]:06} C > S  P.  1:101(100) ack 1 ttl={ttl[0]}
@0.{s[1]:06} S > C  .   1:1(0) ack 101 ttl={ttl[1]}
"""


@pytest.mark.parametrize("step_us", [1, 1000])
def test_a_clock_that_ticks_coarsely_does_not_tell_which_point_is_nearer(step_us: int) -> None:
    """The way takes 150 µs; by stamps cut to milliseconds it would lead from server to client."""
    near = FINE.format(c=(101_840, 207_730, 303_820), s=(153_160, 409_370), ttl=(64, 63))
    at = {"c": (101_990, 207_880, 303_970), "s": (153_010, 409_220)}
    cut = {side: [us // step_us * step_us for us in stamps] for side, stamps in at.items()}
    far = FINE.format(**cut, ttl=(63, 64))
    reset = "@1.{:06} S > C R. 1 ack 101 ttl={}"
    points = [
        point("client", near + reset.format(190, 63), margin_s=5),
        point("server", far + reset.format(40 // step_us * step_us, 64), file=1, margin_s=5),
    ]
    row = correlate(points, log(), denials()).table.row(0, named=True)
    assert (row["points"], row["created_rst"], row["ended"]) == ("client,server", "none", "reset")
