"""The Cisco ASA dialect: messages, reasons, oddities and damage."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis import tables
from finis.terms import EventKind, Teardown, word
from finis.wire.dialects import cisco_asa
from finis.wire.dialects._packed import Packed, columns_of
from finis.wire.source import Points, Reading, Source

from .asa_messages import AB, IFS, MAPPED, MESSAGES, PAIR, SRC, A, B

DATA = Path(__file__).parents[2] / "data" / "dialects" / "cisco_asa"
STAMP = "<166>Mar 02 2024 08:00:01 fw1 : "


def read(text: str | bytes, **reading: Any) -> tuple[Source, list[dict[str, Any]]]:
    data = text.encode() if isinstance(text, str) else text
    source = Source(0, "logs/fw.log", Points(), "fw")
    rows: list[dict[str, Any]] = []
    schema = tables.polars_schema(tables.EVENTS)
    for batch in cisco_asa.read(io.BytesIO(data), source, Reading(**{"tz": UTC, **reading})):
        columns = columns_of(batch)
        frame = pl.DataFrame(columns, schema_overrides={**schema, "ts": pl.Int64()})
        assert frame.columns == list(schema)
        rows += frame.to_dicts()
        if isinstance(batch, Packed):
            stamps = pl.col("ts").cast(schema["ts"])
            assert batch.frame().equals(frame.with_columns(stamps))
            assert Packed.of(columns)["a_h"] == columns["a_h"]
    assert source.used == len(rows)
    return source, rows


def one(message: str, **reading: Any) -> dict[str, Any]:
    source, rows = read(STAMP + message, **reading)
    assert len(rows) == 1, source
    return rows[0]


# --- every message -----------------------------------------------------------------------------


@pytest.mark.parametrize(("msg_id", "text", "expected"), MESSAGES)
def test_every_message(msg_id: str, text: str, expected: dict[str, Any]) -> None:
    source, rows = read(f"{STAMP}%ASA-6-{msg_id}: {text}\n")
    assert len(rows) == 1
    assert {name: rows[0][name] for name in expected} == expected
    assert (rows[0]["text_ok"], rows[0]["msg_id"]) == ("full", msg_id)
    assert (rows[0]["device"], rows[0]["line"], rows[0]["file"]) == ("fw1", 1, "logs/fw.log")
    assert rows[0]["ts"] == 1_709_366_401_000_000_000
    assert not source.problems


def test_kinds_are_of_the_shared_vocabulary() -> None:
    kinds = {word(kind) for kind in EventKind}
    refusals = {"policy", "state", "limit", "spoof", "other"}
    for msg_id, text, _ in MESSAGES:
        row = one(f"%ASA-6-{msg_id}: {text}")
        assert row["kind"] in kinds
        assert (row["denial_kind"] in refusals) == (row["kind"] == "deny"), msg_id


@pytest.mark.parametrize(
    ("msg_id", "text"),
    [
        ("302015", f"Built inbound UDP connection 7 for {MAPPED}"),
        ("302016", f"Teardown UDP connection 7 for {PAIR} duration 0:00:01 bytes 4"),
        ("302020", f"Built inbound ICMP connection for faddr {A}/1 gaddr {B}/0 laddr {B}/0"),
        ("302022", f"Built director stub TCP connection for {MAPPED}"),
        ("305011", f"Built dynamic UDP translation from dmz:{B}/5 to outside:192.0.2.5/1024"),
        ("106100", f"access-list a permitted udp o/{A}(5) -> d/{B}(5) hit-cnt 1 first hit [0x1]"),
        ("507003", f"udp flow from {PAIR} terminated by inspection engine, reason - x."),
        ("402119", "IPSEC: Received an ESP packet"),
        ("999999", "what is this"),
    ],
)
def test_what_does_not_bear_on_tcp_is_counted(msg_id: str, text: str) -> None:
    source, rows = read(f"{STAMP}%ASA-6-{msg_id}: {text}\n")
    assert rows == []
    assert source.other == {msg_id: 1}
    assert not source.problems
    assert source.first_ns == 1_709_366_401_000_000_000


# --- reasons -------------------------------------------------------------------------------------


def teardown(tail: str) -> str:
    return f"%ASA-6-302014: Teardown TCP connection 7 for {PAIR} duration 0:00:30 bytes 12 {tail}"


@pytest.mark.parametrize("phrase", cisco_asa.REASONS)
@pytest.mark.parametrize("form", ["{}", "{} from dmz", "{} (eve)", "{} from dmz (LOCAL\\dom\\É b)"])
def test_every_reason(phrase: str, form: str) -> None:
    code, who = cisco_asa.REASONS[phrase]
    row = one(teardown(form.format(phrase)))
    assert row["reason"] == phrase
    assert row["teardown"] == word(code)
    named = "from dmz" in form
    assert row["teardown_side"] == ("b" if named else "unknown") if who == "side" else who
    if named:
        assert row["reason_by"] == "dmz"
    users = {"{} (eve)": "eve", "{} from dmz (LOCAL\\dom\\É b)": "LOCAL\\dom\\É b"}
    assert row["user"] == users.get(form)
    assert row["text_ok"] == "full"


@pytest.mark.parametrize(
    ("tail", "code", "by", "side"),
    [
        ("TCP Reset - I", "reset-side-unknown", "I", "unknown"),
        ("TCP Reset-O", "reset-side-unknown", "O", "unknown"),
        ("TCP Reset-O from outside", "reset-side-unknown", "outside", "a"),
        ("TCP Reset-I from elsewhere", "reset-side-unknown", "elsewhere", "unknown"),
        ("TCP Reset - APPLIANCE", "reset-device", None, "device"),
        ("TCP FINs", "fins", None, "unknown"),
        ("tcp fins from outside", "fins", "outside", "a"),
        ("Flow timed out with reset", "idle-timeout-reset", None, "device"),
        ("SYN  Timeout", "syn-timeout", None, "device"),
        ("TCP FINs\u00a0from\u00a0dmz", "fins", "dmz", "b"),
    ],
)
def test_spelling_of_reasons(tail: str, code: str, by: str | None, side: str) -> None:
    row = one(teardown(tail))
    assert (row["teardown"], row["reason_by"], row["teardown_side"]) == (code, by, side)


def test_a_hairpin_does_not_tell_the_side() -> None:
    row = one(
        f"%ASA-6-302014: Teardown TCP connection 7 for in:{A}/5 to in:{B}/6 duration 0:00:30 "
        "bytes 12 TCP FINs from in"
    )
    assert (row["reason_by"], row["teardown_side"]) == ("in", "unknown")


def test_an_unknown_reason_is_kept_as_printed_and_counted() -> None:
    source, [row] = read(STAMP + teardown("Gremlins from the deep (eve)"))
    assert (row["reason"], row["user"]) == ("Gremlins from the deep", "eve")
    assert (row["teardown"], row["teardown_side"]) == ("unknown", "unknown")
    assert source.problems.counts == {"unknown teardown reason, kept as printed": 1}


def test_reasons_cover_the_vocabulary_of_endings() -> None:
    codes = {code for code, _ in cisco_asa.REASONS.values()}
    assert set(Teardown) - codes == {
        Teardown.RESET_ORIG, Teardown.RESET_RESP, Teardown.LIMIT, Teardown.STILL_OPEN,
            Teardown.REFUSED, Teardown.BYPASS_IDLE, Teardown.SYN_ACK_TIMEOUT,
            Teardown.LAST_ACK_TIMEOUT, Teardown.UNACKED_TIMEOUT, Teardown.HANDSHAKE_RESET,
    }  # fmt: skip


def test_silence_means_another_thing_where_the_state_is_not_followed() -> None:
    """FINs do not end the entry of a flow that bypasses the state check."""
    for reason, one, other in (
        ("Connection timeout", "idle-timeout", "bypass-idle"),
        ("Xlate Clear", "admin", "admin"),
    ):
        _, [row] = read(STAMP + teardown(reason))
        assert row["teardown"] == one
        line = teardown(reason).replace("302014", "302304").replace(" for ", " from ")
        _, [row] = read(STAMP + line.replace("TCP connection", "TCP state-bypass connection"))
        assert (row["msg_id"], row["teardown"]) == ("302304", other)


# --- tags, tokens --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "severity"),
    [
        ("%ASA-6-302014: ", 6),
        ("%ASA-2-302014: ", 2),
        ("%ASA-6-302014 ", 6),
        ("%ASA-session-5-302014: ", 5),
        ("%ASA-tag-switching-5-302014: ", 5),
        ("%ASA-n-302014: ", None),
        ("%FTD-6-302014: ", 6),
        ("%FTD--6-302014: ", 6),
        ("%FTD<Up>-4-302014: ", 4),
        ("%PIX-6-302014: ", 6),
        ("%FWSM-6-302014: ", 6),
        ("%NGIPS-1-302014: ", 1),
        ("%ASA-6-302014 - - - ", 6),
        ("%ASA-6-302014: %ASA-6-302014: ", 6),
    ],
)
def test_tags(tag: str, severity: int | None) -> None:
    row = one(tag + teardown("TCP FINs").partition(": ")[2])
    assert (row["severity"], row["conn_id"], row["text_ok"]) == (severity, 7, "full")


@pytest.mark.parametrize(
    ("printed", "host", "text_ok"),
    [
        ("10.0.0.1", "10.0.0.1", "full"),
        ("2001:DB8:0:0::5", "2001:db8::5", "full"),
        ("fe80::1", "fe80::1", "full"),
        ("exp_srv", "exp_srv", "full"),
        ("www.example.org", "www.example.org", "full"),
        ("web1", "10.7.7.7", "full"),
        ("web6", "2001:db8::6", "full"),
        ("10.0.0.555", "10.0.0.555", "full"),  # a name may look like that
        ("p\u00e9ro", "p\u00e9ro", "full"),
        ("@!?", "@!?", "partial"),
        ("to", None, "partial"),
    ],
)
def test_hosts(printed: str, host: str | None, text_ok: str) -> None:
    names = {"web1": "10.7.7.7", "web6": "2001:DB8::6"}
    row = one(
        f"%ASA-6-106015: Deny TCP (no connection) from {printed}/5 to 10.0.0.2/6 flags RST  on "
        "interface x",
        names=names,
    )
    assert (row["a_h"], row["b_h"], row["text_ok"]) == (host, "10.0.0.2", text_ok)


@pytest.mark.parametrize(
    ("printed", "port", "text_ok"),
    [("0", 0, "full"), ("65535", 65535, "full"), ("https", 443, "full"),
     ("65536", None, "partial"), ("514514", None, "partial"), ("nosuch", None, "partial")],
)  # fmt: skip
def test_ports(printed: str, port: int | None, text_ok: str) -> None:
    row = one(f"%ASA-3-710003: TCP access denied by ACL from {A}/5 to dmz:{B}/{printed}")
    assert (row["b_p"], row["b_h"], row["text_ok"]) == (port, B, text_ok)


@pytest.mark.parametrize(
    ("who", "user"),
    [
        ("(LOCAL\\eve)", "LOCAL\\eve"),
        ("(LOCAL\\dom\\First Last, 9999:Sgt)", "LOCAL\\dom\\First Last"),
        ("(LOCAL\\eve, 246)", "LOCAL\\eve"),
        ("(9999:Sgt)", None),  # the tag of a security group is no user
        ("(464273)", "464273"),
        ("(eve@example.org)", "eve@example.org"),
        ("(*****)", "*****"),
        ("(LOCAL\\Spe\u00e7ial \u00d601)", "LOCAL\\Spe\u00e7ial \u00d601"),
        ("(LOCAL\\eve (ext))", "LOCAL\\eve (ext)"),
    ],
)
def test_users(who: str, user: str | None) -> None:
    head = "%ASA-6-302013: Built inbound TCP connection 7 for "
    row = one(head + f"o:{A}/5 ({A}/5){who} to d:{B}/6 ({B}/6)")
    assert (row["user"], row["text_ok"]) == (user, "full")
    row = one(head + f"o:{A}/5 ({A}/5) to d:{B}/6 ({B}/6){who} (last)")
    assert (row["user"], row["b_mapped_p"]) == ("last", 6)


def test_interfaces_with_colons() -> None:
    row = one(
        f'%ASA-4-106023: Deny tcp src v1:out:{A}/5 dst v2:in:2001:db8::9/6 by access-group "x"'
    )
    assert (row["a_if"], row["a_h"]) == ("v1:out", A)
    assert (row["b_if"], row["b_h"], row["b_p"]) == ("v2:in", "2001:db8::9", 6)
    row = one(f'%ASA-4-106023: Deny tcp src a1:b2:{A}/5 dst in:{B}/6 by access-group "x"')
    assert (row["a_if"], row["a_h"], row["text_ok"]) == ("a1:b2", A, "full")


def test_repeated_messages_count() -> None:
    row = one(
        "%ASA-2-106006: message repeated 3 times: [ Deny inbound UDP from 10.0.0.1/137 to "
        "10.0.0.2/137 on interface inside]"
    )
    assert (row["hit_count"], row["a_if"], row["text_ok"]) == (3, "inside", "full")


def test_wrappers() -> None:
    body = f'Deny tcp {SRC} by access-group "x" [0x0, 0x0]'
    line = f"{STAMP}%ASA-4-106023: {body}"
    csv = f'"1","{line.replace(chr(34), chr(34) * 2)}","tail ""quoted"""'
    shipped = json.dumps({"@timestamp": "2030-01-01T00:00:00Z", "event": {"original": line}})
    bare = json.dumps({"@timestamp": "2024-03-02T08:00:01Z", "message": f"%ASA-4-106023: {body}"})
    _, rows = read("\n".join([line, csv, shipped, bare]))
    assert [row["acl"] for row in rows] == ["x"] * 4
    _, (broken,) = read(json.dumps({"message": line.replace("dmz", "in\ud800")}))
    assert broken["b_if"] == "in?"  # half a pair of surrogates is no text
    assert {row["ts"] for row in rows} == {1_709_366_401_000_000_000}
    assert {row["text_ok"] for row in rows} == {"full"}


# --- FTD connection events -----------------------------------------------------------------------

FTD = (
    "%FTD-1-430003: EventPriority: Low, InstanceID: 2, ConnectionID: 48101, "
    f"AccessControlRuleAction: {{}}, SrcIP: {A}, DstIP: {B}, SrcPort: 50123, DstPort: 443, "
    "Protocol: tcp, IngressInterface: outside, EgressInterface: dmz, AccessControlRuleName: r 1, "
    "User: dom\\eve, {}ConnectionDuration: 30, InitiatorBytes: 100, ResponderBytes: 23, URL: {}"
)


def test_ftd_connection_end() -> None:
    row = one(FTD.format("Allow", "", "http://x/"))
    expected = {**AB, **IFS, "kind": "teardown", "bytes": 123, "duration_s": 30.0, "acl": "r 1",
                "user": "dom\\eve", "initiator": "a", "teardown": "unknown", "conn_id": None,
                "text_ok": "full"}  # fmt: skip
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize("action", ["Block", "Block with reset"])
def test_ftd_block_is_a_denial(action: str) -> None:
    row = one(FTD.format(action, "", "http://x/"))
    assert (row["kind"], row["denial_kind"], row["teardown"]) == ("deny", "policy", None)
    assert row["reason"] == action


def test_what_the_network_wrote_into_an_ftd_line_is_not_believed() -> None:
    url = "http://x/, SrcIP: 203.0.113.66, DstPort: 1"
    row = one(FTD.format("Allow", "UserAgent: x, ConnectionDuration: 9, ", url))
    assert (row["a_h"], row["b_p"], row["duration_s"]) == (None, None, None)
    assert (row["b_h"], row["a_p"], row["text_ok"]) == (B, 50123, "partial")


def test_ftd_other_protocols_are_counted() -> None:
    source, rows = read("%FTD-1-430002: SrcIP: 10.0.0.1, DstIP: 10.0.0.2, Protocol: udp")
    assert (rows, source.other) == ([], {"430002": 1})
    source, [row] = read("%FTD-1-430002: SrcIP: 10.0.")
    assert (row["text_ok"], row["a_h"]) == ("none", None)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("SrcPort: 40000, DstPort: 53, Protocol: udp",
         {"proto": "udp", "a_p": 40000, "b_p": 53, "flags": None, "text_ok": "full"}),
        ("SrcPort: 40000, Protocol: udp", {"b_p": None, "text_ok": "partial"}),
        ("ICMPType: Echo Request, ICMPCode: No Code, Protocol: icmp",
         {"proto": "icmp", "a_p": None, "b_p": None, "flags": "ICMP 8", "text_ok": "full"}),
        ("ICMPType: Echo Reply, ICMPCode: 0, Protocol: ipv6-icmp",
         {"proto": "icmp6", "flags": "ICMP 129/0"}),
        ("ICMPType: 3, ICMPCode: 4, Protocol: 1", {"proto": "icmp", "flags": "ICMP 3/4"}),
        ("ICMPType: Something New, Protocol: icmp", {"proto": "icmp", "flags": None}),
        ("Protocol: gre", {"proto": "gre", "text_ok": "full"}),
    ],
)  # fmt: skip
def test_ftd_blocks_of_every_protocol_are_denials(said: str, expected: dict[str, Any]) -> None:
    row = one(
        f"%FTD-1-430002: AccessControlRuleAction: Block, SrcIP: {A}, DstIP: {B}, {said}, "
        "IngressInterface: outside, EgressInterface: dmz, AccessControlRuleName: r 1, "
        "InitiatorPackets: 1, ResponderPackets: 0"
    )
    expected |= {"a_h": A, "b_h": B, **IFS, "kind": "deny", "denial_kind": "policy", "acl": "r 1"}
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("action", "packets", "expected"),
    [
        ("Block", (4, 7), ("teardown", "policy", "device", None)),
        ("Block with reset", (4, 2), ("teardown", "reset-device", "device", None)),
        ("Block with reset", (4, 0), ("deny", None, None, "policy")),
        ("Block", (1, 0), ("deny", None, None, "policy")),
        ("Block", ("", 7), ("deny", None, None, "policy")),
        ("Allow", (4, 7), ("teardown", "unknown", "unknown", None)),
    ],
)
def test_ftd_blocks_a_packet_or_a_connection(
    action: str, packets: tuple[Any, Any], expected: tuple[str | None, ...]
) -> None:
    counts = "InitiatorPackets: {}, ResponderPackets: {}, ".format(*packets)
    row = one(FTD.format(action, counts, "http://x/"))
    names = ("kind", "teardown", "teardown_side", "denial_kind")
    assert tuple(row[name] for name in names) == expected
    assert (row["bytes"], row["duration_s"]) == (123, 30.0)


def test_the_action_of_an_ftd_rule_is_no_reason_of_an_end() -> None:
    assert one(FTD.format("Allow", "", "u"))["reason"] is None
    why = "Allow, AccessControlRuleReason: Intrusion Block"
    assert one(FTD.format(why, "", "u"))["reason"] == "Intrusion Block"


INTRUSION = (
    f"%FTD-1-430001: SrcIP: {A}, DstIP: {B}, SrcPort: 50123, DstPort: 443, Protocol: {{}}, "
    'IngressInterface: outside, EgressInterface: dmz, Priority: 1, SID: 2024, Message: "X, y", '
    "Classification: z, ACPolicy: P{}"
)


def test_an_ftd_intrusion_event_is_a_denial_where_it_says_dropped() -> None:
    row = one(INTRUSION.format("tcp", ", InlineResult: Dropped"))
    expected = {**AB, **IFS, "kind": "deny", "denial_kind": "other", "proto": "tcp", "reason": "X",
                "text_ok": "full", "msg_id": "430001"}  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert one(INTRUSION.format("udp", ", InlineResult: Dropped"))["proto"] == "udp"
    for result in (
        "", ", InlineResult: Would have dropped", ", InlineResult: Partially dropped",
        ", InlineResult: Dropped, HTTPURI: /, InlineResult: Alert",
    ):  # fmt: skip
        source, rows = read(INTRUSION.format("tcp", result))
        assert (rows, source.other) == ([], {"430001": 1})


# --- damage --------------------------------------------------------------------------------------


def test_addresses_lost_in_copying_are_not_invented() -> None:
    source, rows = read(
        "Wed Jun 20 11:58:46 2018;; <167>Jun 20 2018 11:58:45 : %ASA-7-302013: Built inbound TCP "
        "connection 9 for OUT: ( to IN: (\n"
        "<167>Jun 20 2018 12:00:50 : %ASA-7-302014: Teardown TCP connection 9 for OUT: to IN: "
        "duration 0:02:05 bytes 107244 TCP FINs from IN\n"
        "<167>Jun 20 2018 12:00:50 : %ASA-7-106015: Deny TCP (no connection) from to flags RST on "
        "interface IN\n"
        "33437: 12:00:47.907301 > F 2320205170:2320205170(0) ack 991843171 win 65535\n"
        "<167>Jun 20 2018 14:22:34 : %ASA-7-609001: Built local-host OUT:\n"
        "<167>Jun 20 2018 14:22:34 : %ASA-4-106023: Deny tcp src OUT: dst IN: by access-group "
        '"x"\n'
        "<167>Jun 20 2018 14:22:34 : %ASA-2-106016: Deny IP spoof from () to on interface IN\n"
        "<167>Jun 20 2018 14:22:34 : %ASA-6-106021: Deny TCP reverse path check from to on "
        "interface IN\n"
        "<167>Jun 20 2018 14:22:34 : %ASA-6-106012: Deny IP from to , IP options\n"
    )
    hosts = ("a_h", "a_p", "b_h", "b_p", "a_mapped_h", "b_mapped_h", "a_mapped_p", "b_mapped_p")
    assert len(rows) == 8
    for row in rows:
        assert [row[name] for name in hosts] == [None] * 8, row
        assert row["text_ok"] != "full"
    assert (rows[0]["conn_id"], rows[0]["a_if"], rows[0]["b_if"]) == (9, "OUT", "IN")
    assert rows[1]["duration_s"] == 125.0
    assert (rows[1]["teardown"], rows[1]["reason_by"], rows[1]["bytes"]) == ("fins", "IN", 107244)
    assert (rows[2]["flags"], rows[2]["a_if"]) == ("RST", "IN")
    assert source.problems.counts["no message tag: not read"] == 1
    assert source.problems.first["no message tag: not read"] == ["line 4"]
    assert sum(source.problems.counts.values()) == 9


CUTTABLE = ("302013", "302014", "302303", "302304", "106001", "106006", "106015")


@pytest.mark.parametrize(("msg_id", "text", "expected"), [m for m in MESSAGES if m[0] in CUTTABLE])
def test_no_prefix_of_a_line_invents_a_value(
    msg_id: str, text: str, expected: dict[str, Any]
) -> None:
    """Cut anywhere, a line gives a true value, or none, or says that it is not whole."""
    whole = one(f"%ASA-6-{msg_id}: {text}")
    for cut in range(len(text)):
        _, [row] = read(f"{STAMP}%ASA-6-{msg_id}: {text[:cut]}")
        if row["text_ok"] == "full":
            # Only the end of the last name can be missing; nothing marks that.
            last = {"a_if", "reason", "reason_by", "teardown_side", "user", "teardown"}
            assert all(row[n] == whole[n] for n in row if n not in last), text[:cut]
        else:
            for name in ("a_h", "a_p", "b_h", "b_p", "conn_id", "b_mapped_h", "duration_s"):
                assert row[name] in (None, whole[name]), (name, text[:cut])


def test_numbers_beyond_all_measure_are_not_read() -> None:
    huge = "9" * 40
    row = one(teardown("TCP FINs").replace("bytes 12", f"bytes {huge}"))
    assert (row["bytes"], row["text_ok"], row["conn_id"]) == (None, "partial", 7)


def test_ids_are_counted_in_bounded_memory() -> None:
    text = "".join(f"%ASA-6-{number}: x\n" for number in range(700_000, 706_000))
    source, _ = read(text)
    assert len(source.other) <= 4100
    assert sum(source.other.values()) + source.used == 6000


def test_last_message_repeated_is_said() -> None:
    """Which message was a relay's last is not sure: counted as a problem, not as events."""
    source, rows = read(f"{STAMP}%ASA-7-609001: Built local-host outside:{A}\n"
                        "Mar  2 08:00:02 fw1 last message repeated 2 times\n")  # fmt: skip
    assert [row["hit_count"] for row in rows] == [1]
    assert next(iter(source.problems))[2] == ["line 2"]


@pytest.mark.parametrize(
    "printed",
    ["6|Mar 02 2024|08:00:01|106015|" + f"{A}|5|{B}|6|", "6|Mar 02 2024 08:00:01|106015: ",
     "31|6|Mar 02 2024|08:00:01|106015|||||"],
)  # fmt: skip
def test_lines_copied_from_asdm(printed: str) -> None:
    text = f"Deny TCP (no connection) from {A}/5 to {B}/6 flags RST  on interface x"
    source, rows = read(printed + text)
    assert [(r["ts"], r["severity"], r["msg_id"], r["a_h"], r["a_if"]) for r in rows] == [
        (1709366401 * 10**9, 6, "106015", A, "x")]  # fmt: skip
    assert not source.problems
    assert cisco_asa.sniff(printed.encode() + text.encode()) == 0.95


def test_counted_frames() -> None:
    """RFC 6587: "length SP message", without a newline between; chunks end anywhere."""
    line = f"{STAMP}%ASA-6-106015: Deny TCP (no connection) from {A}/5 to {B}/6 flags RST on "
    texts = [f"{line}interface x{n}" for n in range(12_000)]
    data = "".join(f"{len(text)} {text}" for text in texts)
    assert len(data) > 1 << 20
    source, rows = read(data)
    assert [row["a_if"] for row in rows] == [f"x{n}" for n in range(12_000)]
    assert not source.problems
    three = "".join(f"{len(text)} {text}" for text in texts[:3])
    source, rows = read(f"{three}\n{texts[5]}\n{texts[6]}")  # lines follow
    assert [row["a_if"] for row in rows] == ["x0", "x1", "x2", "x5", "x6"]
    source, rows = read(three[:-9] + "\n")  # the last is cut: nothing of it is invented
    assert [row["text_ok"] for row in rows] == ["full", "full", "partial"]
    source, rows = read("".join(f"{len(text) + 1} {text}\n" for text in texts[:3]))
    assert [row["a_if"] for row in rows] == ["x0", "x1", "x2"]
    assert {row["device"] for row in rows} == {"fw1"}


def test_line_ends_and_byte_order_marks() -> None:
    line = f'{STAMP}%ASA-4-106023: Deny tcp src o:{A}/5 dst i:{B}/6 by access-group ""'
    for data in (f"\ufeff{line}\r\n{line}\r\n", f"{line}\r\n\r\n{line}"):
        source, rows = read(data)
        assert [row["text_ok"] for row in rows] == ["full", "full"]
        assert not source.problems
    source, rows = read(f"{line}\r\n{line}\r\n".encode("utf-16"))
    assert len(rows) == 2


SAMPLES = [f"{STAMP}%ASA-6-{msg_id}: {text}" for msg_id, text, _ in MESSAGES] + [
    STAMP + FTD.format("Allow", "", "http://x/"),
    "Wed Jun 20 11:58:46 2018;10.9.9.1; <167>Jun 20 11:58:45 EDT fw : " + teardown("TCP Reset-I"),
]
PIECES = ["", " ", "/", ":", "(", ")", '"', "%ASA-6-302013: ", "\x00", "\x1b[2J", "\u00a0", "é",
          "99999999999999999999", "to", "[", "]", "{", ",", "0:00:", "\u2028", "٣"]  # fmt: skip


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(SAMPLES),
            st.integers(0, 300),
            st.integers(0, 40),
            st.sampled_from(PIECES),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_mutations_never_raise(edits: list[tuple[str, int, int, str]]) -> None:
    out = [line[:start] + piece + line[start + length :] for line, start, length, piece in edits]
    source, rows = read("\n".join(out))
    for row in rows:
        assert row["text_ok"] in ("full", "partial", "none")
        for name in ("a_p", "b_p", "a_mapped_p", "b_mapped_p"):
            assert row[name] is None or 0 <= row[name] <= 65_535
    assert source.rows <= len(out)


@settings(max_examples=60)
@given(st.binary(max_size=400), st.sampled_from(SAMPLES))
def test_bytes_never_raise(junk: bytes, line: str) -> None:
    read(line.encode() + junk + b"\n" + junk + line.encode())


@pytest.mark.parametrize("piece", ["a:", "a ", "(", "((", ")(", "a:a/1 ", "%ASA", "%ASA-6-",
                                   '"', ", SrcIP: x", "0:00:00 ", "Jan 01 2020 00:00:00 ", "- ",
                                   "[a ", "<166>", "from "])  # fmt: skip
def test_hostile_lines_are_read_in_linear_time(piece: str) -> None:
    filler = piece * (60_000 // len(piece))
    heads = ["", f"{STAMP}%ASA-6-302013: Built inbound TCP connection 7 for ",
             teardown(""), f"%ASA-4-106023: Deny tcp src a:{A}/5 dst ", "%FTD-1-430003: ",
             "%ASA-4-313005: No matching connection for ICMP error message: icmp src ",
             "%ASA-4-733100: ", "%ASA-6-110003: "]  # fmt: skip
    started = time.perf_counter()
    read("\n".join([head + filler for head in heads] + [filler + line for line in SAMPLES[:3]]))
    assert time.perf_counter() - started < 3


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", " \u2003"])
def test_blanks_do_not_slow_any_message(blank: str) -> None:
    run = blank * 20_000
    lines = []
    for msg_id, text, _ in MESSAGES:
        middle = text.find(" ", len(text) // 2)
        lines += [f"%ASA-6-{msg_id}: {text[:middle]}{run}{rest}" for rest in (text[middle:], "x")]
    lines.append(f"%ASA-6-106006: message repeated 2 times: [{run}x{run}")
    started = time.perf_counter()
    _, rows = read("\n".join(lines))
    assert time.perf_counter() - started < 5
    assert sum(row["text_ok"] == "full" for row in rows) >= len(MESSAGES)


# --- the dialect as a whole ----------------------------------------------------------------------


def test_sniff() -> None:
    log = "\n".join(SAMPLES).encode()
    assert cisco_asa.sniff(log) > 0.9
    assert 0.5 < cisco_asa.sniff(log[:2000] + b"\nother line" * 200) < 0.9
    assert cisco_asa.sniff("\n".join(SAMPLES).encode("utf-16")) > 0.9
    for other in (
        b"",
        b"\x00" * 4096,
        b"Jun 20 12:00:00 host sshd[1]: Accepted publickey\n" * 50,
        b"<190>Jul 14 2023 08:23:43.398 UTC: %LINK-3-UPDOWN: Interface up\n" * 50,
        b"1: 08:14:56.464178 10.0.0.1.5 > 10.0.0.2.6: S 1:1(0) win 5\n",
    ):
        assert cisco_asa.sniff(other) == 0.0
    assert cisco_asa.sniff(b"\xd4\xc3\xb2\xa1" + (b"\x00" * 200 + log[:300]) * 9) <= 0.1


def test_batches_are_bounded() -> None:
    line = f"{STAMP}%ASA-7-609001: Built local-host outside:{A}\n"
    source = Source(0, "x", Points(), "x")
    data = io.BytesIO(line.encode() * 40_000)
    sizes = [len(batch["ts"]) for batch in cisco_asa.read(data, source, Reading(UTC))]
    assert sizes == [16_384, 16_384, 7_232]
    assert (source.rows, source.used, source.kind, source.format) == (
        40_000, 40_000, "log", "cisco-asa",
    )  # fmt: skip


@pytest.mark.parametrize("log", sorted(DATA.glob("*.log")), ids=lambda path: path.stem)
def test_fixture(log: Path) -> None:
    """Each log beside what must be read of it: rows in order, named columns only."""
    expected = json.loads(log.with_suffix(".expected.json").read_text())
    source, rows = read(log.read_bytes(), **expected.get("reading", {}))
    assert len(rows) == len(expected["rows"])
    for row, wanted in zip(rows, expected["rows"], strict=True):
        assert {name: row[name] for name in wanted} == wanted
    assert source.other == expected["other"]
    assert source.problems.counts == expected["problems"]
