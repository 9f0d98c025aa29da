"""Which sightings are one connection, and which must not be."""

from __future__ import annotations

import re

import pytest

from finis.correlation.correlate import correlate
from tests.correlation.world import denials, denied, log, logged, point

PLAIN = """
name C {c}
name S {s}
isn C {ic}
isn S {is_}
start {start}
+{late}  C > S  S   0:0(0) win 64240 <mss 1460,sackOK>
+.010    S > C  S.  0:0(0) ack 1 win 65535 <mss 1460>
+.010    C > S  .   1:1(0) ack 1
+.010    C > S  P.  1:101(100) ack 1 {req}
+.030    S > C  P.  1:1001(1000) ack 101 {resp}
+.010    C > S  .   101:101(0) ack 1001
+1       C > S  F.  101:101(0) ack 1001
+.010    S > C  .   1001:1001(0) ack 102
+.010    S > C  F.  1001:1001(0) ack 102
+.010    C > S  .   102:102(0) ack 1002
"""


def plain(
    c: str = "10.1.1.1:40000",
    s: str = "198.51.100.1:443",
    *,
    start: str = "2024-05-01T12:00:00",
    late: float = 0.0,
    isn: tuple[int, int] = (1000, 2000),
    req: str = "",
    resp: str = "",
) -> str:
    return PLAIN.format(c=c, s=s, start=start, late=late, ic=isn[0], is_=isn[1], req=req, resp=resp)


# --- the log ----------------------------------------------------------------------------------

BUILT = {"built_at": "2024-05-01T12:00:00", "teardown_at": "2024-05-01T12:00:01"}


def test_log_mapping_joins_both_sides_of_a_translation() -> None:
    near = point("inside", plain(), file=0)
    far = point("outside", plain("203.0.113.9:1024", late=0.0004, isn=(7, 9)), file=1)
    row = logged(
        orig="10.1.1.1:40000", orig_mapped="203.0.113.9:1024", resp="198.51.100.1:443",
        teardown="fins", fw_conn_id=5, **BUILT,
    )  # fmt: skip
    case = correlate([far, near], log(row), denials())
    assert len(case.table) == 1
    told = case.table.row(0, named=True)
    assert (told["points"], told["orig_h"], told["orig_mapped_h"], told["orig_mapped_p"]) == (
        "inside,outside", "10.1.1.1", "203.0.113.9", 1024,
    )  # fmt: skip
    (pairing,) = case.pairings[0]
    assert pairing.basis == "log mapping" and len(pairing.pairs) == 10
    assert pairing.offset == (-993, -1991)


def test_reused_tuple_finds_its_own_log_lines() -> None:
    traffic = plain() + plain(start="2024-05-01T12:05:00", isn=(900_000, 800_000))
    rows = [
        logged(
            orig="10.1.1.1:40000", resp="198.51.100.1:443", teardown="fins", fw_conn_id=n,
            built_at=f"2024-05-01T12:0{m}:00", teardown_at=f"2024-05-01T12:0{m}:01",
        )
        for n, m in ((1, 0), (2, 5), (3, 9))
    ]  # fmt: skip
    case = correlate([point("p", traffic)], log(*rows), denials())
    told = case.table.select("fw_conn_id", "has_packets", "has_log").rows()
    assert told == [(1, True, True), (2, True, True), (3, False, True)]
    assert len(set(case.table["conn_id"])) == 3


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        ("2024-05-01T14:00:0", "a time zone"),
        ("2024-05-01T06:30:0", "a time zone"),
        ("2024-05-01T12:00:0", "agrees with"),
    ],
)
def test_zones_are_tried_and_said(stamp: str, words: str) -> None:
    row = logged(
        orig="10.1.1.1:40000", resp="198.51.100.1:443", teardown="fins",
        built_at=stamp + "0", teardown_at=stamp + "1",
    )  # fmt: skip
    case = correlate([point("p", plain())], log(row), denials())
    assert len(case.table) == 1 and case.table["has_packets"][0]
    assert any(words in clock.why for clock in case.clocks), case.clocks
    assert str(case.table["first_ts"][0]).startswith(stamp.replace("T", " ")[:13])


def test_one_look_alike_does_not_bend_a_clock() -> None:
    """The same tuple logged at an odd distance: another connection, not a wrong clock."""
    row = logged(
        orig="10.1.1.1:40000", resp="198.51.100.1:443", teardown="fins",
        built_at="2024-05-03T03:11:17", teardown_at="2024-05-03T03:19:50",
    )  # fmt: skip
    case = correlate([point("p", plain())], log(row), denials())
    assert case.table["has_packets"].to_list() == [True, False]


def test_a_log_clock_wrong_by_minutes_is_solved_from_several_connections() -> None:
    traffic, rows = "", []
    for n in range(5):
        client = f"10.1.1.{n + 1}:40000"
        traffic += plain(client, start=f"2024-05-01T12:{7 * n:02}:00")
        rows.append(
            logged(
                orig=client, resp="198.51.100.1:443", teardown="fins",
                built_at=f"2024-05-01T12:{7 * n + 3:02}:37",
                teardown_at=f"2024-05-01T12:{7 * n + 3:02}:38",
            )
        )  # fmt: skip
    case = correlate([point("p", traffic)], log(*rows), denials())
    assert len(case.table) == 5
    assert any("shifted by 21" in clock.why for clock in case.clocks), case.clocks


def test_log_decides_a_guessed_orientation() -> None:
    """Midstream, both ports high: the tracker guesses, the log knows."""
    lines = plain("10.1.1.1:8080", "198.51.100.1:52000").splitlines()
    midstream = "\n".join([*lines[:6], *lines[9:]])
    for orig, resp, first in (
        ("10.1.1.1:8080", "198.51.100.1:52000", "orig"),
        ("198.51.100.1:52000", "10.1.1.1:8080", "resp"),
    ):
        row = logged(orig=orig, resp=resp, teardown="fins", **BUILT)
        case = correlate([point("p", midstream)], log(row), denials())
        assert len(case.table) == 1
        told = case.table.row(0, named=True)
        assert (told["orientation"], told["first_fin"]) == ("log", first)
        assert f"{told['orig_h']}:{told['orig_p']}" == orig
        data = told["orig_bytes"], told["resp_bytes"]
        assert data == ((100, 1000) if first == "orig" else (1000, 100))
        assert told["ending"][0] == (">" if first == "orig" else "<")


# --- points -----------------------------------------------------------------------------------


def test_payload_joins_what_a_translator_rewrote() -> None:
    near = point("near", plain(req="hash=77", resp="hash=78"), file=0)
    far = point(
        "far",
        plain("203.0.113.9:1024", late=0.0004, isn=(5, 6), req="hash=77", resp="hash=78"),
        file=1,
    )
    case = correlate([near, far], log(), denials())
    assert len(case.table) == 1
    assert case.pairings[0][0].basis == "payload fingerprint"
    told = case.table.row(0, named=True)
    assert (told["orig_h"], told["orig_mapped_h"]) == ("10.1.1.1", "203.0.113.9")


def test_health_checks_stay_unmatched_and_are_named() -> None:
    """Identical requests, answers and shapes through PAT: none is chosen."""
    near, far = "", ""
    for n in range(6):
        start = f"2024-05-01T12:00:{n * 5:02}"
        alike = {"start": start, "req": "hash=77", "resp": "hash=78"}
        near += plain(f"10.1.1.1:{40000 + n}", isn=(n * 1000, n * 3000), **alike)
        far += plain(f"203.0.113.9:{1024 + n}", late=0.0004, isn=(n * 7777, n), **alike)
    case = correlate([point("near", near), point("far", far, file=1)], log(), denials())
    assert len(case.table) == 12 and not case.pairings
    assert len(case.unmatched) == 1
    assert re.search(r"10\.1\.1\.1:4000\d.*near.*203\.0\.113\.9.*far|far.*near", case.unmatched[0])


def test_timestamps_tell_health_checks_apart() -> None:
    near, far = "", ""
    for n in range(6):
        start = f"2024-05-01T12:00:{n * 5:02}"
        stamps = n * 5000 + 11, n * 5000 + 90
        alike = {"start": start, "req": f"<TS {stamps[0]} 1>", "resp": f"<TS {stamps[1]} 2>"}
        near += plain(f"10.1.1.1:{40000 + n}", isn=(n * 1000, n * 3000), **alike)
        far += plain(f"203.0.113.9:{1024 + n}", late=0.0004, isn=(n * 7777, n), **alike)
    near, far = (re.sub(r"(ack \d+) (<TS)", r"\1 \2", text) for text in (near, far))
    case = correlate([point("near", near), point("far", far, file=1)], log(), denials())
    assert len(case.table) == 6
    assert {p.basis for found in case.pairings.values() for p in found} == {"TSval"}


def test_a_reused_tuple_pairs_with_its_own_time() -> None:
    traffic = [
        plain(start=f"2024-05-01T12:0{m}:00", isn=(m * 90_000, m * 70_000)) for m in (0, 4, 8)
    ]
    near, far = point("near", "".join(traffic)), point("far", "".join(traffic[1:]), file=1)
    case = correlate([near, far], log(), denials())
    assert case.table["n_points"].to_list() == [1, 2, 2]


def test_two_captures_without_a_common_connection() -> None:
    case = correlate(
        [point("a", plain()), point("b", plain("10.9.9.9:50000"), file=1)], log(), denials()
    )
    assert len(case.table) == 2 and not case.pairings and not case.unmatched
    assert any("shares no connection" in clock.why for clock in case.clocks)


def test_three_points_are_ordered_along_the_path() -> None:
    points = [
        point(name, text, file=n)
        for n, (name, text) in enumerate(
            (
                ("mid", PATH.format(a=4, b=4)),
                ("server", PATH.format(a=8, b=0)),
                ("client", PATH.format(a=0, b=8)),
            )
        )
    ]
    case = correlate(points, log(), denials())
    assert case.table["points"].to_list() == ["client,mid,server"]
    assert len(case.pairings[0]) == 2


PATH = """
start 2024-05-01T12:00:00
@.000{a} C > S  S   0:0(0)
@1.000{b} S > C  S.  0:0(0) ack 1
@2       C > S  .   1:1(0) ack 1
@3       C > S  F.  1:1(0) ack 1
@4       S > C  F.  1:1(0) ack 2
@5       C > S  .   2:2(0) ack 2
"""


# --- denials ----------------------------------------------------------------------------------


def test_denials_of_one_second_are_the_last_segments() -> None:
    late = (
        plain()
        + """
+.3      S > C  R   1002
+.3      S > C  R   1002
"""
    )
    row = logged(orig="10.1.1.1:40000", resp="198.51.100.1:443", teardown="fins", **BUILT)
    lines = [
        denied(
            at="2024-05-01T12:00:01", src="198.51.100.1:443", dst="10.1.1.1:40000", flags="RST",
            log_row=0, line=n,
        )
        for n in (3, 4)
    ]  # fmt: skip
    case = correlate([point("p", late)], log(row), denials(*lines))
    assert case.denials["segment_frame"].to_list() == [11, 12]
    assert case.denials["segment_rst_class"].to_list()[1] == "repeat"
    assert case.table["r_dropped"].to_list() == [2]


def test_a_denial_without_flags_or_packets_is_left_alone() -> None:
    lines = [
        denied(at="2024-05-01T12:00:01", src="10.1.1.1:40000", dst="198.51.100.1:443"),
        denied(at="2024-05-01T12:00:01", src="10.7.7.7:1", dst="198.51.100.1:443", flags="ACK"),
        denied(at="2024-05-02T12:00:01", src="10.1.1.1:40000", dst="198.51.100.1:443", flags="ACK"),
    ]
    case = correlate([point("p", plain())], log(), denials(*lines))
    assert case.denials["segment_frame"].to_list() == [None, None, None]
    assert case.denials["story"].to_list() == [0, None, None]


def test_packets_long_after_an_idle_timeout_belong_to_what_the_firewall_forgot() -> None:
    late = """
name C 10.1.1.1:40000
start 2024-05-01T15:00:00
+0   C > S  P.  5000:5100(100) ack 7000
+.3  C > S  P.  5000:5100(100) ack 7000
+.6  C > S  P.  5000:5100(100) ack 7000
"""
    row = logged(
        orig="10.1.1.1:40000", resp="198.51.100.1:443", teardown="idle-timeout",
        built_at="2024-05-01T12:00:00", teardown_at="2024-05-01T13:30:00",
    )  # fmt: skip
    other = logged(
        orig="10.2.2.2:40000", resp="198.51.100.1:443", teardown="fins",
        built_at="2024-05-01T14:59:58", teardown_at="2024-05-01T14:59:59",
    )  # fmt: skip
    lines = [
        denied(
            at="2024-05-01T15:00:00", src="10.1.1.1:40000", dst="198.51.100.1:443",
            flags="PSH ACK", log_row=0,
        )
        for _ in range(3)
    ]  # fmt: skip
    anchor = plain("10.2.2.2:40000", start="2024-05-01T14:59:58")
    case = correlate([point("p", anchor + late)], log(row, other), denials(*lines))
    told = case.table.filter(case.table["orig_h"] == "10.1.1.1").row(0, named=True)
    assert (told["has_log"], told["has_packets"], told["o_dropped"]) == (True, True, 3)
    assert (told["o_dropped_data"], told["r_dropped"]) == (True, None)
    assert case.denials["segment_frame"].to_list() == [11, 12, 13]


def test_ip_ids_join_what_a_translator_rewrote() -> None:
    def with_ids(text: str) -> str:
        lines = text.splitlines()
        numbered = [f"{line} id={500 + n}" for n, line in enumerate(lines) if " > " in line]
        return "\n".join([line for line in lines if " > " not in line] + numbered)

    near = point("near", with_ids(plain()))
    far = point("far", with_ids(plain("203.0.113.9:1024", late=0.0004, isn=(5, 6))), file=1)
    case = correlate([near, far], log(), denials())
    assert [p.basis for p in case.pairings[0]] == ["IP ID"]


def test_two_firewalls_log_one_connection() -> None:
    rows = [
        logged(
            orig="10.1.1.1:40000", resp="198.51.100.1:443", teardown="fins", fw_conn_id=n,
            device=device, **BUILT,
        )
        for n, device in ((1, "fw-a"), (2, "fw-b"))
    ]  # fmt: skip
    lines = [
        denied(
            at="2024-05-01T12:00:01", src="198.51.100.1:443", dst="10.1.1.1:40000", flags="RST",
            device="fw-b", log_row=1,
        )
    ]  # fmt: skip
    case = correlate([point("p", plain())], log(*rows), denials(*lines))
    assert case.table.select("device", "fw_conn_id", "has_packets").rows() == [("fw-a", 1, True)]
    assert case.denials["story"].to_list() == [0]


def test_a_proxy_that_passes_a_request_on_is_another_connection() -> None:
    near = point("near", plain(req="hash=77"))
    passed = """
name C 203.0.113.9:1024
name S 198.51.100.7:8080
start 2024-05-01T12:00:00.020
+0      C > S  S   0:0(0)
+.001   S > C  S.  0:0(0) ack 1
+.001   C > S  .   1:1(0) ack 1
+.012   C > S  P.  1:101(100) ack 1 hash=77
+.005   S > C  P.  1:481(480) ack 101
+.001   S > C  P.  481:961(480) ack 101
+.001   S > C  F.  961:961(0) ack 101
+.001   C > S  .   101:101(0) ack 962
+.001   C > S  R.  101 ack 962
"""
    case = correlate([near, point("far", passed, file=1)], log(), denials())
    assert len(case.table) == 2 and not case.pairings
