from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis.errors import InputError
from finis.terms import Alert, Flag, Quirk
from finis.wire.captures import asa_text, tcpdump_text
from tests.wire.captures.reading import DATA, EXAMPLES, ipv4, problems, quirks, read

ASA = DATA / "asa_text"
SERVER, CLIENT = ipv4("172.17.77.250"), ipv4("203.0.113.147")
BARE = Quirk.NO_TTL | Quirk.NO_IP_ID | Quirk.NO_PAYLOAD | Quirk.UNDATED


def one(line: str, **given_: object):  # type: ignore[no-untyped-def]
    """The only row of a capture of one frame."""
    rows, source = read(asa_text, line + "\n", **given_)  # type: ignore[arg-type]
    assert not source.problems
    assert len(rows) == 1
    return rows[0]


# --- the reference case ----------------------------------------------------------------------


def test_inside() -> None:
    rows, source = read(asa_text, (EXAMPLES / "inside.txt").read_bytes())
    assert not source.problems
    assert rows["frame"].tolist() == [33437, 33438, 33748, 33749, 33750]
    assert rows["seq"].tolist() == [2320205170, 0, 991843171, 991843172, 2320205171]
    assert rows["ack"].tolist() == [991843171, 2320205171, 2320205171, 2320205171, 0]
    assert rows["win"].tolist() == [65535, 65535, 65535, 0, 0]
    assert rows["src_lo"].tolist() == [SERVER, CLIENT, CLIENT, CLIENT, SERVER]
    assert rows["dst_p"].tolist() == [43918, 443, 443, 443, 43918]
    fin, rst, ack = Flag.FIN, Flag.RST, Flag.ACK
    assert rows["flags"].tolist() == [fin | ack, ack, fin | ack, rst | ack, rst]
    at = ((12 * 60) * 60 + 47) * 10**9 + 907301000
    assert rows["ts_ns"][0] == at
    assert rows["ts_ns"][4] - at == 2_536_447_000
    assert [quirks(r) & ~BARE for r in rows] == [0, Quirk.NO_SEQ, 0, 0, 0]
    assert all(quirks(r) & BARE == BARE for r in rows)
    assert not rows["payload_hash"].any() and not rows["alert"].any() and not rows["head_len"].any()
    assert (source.dated, source.resolution_ns, source.rows, source.used) == (False, 1000, 5, 5)
    assert set(rows["file"].tolist()) == {3}
    assert source.points.names == ["here"]


def test_control_has_options_and_payload() -> None:
    rows, source = read(asa_text, (EXAMPLES / "control.txt").read_bytes())
    assert not source.problems
    assert rows["payload_len"].tolist() == [0, 31, 0, 0, 0]
    assert rows["tsval"].tolist()[:2] == [1618672784, 1798678251]
    assert rows["tsecr"].tolist()[:2] == [1798676063, 1618672784]
    assert all(quirks(r) & Quirk.HAS_TS for r in rows)
    assert set(rows["alert"].tolist()) == {Alert.NONE}


STRIPPED = """\
33437: 12:00:47.907301 > F 2320205170:2320205170(0) ack 991843171 win 65535
33438: 12:00:47.952480 > . ack 2320205171 win 65535
<167>Jun 20 2018 12:00:50 : %ASA-7-106015: Deny TCP (no connection) from to flags RST
33750: 12:00:50.443748 > R 2320205171:2320205171(0) win 0
"""


def test_lost_addresses_are_problems_with_positions() -> None:
    rows, source = read(asa_text, STRIPPED)
    assert len(rows) == 0
    assert source.rows == 3
    assert problems(source) == {
        "addresses missing": ["line 1-2", "line 4"],
        "log line within a capture": ["line 3"],
    }


# --- stamps ----------------------------------------------------------------------------------

FRAME = "{}: {}       10.0.0.1.80 > 10.0.0.2.5000: . ack 5 win 7\n"


def stamps(*tods: str, **given_: object) -> list[int]:
    text = "".join(FRAME.format(i + 1, tod) for i, tod in enumerate(tods))
    rows, source = read(asa_text, text, **given_)  # type: ignore[arg-type]
    assert not source.problems
    return [int(ts) for ts in rows["ts_ns"]]


def test_midnight_wraps_and_stragglers_stay() -> None:
    day = 86_400 * 10**9
    before, after, straggler, later = stamps(
        "23:59:59.999999", "00:00:00.000001", "23:59:59.999998", "00:00:00.000002"
    )
    assert after - before == 2000
    assert straggler - before == -1000
    assert later - after == 1000
    assert after > day > straggler


def test_small_steps_back_are_kept() -> None:
    first, second = stamps("12:00:00.000010", "12:00:00.000004")
    assert second - first == -6000


def test_midnights_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three frames a day: the days must not run out of int64."""
    monkeypatch.setattr("finis.wire.captures._text.clock.MAX_DAYS", 2)
    tods = ["00:00:00.0", "11:00:00.0", "22:00:00.0"] * 4
    rows, source = read(asa_text, "".join(FRAME.format(i + 1, t) for i, t in enumerate(tods)))
    assert len(rows) == 9
    assert source.problems.counts == {"stamp impossible": 3}


def test_date_and_zone_of_the_user() -> None:
    zone = ZoneInfo("Europe/Berlin")
    first, second = stamps("23:30:00.5", "00:30:00.5", day=date(2024, 6, 1), tz=zone)
    assert first == 1717277400_500000000
    assert second - first == 3600 * 10**9


def test_dates_that_are_printed() -> None:
    row = one(FRAME.format(1, "2024-02-29 10:00:00.000001"))
    assert row["ts_ns"] == 1709200800_000001000
    assert not quirks(row) & Quirk.UNDATED
    rows, source = read(asa_text, FRAME.format(1, "2023-02-29 10:00:00.000001"))
    assert not len(rows) and problems(source) == {"stamp impossible": ["line 1"]}


# --- several captures in one paste -----------------------------------------------------------


def test_prompts_name_the_points() -> None:
    rows, source = read(asa_text, (ASA / "several.txt").read_bytes())
    assert not source.problems
    assert source.points.names == ["CAPI", "CAPO"]
    assert rows["point"].tolist() == [0, 0, 0, 1, 1]
    assert rows["frame"].tolist() == [1, 2, 3, 1, 2]
    assert rows["ts_ns"][2] - rows["ts_ns"][1] == 50_100_000
    # the second capture begins before midnight again
    assert rows["ts_ns"][3] - rows["ts_ns"][0] == 20_000
    assert rows["mss"].tolist() == [1460, 1380, 0, 1380, 0]
    assert rows["wscale"].tolist() == [8, 7, 0, 8, 0]
    assert rows["vlan"].tolist() == [0, 0, 0, 300, 0]
    assert rows["ttl"].tolist() == [0, 0, 0, 127, 57]
    assert rows["ip_id"].tolist() == [0, 0, 0, 4711, 0]
    assert quirks(rows[3]) & Quirk.DF
    assert not quirks(rows[4]) & (Quirk.DF | Quirk.NO_IP_ID | Quirk.NO_TTL)


@pytest.mark.parametrize(
    "prompt",
    [
        "fw# show capture inside",
        "fw/act/pri# show capture inside detail",
        "fw(config)# sh cap inside | include 10.0.0.1",
        "> show capture inside",
        "admin@fw> show capture inside packet-number 1 trace",
    ],
)
def test_forms_of_prompts(prompt: str) -> None:
    _, source = read(asa_text, prompt + "\n\n" + FRAME.format(1, "10:00:00.1"))
    assert source.points.names == ["inside"] and not source.problems


def test_a_given_point_is_kept_for_the_first_capture() -> None:
    _, source = read(asa_text, (ASA / "several.txt").read_bytes(), point_given=True)
    assert source.points.names == ["here", "here/CAPO"]


def test_restart_of_numbers_is_another_capture() -> None:
    text = (EXAMPLES / "inside.txt").read_bytes() + (EXAMPLES / "outside.txt").read_bytes()
    rows, source = read(asa_text, text)
    assert source.points.names == ["here", "here/2"]
    assert rows["point"].tolist() == [0] * 5 + [1] * 4


def test_shown_line_ends_a_capture() -> None:
    text = FRAME.format(1, "10:00:00.1") + "1 packet shown\n" + FRAME.format(2, "09:00:00.1")
    _, source = read(asa_text, text)
    assert source.points.names == ["here", "here/2"]


def test_captures_without_end_are_bounded() -> None:
    text = "".join(FRAME.format(9 - i % 2, "10:00:00.1") for i in range(2000))
    rows, source = read(asa_text, text)
    assert len(rows) == 2000
    assert len(source.points.names) == 257
    assert list(problems(source)) == ["too many captures in one file: the others are one point"]


def test_frames_without_numbers() -> None:
    text = FRAME.format(1, "10:00:00.1")[3:]
    rows, source = read(asa_text, "\n" + text + text)
    assert rows["frame"].tolist() == [2, 3]
    assert source.points.names == ["here"]


# --- asp-drop, trace, dump -------------------------------------------------------------------


def test_asp_drop() -> None:
    rows, source = read(asa_text, (ASA / "asp-drop.txt").read_bytes())
    assert not source.problems
    assert source.drops == ["", "tcp-not-syn", "tcp-rstfin-ooo", "acl-drop"]
    assert rows["drop"].tolist() == [1, 2, 3, 3]
    assert rows["frame"].tolist() == [1, 2, 4, 5]
    assert rows["vlan"].tolist() == [0, 70, 0, 0]
    assert all(quirks(r) & Quirk.DROPPED for r in rows)
    assert source.other == {"udp": 1}
    assert source.points.names == ["ASP"]


def test_drop_reasons_are_bounded() -> None:
    line = "{}: 10:00:00.1 10.0.0.1.80 > 10.0.0.2.5000: . ack 5 win 7 Drop-reason: (x{}) y\n"
    rows, source = read(asa_text, "".join(line.format(i + 1, i) for i in range(1500)))
    assert len(rows) == 1500 and len(source.drops) == 1024
    assert source.problems.counts == {"too many drop reasons": 1500 - 1023}


def test_header_alone_says_dropped() -> None:
    text = "capture X type asp-drop all [Capturing - 60 bytes]\n" + FRAME.format(1, "10:00:00.1")
    row = one(text)
    assert quirks(row) & Quirk.DROPPED and row["drop"] == 0


def test_list_of_captures_says_dropped() -> None:
    text = "fw# capture X type asp-drop all\nfw# show capture\ncapture Y interface in [Capturing]\n"
    text += "fw# show capture X\n" + FRAME.format(1, "10:00:00.1")
    text += "fw# show capture Y\n" + FRAME.format(1, "10:00:00.1")
    rows, source = read(asa_text, text)
    assert [bool(quirks(r) & Quirk.DROPPED) for r in rows] == [True, False]
    assert source.points.names == ["X", "Y"] and not source.problems


def test_trace_is_skipped() -> None:
    rows, source = read(asa_text, (ASA / "trace.txt").read_bytes())
    assert not source.problems
    assert rows["frame"].tolist() == [2]
    assert source.points.names == ["CAPI"]


def test_dump_completes_the_frame() -> None:
    rows, source = read(asa_text, (ASA / "dump.txt").read_bytes())
    assert not source.problems
    ack, data = rows
    assert (ack["seq"], ack["ack"], ack["ttl"], ack["ip_id"]) == (1001, 7001, 127, 0x1267)
    assert ack["ip_len"] == 40
    assert quirks(ack) & ~Quirk.BAD_CHECKSUM == Quirk.DF | Quirk.UNDATED
    assert data["payload_len"] == 31 and data["head_len"] == 8 and data["payload_hash"]
    assert data["head"] == 0x150303001A000000
    assert data["alert"] == Alert.RECORD
    assert not quirks(data) & Quirk.NO_PAYLOAD


def test_dump_of_another_packet_is_not_believed() -> None:
    text = (ASA / "dump.txt").read_text().replace("10.1.1.5.51515 > 198", "10.1.1.5.51516 > 198")
    rows, source = read(asa_text, text)
    assert quirks(rows[0]) & Quirk.NO_SEQ
    assert problems(source) == {"hex dump shows another packet than its line": ["line 5"]}


def test_dump_gives_addresses_where_the_line_has_names() -> None:
    text = (ASA / "dump.txt").read_text().replace("10.1.1.5.51515 > 198", "pc.51515 > 198")
    rows, source = read(asa_text, text)
    assert not source.problems
    assert rows["src_lo"][0] == ipv4("10.1.1.5")


# --- single lines ----------------------------------------------------------------------------


def test_oddities() -> None:
    rows, source = read(asa_text, (ASA / "oddities.txt").read_bytes())
    assert rows["frame"].tolist() == [1, 2, 12, 18]
    six, named, wrapped, joined = rows
    assert (int(six["src_hi"]) << 64 | int(six["src_lo"])) == 0x20010DB8 << 96 | 1
    assert six["src_p"] == 443 and six["dst_p"] == 50000 and six["payload_len"] == 10
    assert six["flags"] == Flag.FIN | Flag.PSH | Flag.ACK | Flag.URG
    assert (six["tsval"], six["tsecr"], six["sack_left"], six["sack_right"]) == (1, 2, 5, 9)
    assert quirks(six) & Quirk.HAS_SACK
    assert (named["src_p"], named["dst_p"]) == (443, 1521)
    assert named["flags"] == Flag.SYN | Flag.ECE | Flag.CWR
    assert (wrapped["seq"], wrapped["payload_len"]) == (4294967290, 10)
    assert (joined["seq"], joined["win"], joined["mss"]) == (100, 8192, 1380)
    assert source.other == {"arp": 1, "icmp": 1, "udp": 1, "ip-proto-50": 1}
    assert problems(source) == {
        "address is a name": ["line 3", "line 17"],
        "port name unknown": ["line 4", "line 15"],
        "TCP header cut off before the flags": ["line 9"],
        "SEQ and length of the line disagree": ["line 10"],
        "number too large for its TCP field": ["line 11", "line 14"],
        "stamp impossible": ["line 13"],
        "TCP segment cut off": ["line 16"],
        "line not recognised": ["line 18"],
    }


def test_names_of_the_user() -> None:
    line = "3: 10:00:00.000003 web-srv.443 > dmz.example.com.www: . ack 1 win 1"
    row = one(line, names={"web-srv": "10.9.8.7", "dmz.example.com": "2001:db8::7"})
    assert row["src_lo"] == ipv4("10.9.8.7") and row["src_hi"] == 0
    assert (row["dst_hi"], row["dst_lo"], row["dst_p"]) == (0x20010DB800000000, 7, 80)


@pytest.mark.parametrize(
    "whole",
    [
        "1: 10:00:00.000001 10.0.0.1.80 > 10.0.0.2.5000: P 123456:123466(10) ack 98765 win 7312",
        "1: 10:00:00.000001 802.1Q vlan#300 P0 2001:db8::1.80 > 2001:db8::2.5000: . ack 98 win 73",
    ],
)
def test_a_cut_number_is_not_read(whole: str) -> None:
    """A terminal that wraps inside a number must not give a wrong number."""
    want = one(whole)
    for at in range(len("1: 10:00:00.000001 "), len(whole)):
        rows, _ = read(asa_text, whole[:at] + "\n   " + whole[at:] + "\n")
        for row in rows:
            assert row == want, whole[:at]


@pytest.mark.parametrize("blank", [b"\xc2\xa0", b"\xa0", b"\xe2\x80\xaf", b"\t", b" "])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\r\n"])
def test_blanks_and_line_ends(blank: bytes, end: bytes) -> None:
    raw = (EXAMPLES / "outside.txt").read_bytes().replace(b"\xc2\xa0", b" ")
    plain, _ = read(asa_text, raw)
    rows, source = read(asa_text, raw.replace(b" ", blank).replace(b"\n", end))
    assert not source.problems
    assert np.array_equal(rows, plain)


def test_pager_marks() -> None:
    text = FRAME.format(1, "10:00:00.1") + "<--- More --->\r              \r"
    text += FRAME.format(2, "10:00:00.2") + "<--- More --->" + FRAME.format(3, "10:00:00.3")
    rows, source = read(asa_text, text)
    assert rows["frame"].tolist() == [1, 2, 3] and not source.problems


def test_utf16_as_powershell_writes() -> None:
    text = FRAME.format(1, "10:00:00.1").replace("\n", "\r\n")
    for raw in (b"\xff\xfe" + text.encode("utf-16-le"), b"\xfe\xff" + text.encode("utf-16-be")):
        for step in (1 << 20, 7):
            rows, source = read(asa_text, raw, step=step)
            assert rows["frame"].tolist() == [1] and not source.problems
        assert asa_text.sniff(raw) > 0.9


def test_long_lines_are_cut_and_counted() -> None:
    text = FRAME.format(1, "10:00:00.1") + "x" * 700_000 + "\n" + FRAME.format(2, "10:00:00.2")
    text += "y" * 66_000
    for step in (1 << 20, 1000):
        rows, source = read(asa_text, text, step=step)
        assert rows["frame"].tolist() == [1, 2]
        found = problems(source)
        assert found["line too long, read to 64 KiB"] == ["line 2", "line 4"]


# --- sniffing --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(ASA.glob("*.txt")), ids=lambda p: p.name)
def test_sniffs_its_own(path) -> None:  # type: ignore[no-untyped-def]
    head = path.read_bytes()
    assert asa_text.sniff(head) > 0.5
    assert asa_text.sniff(head) > tcpdump_text.sniff(head)


def test_sniff_leaves_others_alone() -> None:
    assert asa_text.sniff((EXAMPLES / "asa.log").read_bytes()) == 0
    assert asa_text.sniff(b"") == 0
    assert asa_text.sniff(bytes(range(256)) * 256) == 0
    assert asa_text.sniff(b"Dear all,\n\nthe firewall shows this > that.\n" * 30) == 0


def test_nothing_to_read() -> None:
    with pytest.raises(InputError, match="show capture"):
        read(asa_text, "no capture at all\n")
    rows, source = read(asa_text, "fw# show capture X\n\n0 packet captured\n\n0 packet shown\n")
    assert len(rows) == 0 and not source.problems


# --- hostile input ---------------------------------------------------------------------------

_SAMPLES = [p.read_bytes() for p in sorted(ASA.glob("*.txt"))]
_SAMPLES += [p.read_bytes() for p in sorted(EXAMPLES.glob("*.txt"))]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(_SAMPLES)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 30))] = draw(st.binary(max_size=20))
    return bytes(data)


@settings(max_examples=80)
@given(data=mutated(), step=st.sampled_from([1 << 20, 13]))
def test_mutations_never_raise(data: bytes, step: int) -> None:
    assert 0 <= asa_text.sniff(data) <= 1
    try:
        rows, source = read(asa_text, data, step=step)
    except InputError:
        return
    assert source.rows >= len(rows)


@settings(max_examples=40)
@given(data=st.binary(max_size=3000))
def test_random_bytes_never_raise(data: bytes) -> None:
    asa_text.sniff(data)
    try:
        rows, _ = read(asa_text, data)
    except InputError:
        return
    assert len(rows) <= data.count(b"\n") + 1


@settings(max_examples=30)
@given(sample=st.sampled_from(_SAMPLES), step=st.integers(1, 70))
def test_pieces_do_not_matter(sample: bytes, step: int) -> None:
    whole, one_go = read(asa_text, sample)
    rows, pieces = read(asa_text, sample, step=step)
    assert np.array_equal(rows, whole)
    assert pieces.problems == one_go.problems


def test_long_tokens_are_read_in_linear_time() -> None:
    """Each of these would take minutes with a quadratic pattern."""
    head = "1: 10:00:00.1 10.0.0.1.80 > 10.0.0.2.5000: "
    for token in ("S", "1", "1:", " ", "(", "<", "[", "ack ", " > ", "0x", "{", "mss 1,", "."):
        line = head + token * (60_000 // len(token))
        read(asa_text, (line + "\n" + token * (60_000 // len(token)) + "\n") * 3)
