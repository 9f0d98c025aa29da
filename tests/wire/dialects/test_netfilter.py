"""The netfilter dialect: events of the connection table, logged packets, damage.

The files in tests/data/dialects/netfilter were written by conntrack-tools 1.4.7, nftables 1.0.6
and Linux 6.18 between namespaces.
"""

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
from finis.wire.dialects import netfilter
from finis.wire.readers import takers
from finis.wire.source import Points, Reading, Source

DATA = Path(__file__).parents[2] / "data" / "dialects" / "netfilter"
EPOCH = "[1795184377.300692]\t"
NS = 1_000_000_000
PLAIN = "src=203.0.113.10 dst=172.17.77.250 sport=44056 dport=80"
BACK = "src=172.17.77.250 dst=203.0.113.10 sport=80 dport=44056"
PACKET = (
    "IN=eth0 OUT=eth1 MAC=0a:f5:2a:70:96:48:0e:df:ff:58:ea:40:08:00 SRC=203.0.113.10 "
    "DST=172.17.77.250 LEN=52 TOS=0x00 PREC=0x00 TTL=63 ID=191 DF PROTO=TCP SPT=42004 DPT=443 "
    "WINDOW=63 RES=0x00 ACK FIN URGP=0"
)
KERNEL = "Nov 20 14:20:44 fw1 kernel: [ 1735.376699] "


def read(
    text: str | bytes, path: str = "logs/kern.log", **reading: Any
) -> tuple[Source, list[Any]]:
    data = text.encode() if isinstance(text, str) else text
    source = Source(0, path, Points(), "kern")
    rows: list[dict[str, Any]] = []
    schema = tables.polars_schema(tables.EVENTS)
    for batch in netfilter.read(io.BytesIO(data), source, Reading(**{"tz": UTC, **reading})):
        frame = pl.DataFrame(batch, schema_overrides={**schema, "ts": pl.Int64()})
        assert frame.columns == list(schema)
        rows += frame.to_dicts()
    assert source.used == len(rows)
    return source, rows


def one(line: str, **reading: Any) -> dict[str, Any]:
    source, rows = read(line, **reading)
    assert len(rows) == 1, source
    row: dict[str, Any] = rows[0]
    return row


# --- events of the connection table -------------------------------------------------------------

NEW = f"    [NEW] tcp      6 120 SYN_SENT {PLAIN} [UNREPLIED] {BACK}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (NEW, {"kind": "built", "initiator": "a", "conn_id": None, "ts": None}),
        (EPOCH + NEW, {"kind": "built", "ts": 1795184377300692000, "device": "kern.log"}),
        ("[1795184377.4692  ]\t" + NEW, {"ts": 1795184377 * NS + 4_692_000}),
        (f"{EPOCH}{NEW} id=169932494", {"conn_id": 169932494}),
        (EPOCH + NEW.replace("tcp ", "ipv4     2 tcp "), {"kind": "built", "a_p": 44056}),
        (f"{EPOCH}{NEW} mark=42 zone=7 use=2 secctx=system_u:object_r:null labels=a,b id=7",
         {"conn_id": 7, "text_ok": "full"}),
        (f"Nov 20 14:20:44 fw2 conntrack[77]: {NEW}", {"device": "fw2", "kind": "built"}),
        (f"    [NEW] tcp 6 300 ESTABLISHED {PLAIN} [UNREPLIED] {BACK}",
         {"kind": "built", "initiator": "unknown", "reason": "ESTABLISHED"}),
        (f" [UPDATE] tcp 6 60 SYN_RECV {PLAIN} {BACK}",
         {"kind": "state", "reason": "SYN_RECV", "teardown": "syn-ack-timeout",
          "duration_s": 60.0}),
        (f" [UPDATE] tcp 6 432000 ESTABLISHED {PLAIN} {BACK} [ASSURED]",
         {"kind": "state", "reason": "ESTABLISHED", "teardown": "unknown"}),
        (f" [UPDATE] tcp 6 60 CLOSE_WAIT {PLAIN} {BACK} [ASSURED]",
         {"kind": "state", "reason": "CLOSE_WAIT", "teardown": "fin-timeout"}),
        (f" [UPDATE] tcp 6 120 TIME_WAIT {PLAIN} {BACK} [ASSURED]",
         {"kind": "ended", "reason": "TIME_WAIT", "teardown": "fins", "certainty": "implied"}),
        (f" [UPDATE] tcp 6 10 CLOSE {PLAIN} {BACK} [ASSURED]",
         {"kind": "ended", "teardown": "reset-side-unknown", "certainty": "stated"}),
        (f"[DESTROY] tcp 6 TIME_WAIT {PLAIN} {BACK} [ASSURED]",
         {"kind": "teardown", "teardown": "fins", "reason": "TIME_WAIT"}),
        (f"[DESTROY] tcp 6 ESTABLISHED {PLAIN} {BACK} [ASSURED]",
         {"teardown": "idle-timeout", "certainty": "implied",
          "reason": "ESTABLISHED, its timer ran out"}),
        (f"[DESTROY] tcp 6 ESTABLISHED {PLAIN} [UNREPLIED] {BACK}",
         {"teardown": "unacked-timeout", "certainty": "implied",
          "reason": "ESTABLISHED, unreplied, its timer ran out"}),
        (f"[DESTROY] tcp 6 SYN_RECV {PLAIN} {BACK}",
         {"teardown": "syn-ack-timeout", "certainty": "stated"}),
        (f"[DESTROY] tcp 6 LAST_ACK {PLAIN} {BACK} [ASSURED]",
         {"teardown": "last-ack-timeout", "certainty": "implied"}),
        (f"[DESTROY] tcp 6 431990 ESTABLISHED {PLAIN} {BACK} [ASSURED]",
         {"teardown": "unknown", "reason": "ESTABLISHED, 431990 s before its timer"}),
        (f"[DESTROY] tcp 6 2 ESTABLISHED {PLAIN} {BACK} [ASSURED] [USERSPACE] portid=23729",
         {"teardown": "admin", "certainty": "stated"}),
        (f"[DESTROY] tcp 6 SYN_SENT {PLAIN} [UNREPLIED] {BACK}",
         {"teardown": "syn-timeout", "certainty": "stated"}),
        (f"[DESTROY] tcp 6 CLOSE_WAIT {PLAIN} {BACK} [ASSURED]",
         {"teardown": "fin-timeout", "certainty": "implied"}),
        (f"[DESTROY] tcp 6 10 CLOSE {PLAIN} [UNREPLIED] {BACK}", {"teardown": "refused"}),
        (f"[DESTROY] tcp 6 {PLAIN} {BACK} [ASSURED]",  # before Linux 5.11
         {"kind": "teardown", "teardown": None, "reason": None, "text_ok": "full"}),
        (f"{EPOCH}[DESTROY] tcp 6 2 CLOSE src=203.0.113.10 dst=172.17.77.250 sport=44056 dport=80 "
         "packets=3 bytes=164 src=172.17.77.250 dst=203.0.113.10 sport=80 dport=44056 packets=1 "
         "bytes=60 [ASSURED] delta-time=12 [start=Fri Nov 20 14:20:05 2026] "
         "[stop=Fri Nov 20 14:20:17 2026]",
         {"duration_s": 12.0, "bytes": None, "ts": 1795184377300692000}),
        (f"[DESTROY] tcp 6 CLOSE {PLAIN} {BACK} [start=Fri Nov 20 14:20:05 2026] "
         "[stop=Fri Nov 20 14:20:17 2026]", {"ts": 1795184417 * NS}),
    ],
)  # fmt: skip
def test_events(line: str, expected: dict[str, Any]) -> None:
    row = one(line)
    assert {name: row[name] for name in expected} == expected
    assert (row["a_h"], row["a_p"]) == ("203.0.113.10", 44056)
    assert (row["b_h"], row["b_p"]) == ("172.17.77.250", 80)
    assert (row["a_mapped_h"], row["b_mapped_h"], row["text_ok"]) == (None, None, "full")


def test_translation_is_what_the_two_tuples_differ_in() -> None:
    row = one(
        "[NEW] tcp 6 120 SYN_SENT src=203.0.113.10 dst=198.51.100.250 sport=36480 dport=81 "
        "[UNREPLIED] src=172.17.77.250 dst=172.17.77.1 sport=8081 dport=1024"
    )
    ends = ("a_h", "a_p", "a_mapped_h", "a_mapped_p", "b_h", "b_p", "b_mapped_h", "b_mapped_p")
    assert [row[name] for name in ends] == [
        "203.0.113.10", 36480, "172.17.77.1", 1024, "172.17.77.250", 8081, "198.51.100.250", 81,
    ]  # fmt: skip


def test_the_table_of_states_is_whole() -> None:
    """Every state of nf_conntrack_proto_tcp.c; what its words mean stands in one vocabulary."""
    assert set(netfilter.ENDS) == {
        "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK",
        "TIME_WAIT", "CLOSE", "SYN_SENT2",
    }  # fmt: skip
    assert all(isinstance(word_, Teardown) for pair in netfilter.ENDS.values() for word_ in pair)


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.txt")))
def test_every_form_that_conntrack_prints(name: str) -> None:
    source, rows = read((DATA / name).read_bytes(), path=name)
    assert {row["text_ok"] for row in rows} == {"full"}
    assert source.rows == len(rows) + sum(source.other.values())
    assert set(source.other) == {"udp", "icmp", "icmpv6"}
    kinds = pl.Series([row["kind"] for row in rows]).value_counts(name="n").rows()
    assert dict(kinds) == {"built": 12, "state": 36, "ended": 7, "teardown": 12}
    stamped = name != "plain.txt"
    assert all((row["ts"] is not None) == stamped for row in rows)
    said = [text for text, _, _ in source.problems]
    assert said == (
        [] if stamped else ["event without a time: run conntrack -E with -o timestamp,id"]
    )
    assert source.resolution_ns == (1000 if stamped else 1)


def test_all_forms_tell_the_same() -> None:
    names = ("kind", "a_h", "b_h", "b_p", "a_mapped_h", "b_mapped_h", "teardown", "reason")
    whole = [
        sorted(tuple(row[n] or "" for n in names) for row in read(path.read_bytes())[1])
        for path in DATA.glob("*.txt")
        if "accounting" not in path.name  # another run
    ]
    assert len(whole) == 3
    assert whole[0] == whole[1] == whole[2]


# --- logged packets -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "kind", "denial"),
    [
        ("DROP", EventKind.DENY, "policy"),
        ("DROP: ", EventKind.DENY, "policy"),
        ("nft drop ", EventKind.DENY, "policy"),
        ("[UFW BLOCK] ", EventKind.DENY, "policy"),
        ("[UFW LIMIT BLOCK] ", EventKind.DENY, "limit"),
        ("[UFW ALLOW] ", EventKind.PERMIT, None),
        ("[UFW AUDIT] ", EventKind.CONTEXT, None),
        ("[UFW AUDIT INVALID] ", EventKind.CONTEXT, None),
        ("INVALID ", EventKind.DENY, "state"),
        ("ct_invalid:", EventKind.DENY, "state"),
        ("STATE_INVALID_DROP: ", EventKind.DENY, "state"),
        ("New not syn:", EventKind.DENY, "state"),
        ("FINAL_REJECT: ", EventKind.DENY, "policy"),
        ("rpfilter_DROP: ", EventKind.DENY, "spoof"),
        ("Shorewall:net-fw:DROP:", EventKind.DENY, "policy"),
        ("Shorewall:loc-net:ACCEPT:", EventKind.PERMIT, None),
        ("IPTables-Dropped: ", EventKind.DENY, "policy"),
        ("iptables denied: ", EventKind.DENY, "policy"),
        ("[WAN_LOCAL-4000-D]", EventKind.DENY, "policy"),
        ("[WAN_IN-default-D]", EventKind.DENY, "policy"),
        ("[WAN_IN-20-A]", EventKind.PERMIT, None),
        ("syn-flood-drop ", EventKind.DENY, "limit"),
        ("droplet-7 ", EventKind.CONTEXT, None),
        ("blockchain: ", EventKind.CONTEXT, None),
        ("new ssh ", EventKind.CONTEXT, None),
        ("nf_ct_proto_6: invalid packet ignored in state ESTABLISHED ", EventKind.CONTEXT, None),
        ("nf_ct_proto_6: SEQ is over the upper bound (over the window) ", EventKind.CONTEXT, None),
        ("nf_ct_tcp: invalid SYN ", EventKind.CONTEXT, None),
        ("nf_ct invalid drop: ", EventKind.DENY, "state"),
        ("drop or accept? ", EventKind.CONTEXT, None),
        ("", EventKind.CONTEXT, None),
    ],
)
def test_what_a_prefix_says(prefix: str, kind: EventKind, denial: str | None) -> None:
    source, rows = read(KERNEL + prefix + PACKET.replace("ACK FIN", "SYN"), year=2026)
    (row,) = rows
    assert (row["kind"], row["denial_kind"]) == (word(kind), denial)
    assert row["acl"] == (prefix.strip() or None)
    unsaid = [text for text, _, _ in source.problems]
    assert (len(unsaid) == 1) == (kind is EventKind.CONTEXT), unsaid
    assert (row["flags"], row["initiator"]) == ("SYN", "a")


@pytest.mark.parametrize(
    ("header", "ts", "device"),
    [
        ("Nov 20 14:20:44 fw1 kernel: [ 1735.376699] ", 1795184444, "fw1"),
        ("<4>Nov 20 14:20:44 fw1 kernel: ", 1795184444, "fw1"),
        ("2026-11-20T14:20:44+00:00 fw1 kernel: [1735.376699] ", 1795184444, "fw1"),
        ("2026-11-20T14:20:44.250000+00:00 fw1 kernel: ", 1795184444.25, "fw1"),
        ("<4>1 2026-11-20T14:20:44Z fw1 kernel - - - [ 1735.376699] ", 1795184444, "fw1"),
        ("[Fri Nov 20 14:20:44 2026] ", 1795184444, "kern.log"),
        ("1795184444.250000 fw1 kernel: ", 1795184444.25, "fw1"),
        ("Nov 20 14:20:44 fw1 ", 1795184444, "fw1"),
        ("2026-11-20T14:20:44,250000+00:00 ", 1795184444.25, "kern.log"),
        ("2026-11-20T14:20:44.250000+00:00 fw1 ", 1795184444.25, "fw1"),
        ("[ 1735.376699] ", None, "kern.log"),
        ("[ 1735.376699][    T0] ", None, "kern.log"),
        ("4,1447,1744393622,-;", None, "kern.log"),
        ("[ 1735.376699] fw1 kernel: ", None, "fw1"),
        ("", None, "kern.log"),
    ],
)
def test_headers(header: str, ts: float | None, device: str) -> None:
    row = one(header + "DROP " + PACKET, year=2026)
    assert row["ts"] == (None if ts is None else round(ts * 1000) * 1_000_000)
    assert (row["device"], row["acl"], row["a_if"], row["b_if"]) == (device, "DROP", "eth0", "eth1")


def test_seconds_since_boot_are_no_date() -> None:
    source, rows = read("[ 1735.376699] DROP " + PACKET)
    assert rows[0]["ts"] is None
    assert [text for text, _, _ in source.problems] == [netfilter._SINCE_BOOT]


def test_journal_as_json() -> None:
    entry = {"__REALTIME_TIMESTAMP": "1795184444250000", "_HOSTNAME": "fw1",
             "MESSAGE": "DROP: " + PACKET, "_TRANSPORT": "kernel"}  # fmt: skip
    row = one(json.dumps(entry))
    assert (row["ts"], row["device"], row["acl"]) == (1795184444250000000, "fw1", "DROP:")


def test_repeated_lines_count() -> None:
    row = one(f"Nov 20 14:20:44 fw1 kernel: message repeated 3 times: [ [ 17.3] DROP {PACKET} ]")
    assert (row["hit_count"], row["acl"], row["kind"]) == (3, "DROP", "deny")


@pytest.mark.parametrize(
    ("printed", "flags"),
    [
        ("SYN", "SYN"), ("CWR ECE SYN", "SYN"), ("ACK SYN", "SYN ACK"), ("ACK FIN", "FIN ACK"),
        ("ACK RST", "RST ACK"), ("RST", "RST"), ("ACK PSH", "PSH ACK"), ("", ""),
        ("URG PSH FIN", "FIN PSH URG"),
    ],
)  # fmt: skip
def test_flags_and_the_kind_of_refusal(printed: str, flags: str) -> None:
    """Only a SYN is refused by a rule; what an open connection alone may send lacks one."""
    shown = PACKET.replace("ACK FIN ", f"{printed} " if printed else "")
    row = one(KERNEL + "DROP " + shown)
    assert row["flags"] == flags
    assert row["denial_kind"] == ("policy" if flags in ("SYN", "") else "state")


@pytest.mark.parametrize("extra", ["", "SEQ=4185025809 ACK=3778042193 "])
@pytest.mark.parametrize(
    "options", ["", "OPT (0101080A83B36B9BAF4406E5) ", "UID=0 GID=0 MARK=0x2a "]
)
@pytest.mark.parametrize(
    "front",
    ["MAC= ", "PHYSIN=vnet0 PHYSOUT=vnet1 ", "VPROTO=8100 VID=7 ",
     "MACSRC=0e:df:ff:58:ea:40 MACDST=0a:f5:2a:70:96:48 MACPROTO=0800 "],
)  # fmt: skip
def test_optional_fields(extra: str, options: str, front: str) -> None:
    line = (
        f"DROP IN=eth0 OUT= {front}SRC=203.0.113.10 DST=172.17.77.250 LEN=52 TOS=0x00 PREC=0x00 "
        f"TTL=63 ID=191 CE DF OPT (44080000) PROTO=TCP SPT=42004 DPT=443 {extra}WINDOW=63 RES=0x00 "
        f"ACK FIN URGP=0 {options}"
    )
    row = one(KERNEL + line)
    ends = [row[name] for name in ("a_h", "a_p", "b_h", "b_p", "flags", "a_if", "b_if", "text_ok")]
    assert ends == ["203.0.113.10", 42004, "172.17.77.250", 443, "FIN ACK", "eth0", None, "full"]


def test_kernel_log_of_all_kinds_of_packets() -> None:
    _, rows = read((DATA / "kern.log").read_bytes(), year=2026)
    assert {row["text_ok"] for row in rows} == {"full"}
    assert {row["device"] for row in rows} == {"fw1"}
    shown = [(row["kind"], row["proto"], row["b_h"], row["b_p"], row["flags"]) for row in rows[:13]]
    assert shown[:2] == [
        ("deny", "tcp", "172.17.77.250", 444, "SYN"),
        ("deny", "tcp", "2001:db8:2::250", 444, "SYN"),
    ]
    assert ("context", "icmp6", "2001:db8:2::250", None, "ICMP 128/0") in shown
    assert ("deny", "udp", "172.17.77.250", 53, None) in shown
    # An ICMP error stands for the packet it quotes.
    assert ("context", "udp", "172.17.77.250", 54, "ICMP 3/3") in shown
    assert {row["denial_kind"] for row in rows[13:]} == {"state"}


def test_a_refused_icmp_error_is_told_by_what_it_quotes() -> None:
    line = (
        "DROP IN=eth1 OUT=eth0 SRC=10.0.0.1 DST=203.0.113.10 LEN=80 TOS=0x00 PREC=0xC0 TTL=63 "
        "ID=3 PROTO=ICMP TYPE=3 CODE=4 [SRC=203.0.113.10 DST=172.17.77.250 LEN=1500 TOS=0x00 "
        "PREC=0x00 TTL=60 ID=9 DF PROTO=TCP SPT=5000 DPT=443 WINDOW=501 RES=0x00 ACK URGP=0 ] "
        "MTU=1400 "
    )
    row = one(KERNEL + line)
    assert (row["kind"], row["proto"], row["reason"]) == (
        "icmp", "tcp", "ICMP type 3, code 4 from 10.0.0.1",
    )  # fmt: skip
    assert (row["a_h"], row["a_p"], row["b_h"], row["b_p"]) == (
        "203.0.113.10", 5000, "172.17.77.250", 443,
    )  # fmt: skip


def test_fragment_has_no_ports() -> None:
    shown = PACKET.replace("DF PROTO=TCP", "FRAG:185 PROTO=TCP")
    row = one(KERNEL + "DROP " + shown.split(" SPT=")[0] + " ")
    assert (row["a_p"], row["flags"]) == (None, None)


# --- recognition, devices -----------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(DATA.iterdir()), ids=lambda path: path.name)
def test_sniffs_its_own(path: Path) -> None:
    assert netfilter.sniff(path.read_bytes()) > 0.9
    assert [reader.name for reader in takers(path.read_bytes())] == ["netfilter"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"tcp      6 431999 ESTABLISHED {PLAIN} {BACK} [ASSURED] mark=0 use=1\n", "conntrack -L"),
        ('<flow type="new"><meta direction="original"><layer3 protonum="2">\n', "-o xml"),
    ],
)
def test_other_output_of_conntrack_is_named(text: str, said: str) -> None:
    assert netfilter.sniff(text.encode()) >= 0.2
    source, rows = read(text)
    assert rows == []
    assert [said in text for text, _, _ in source.problems] == [True]


@pytest.mark.parametrize(
    "text",
    ["", "IN=1 OUT=2\n", "an [UPDATE] of the tcp rules\n", "%ASA-6-302013: Built inbound TCP\n",
     "10:00:00.1 IP 10.0.0.1.5 > 10.0.0.2.6: Flags [S], seq 1\n"],
)  # fmt: skip
def test_sniffs_nothing_else(text: str) -> None:
    assert netfilter.sniff(text.encode()) == 0.0


def test_devices_of_a_file() -> None:
    found = netfilter.hosts((DATA / "kern.log").read_bytes())
    assert (found.named, found.silent) == (frozenset({"fw1"}), False)
    found = netfilter.hosts((DATA / "timestamp-id.txt").read_bytes())
    assert (found.named, found.silent) == (frozenset(), True)


# --- damage -------------------------------------------------------------------------------------

WHOLE = [EPOCH + NEW + " id=1", KERNEL + "DROP: " + PACKET + " ",
         f"{EPOCH}[DESTROY] tcp 6 10 CLOSE {PLAIN} {BACK} [ASSURED] id=1"]  # fmt: skip


@pytest.mark.parametrize("line", WHOLE)
def test_a_cut_line_invents_nothing(line: str) -> None:
    full = one(line, year=2026)
    for end in range(len(line)):
        for row in read(line[:end], year=2026)[1]:
            if row["text_ok"] == "full":
                # At the end of a line a number may be cut; all that follows blanks is whole.
                assert row["a_h"] == full["a_h"]
                continue
            for name in ("a_h", "b_h", "a_p", "a_if"):
                assert row[name] in (full[name], None) or not line[:end].endswith(" "), (end, name)


@settings(max_examples=300)
@given(st.lists(st.sampled_from([
    "[NEW] ", "[UPDATE]", "[DESTROY] ", "tcp ", "6 ", "120 ", "SYN_SENT ", "TIME_WAIT ", "BOGUS ",
    "src=", "dst=", "sport=", "dport=", "1.2.3.4 ", "99999 ", "443 ", "::1 ", "IN=", "OUT=",
    "eth0 ", "SRC=", "DST=", "PROTO=TCP ", "SPT=", "DPT=", "[SRC=", "]", "OPT (", ")", "ACK ",
    "RES=0x00 ", "URGP=0 ", "kernel: ", "[ 12.3] ", "Nov 20 14:20:44 ", "\x1b[31m", "{", "\"",
    "id=", "\0", "é",
    "IN=eth0 OUT=eth1 ", "\n", " ",
]), max_size=40))  # fmt: skip
def test_hostile_lines(parts: list[str]) -> None:
    text = "".join(parts)
    netfilter.sniff(text.encode())
    netfilter.hosts(text.encode())
    for row in read(text)[1]:
        for side in "ab":
            assert row[f"{side}_p"] is None or 0 <= row[f"{side}_p"] <= 65_535
            host = row[f"{side}_h"]
            assert host is None or host in ("1.2.3.4", "::1")
        assert row["teardown"] in {None, *map(word, Teardown)}


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    netfilter.sniff(data)
    read(data)
    read(WHOLE[0].encode() + data + b"\n" + WHOLE[1].encode())


@pytest.mark.parametrize(
    "line",
    ["[NEW] tcp 6 " + "1" * 60_000, "IN= OUT= " + "SRC=" * 15_000, "[NEW] " + " " * 60_000,
     "kernel: " * 8000 + "IN= OUT= ", "[12.5]" * 10_000 + "IN= OUT= ", "IN=" * 20_000,
     "IN= OUT= " + " OPT (" * 10_000, "IN= OUT= " + " [SRC=" * 10_000,
     "[UPDATE] tcp 6 " + "[start=" * 9000, "[NEW] tcp 6 9 X src=" + "a" * 60_000],
)  # fmt: skip
def test_time_is_linear(line: str) -> None:
    begin = time.perf_counter()
    for _ in range(3):
        read(line)
        netfilter.sniff(line.encode())
    assert time.perf_counter() - begin < 1.5


def test_memory_is_bounded_by_batches() -> None:
    lines = "\n".join(f"{EPOCH}{NEW} id={n}" for n in range(40_000))
    source = Source(0, "x", Points(), "x")
    sizes = [
        len(batch["ts"])
        for batch in netfilter.read(io.BytesIO(lines.encode()), source, Reading(UTC))
    ]
    assert sizes == [16_384, 16_384, 7_232]
