from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from finis.errors import InputError
from finis.terms import Flag, Quirk
from finis.wire.captures import asa_text, pcap, tcpdump_text
from finis.wire.captures._text.relative import Numbers
from finis.wire.captures._text.rows import Row
from tests import builders as b
from tests.wire.captures.reading import DATA, EXAMPLES, ipv4, problems, quirks, read

PRINTS = DATA / "tcpdump_text"
TCPDUMP = shutil.which("tcpdump")
needs_tcpdump = pytest.mark.skipif(TCPDUMP is None, reason="tcpdump is not installed")


def lines(*bodies: str) -> str:
    """A print with one line per body, 1 µs apart."""
    return "".join(f"10:00:00.{i:06d} IP {body}\n" for i, body in enumerate(bodies))


# --- the forms -------------------------------------------------------------------------------


def test_verbose() -> None:
    rows, source = read(tcpdump_text, (PRINTS / "verbose.txt").read_bytes())
    assert not source.problems
    syn, syn_ack, ack, six, fragment = rows
    assert rows["frame"].tolist() == [2, 4, 6, 12, 16]
    assert (syn["seq"], syn["ttl"], syn["ip_id"], syn["ip_len"]) == (1000000000, 64, 4242, 60)
    assert (syn["mss"], syn["wscale"], syn["tsval"]) == (1460, 7, 11)
    want = Quirk.HAS_TS | Quirk.HAS_WSCALE | Quirk.HAS_MSS | Quirk.SACK_PERMITTED | Quirk.DF
    assert quirks(syn) == want | Quirk.UNDATED | Quirk.NO_PAYLOAD  # checksum: not filled in
    assert syn_ack["flags"] == Flag.SYN | Flag.ACK | Flag.ECE and syn_ack["ttl"] == 57
    assert (ack["ack"], ack["sack_left"], ack["sack_right"]) == (3000000001, *_sack(3000000000))
    assert quirks(ack) & (Quirk.NO_SEQ | Quirk.BAD_CHECKSUM) == Quirk.NO_SEQ | Quirk.BAD_CHECKSUM
    assert six["src_hi"] == 0x20010DB800000000 and six["ttl"] == 61 and six["ip_len"] == 72
    assert quirks(six) & (Quirk.NO_IP_ID | Quirk.NO_TTL) == Quirk.NO_IP_ID
    assert (fragment["seq"], fragment["payload_len"]) == (1000000001, 1460)
    assert quirks(fragment) & Quirk.FRAGMENT_MISSING
    assert source.other == {"icmp": 1, "udp": 1, "arp": 1}
    assert source.lost == 3


def _sack(base: int) -> tuple[int, int]:
    return base + 1401, base + 2801


def test_any_parts_by_interface() -> None:
    rows, source = read(tcpdump_text, (PRINTS / "any.txt").read_bytes())
    assert not source.problems
    assert source.points.names == ["eth0", "wg0", "here"]
    assert rows["point"].tolist() == [0, 1, 0, 2]
    assert rows["vlan"].tolist() == [0, 0, 0, 70]
    assert rows["flags"].tolist() == [Flag.SYN, Flag.SYN, Flag.RST, 0]
    start = int(datetime(2024, 5, 1, 9, tzinfo=UTC).timestamp()) * 10**9
    assert (rows["ts_ns"] - start).tolist() == [1000, 2000, 3000, 4000]
    assert source.dated and source.zone_assumed and source.resolution_ns == 1000
    _, source = read(tcpdump_text, (PRINTS / "any.txt").read_bytes(), point_given=True)
    assert source.points.names == ["here/eth0", "here/wg0", "here"]


def test_version_3() -> None:
    rows, source = read(tcpdump_text, (PRINTS / "version3.txt").read_bytes())
    assert not source.problems
    assert rows["seq"].tolist() == [
        1000000000, 3000000000, 0, 1000000001, 3000000001, 1000000101
    ]  # fmt: skip
    assert rows["ack"].tolist() == [0, 1000000001, 3000000001, 3000000001, 1000000101, 0]
    assert rows["payload_len"].tolist() == [0, 0, 0, 100, 0, 0]
    assert rows["ip_id"].tolist() == [0, 0, 0, 77, 0, 0]
    assert source.other == {"icmp": 1, "arp": 1}


def test_epoch_and_nanoseconds() -> None:
    text = "1700000000.123456789 IP 10.0.0.1.1 > 10.0.0.2.2: Flags [R], seq 7, win 0, length 0\n"
    rows, source = read(tcpdump_text, text, day=date(1999, 1, 1))
    assert rows["ts_ns"].tolist() == [1700000000_123456789]
    assert source.resolution_ns == 1 and source.dated and not source.zone_assumed


@pytest.mark.parametrize("stamp", ["9999999999.000000", "2299-01-01 00:00:00.000000"])
def test_stamps_beyond_the_calendar(stamp: str) -> None:
    text = f"{stamp} IP 10.0.0.1.1 > 10.0.0.2.2: Flags [R], seq 7, win 0, length 0\n"
    rows, source = read(tcpdump_text, text)
    assert not len(rows) and problems(source) == {"stamp impossible": ["line 1"]}


def test_quiet_and_cut_forms_are_problems() -> None:
    text = lines(
        "10.0.0.1.1 > 10.0.0.2.2: tcp 31",
        "10.0.0.1.1 > 10.0.0.2.2: Flags [P.], seq 1:32, ack 5, win 502",
        "10.0.0.1.1 > 10.0.0.2.2: Flags [P.], seq 1:32, ack 5, win 502, length 30",
        "10.0.0.1.1 > 10.0.0.2.2: Flags [S.], seq 1, win 502, length 0",
        "10.0.0.1.1 > 10.0.0.2.2: Flags [Q], seq 1, win 502, length 0",
        "10.0.0.1.1 > 10.0.0.2.2:  [|tcp]",
        "web.example.1 > 10.0.0.2.2: Flags [R], seq 1, win 0, length 0",
        "10.0.0.1.1 > 10.0.0.2.blub: Flags [R], seq 1, win 0, length 0",
        "10.0.0.1 > 10.0.0.2: tcp",
    )
    rows, source = read(tcpdump_text, text)
    assert len(rows) == 0
    assert problems(source) == {
        "no TCP flags printed (tcpdump -q)": ["line 1"],
        "TCP segment cut off": ["line 2"],
        "SEQ and length of the line disagree": ["line 3"],
        "TCP segment unreadable": ["line 4-5"],
        "TCP header cut off before the flags": ["line 6"],
        "address is a name": ["line 7"],
        "port name unknown": ["line 8"],
    }
    assert source.other == {"ip-fragment": 1}


def test_names_and_services() -> None:
    text = lines("web.example.https > 10.0.0.2.ms-sql-s: Flags [R], seq 1, win 0, length 0: HTTP")
    rows, source = read(tcpdump_text, text, names={"web.example": "10.7.7.7"})
    assert not source.problems
    assert rows["src_lo"].tolist() == [ipv4("10.7.7.7")]
    assert (rows["src_p"][0], rows["dst_p"][0]) == (443, 1433)


def test_wrapped_line() -> None:
    text = lines("10.0.0.1.1 > 10.0.0.2.2: Flags [P.], seq 100:131, ack 5, win\n502, length 31")
    rows, source = read(tcpdump_text, text)
    assert not source.problems
    assert rows["win"].tolist() == [502]


def test_text_dump_is_counted() -> None:
    text = lines("10.0.0.1.1 > 10.0.0.2.2: Flags [R], seq 1, win 0, length 0") + "E..<..@\n..x\n"
    _, source = read(tcpdump_text, text)
    assert not source.problems
    assert source.other == {"lines of payload text": 2}


def test_tunnel() -> None:
    text = lines(
        "192.0.2.1 > 192.0.2.2: GREv0, length 44: IP 10.0.0.1.1 > 10.0.0.2.2: "
        "Flags [R], seq 1, win 0, length 0"
    )
    rows, _ = read(tcpdump_text, text)
    assert quirks(rows[0]) & Quirk.TUNNELLED
    assert rows["src_lo"].tolist() == [ipv4("10.0.0.1")]


def test_differences_are_said() -> None:
    text = " 00:00:00.000000 IP 10.0.0.1.1 > 10.0.0.2.2: Flags [R], seq 1, win 0, length 0\n"
    _, source = read(tcpdump_text, text)
    assert list(problems(source)) == [tcpdump_text.RELATIVE_STAMPS]


# --- relative numbers ------------------------------------------------------------------------

A, B = "10.0.0.1.40000", "10.0.0.2.443"


def sent(*bodies: str) -> list[tuple[int, int, bool]]:
    """(SEQ, ACK, relative) of the rows of a print."""
    rows, source = read(tcpdump_text, lines(*bodies))
    assert not source.problems
    return [
        (int(r["seq"]), int(r["ack"]), bool(quirks(r) & Quirk.RELATIVE_SEQ))
        for r in rows
    ]  # fmt: skip


def test_relative_after_the_handshake() -> None:
    assert sent(
        f"{A} > {B}: Flags [S], seq 4294967290, win 1, length 0",
        f"{B} > {A}: Flags [S.], seq 7000000, ack 4294967291, win 1, length 0",
        f"{A} > {B}: Flags [.], ack 1, win 1, length 0",
        f"{A} > {B}: Flags [P.], seq 1:32, ack 1, win 1, length 31",
        f"{B} > {A}: Flags [.], ack 32, win 1, length 0",
        f"{A} > {B}: Flags [R], seq 26, win 0, length 0",  # no ACK bit: printed as it is
    ) == [
        (4294967290, 0, False),
        (7000000, 4294967291, False),
        (0, 7000001, False),
        (4294967291, 7000001, False),
        (0, 26, False),
        (26, 0, False),
    ]


def test_absolute_print() -> None:
    assert sent(
        f"{A} > {B}: Flags [S], seq 1000, win 1, length 0",
        f"{B} > {A}: Flags [S.], seq 7000000, ack 1001, win 1, length 0",
        f"{A} > {B}: Flags [.], ack 7000001, win 1, length 0",
        f"{A} > {B}: Flags [P.], seq 1001:1032, ack 7000001, win 1, length 31",
    )[2:] == [(0, 7000001, False), (1001, 7000001, False)]


def test_midstream_print_starts_absolute() -> None:
    assert sent(
        f"{A} > {B}: Flags [P.], seq 900000000:900000010, ack 500000000, win 1, length 10",
        f"{B} > {A}: Flags [F.], seq 1, ack 10, win 1, length 0",
        f"{A} > {B}: Flags [.], ack 2, win 1, length 0",
    ) == [
        (900000000, 500000000, False),
        (500000000, 900000010, False),
        (0, 500000001, False),
    ]


def test_small_numbers_of_a_refusal_are_absolute() -> None:
    """One ISN in 64 is below 2²⁶: what answers a printed SYN is no excerpt for that."""
    syn = f"{A} > {B}: Flags [S], seq 54267127, win 1, length 0"
    refusal = f"{B} > {A}: Flags [R.], seq 0, ack 54267128, win 0, length 0"
    assert sent(syn, refusal) == [(54267127, 0, False), (0, 54267128, False)]
    assert sent(refusal) == [(0, 54267128, False)]
    other = f"{B} > {A}: Flags [P.], seq 1:8, ack 54267129, win 1, length 7"
    assert sent(syn, other)[1:] == [(1, 54267129, True)]


def test_excerpt_of_a_relative_print_is_marked() -> None:
    assert sent(
        f"{A} > {B}: Flags [P.], seq 1:32, ack 1, win 1, length 31",
        f"{B} > {A}: Flags [.], ack 32, win 1, length 0",
    ) == [(1, 1, True), (0, 32, True)]


def test_side_whose_base_was_not_printed_is_marked() -> None:
    rows = sent(
        f"{A} > {B}: Flags [.], ack 500000000, win 1, length 0",
        f"{B} > {A}: Flags [P.], seq 1:11, ack 0, win 1, length 10",
    )
    assert rows == [(0, 500000000, False), (500000000, 0, True)]


def test_one_direction_with_its_syn() -> None:
    assert sent(
        f"{A} > {B}: Flags [S], seq 800000000, win 1, length 0",
        f"{A} > {B}: Flags [.], ack 500000000, win 1, length 0",
        f"{A} > {B}: Flags [P.], seq 0:10, ack 1, win 1, length 10",
    )[2] == (800000001, 500000000, False)


def test_reused_ports_start_afresh() -> None:
    assert sent(
        f"{B} > {A}: Flags [S.], seq 7000000, ack 90000001, win 1, length 0",
        f"{A} > {B}: Flags [.], ack 1, win 1, length 0",
        f"{A} > {B}: Flags [S], seq 300000000, win 1, length 0",
        f"{B} > {A}: Flags [S.], seq 400000000, ack 300000001, win 1, length 0",
        f"{A} > {B}: Flags [F.], seq 1, ack 1, win 1, length 0",
    )[4] == (300000001, 400000001, False)


def test_pairs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finis.wire.captures._text.relative.MAX_PAIRS", 4)
    numbers = Numbers()
    for port in range(100):
        numbers.restore(Row(src_p=port, flags=Flag.SYN, seq=1 << 30, quirks=0))
        numbers.restore(Row(src_p=port, flags=Flag.ACK, seq=1 << 30, ack=1 << 31, quirks=0))
    assert len(numbers.pairs) == len(numbers.isns) == 4


# --- against tcpdump itself ------------------------------------------------------------------

# What the text does not carry, or carries as something else.
_HIDDEN = {
    "seq": Quirk.NO_SEQ,
    "ttl": Quirk.NO_TTL,
    "ip_id": Quirk.NO_IP_ID,
    "win": Quirk.NO_WIN,
}  # fmt: skip
_ALWAYS = ["src_hi", "src_lo", "dst_hi", "dst_lo", "src_p", "dst_p", "ack", "payload_len", "flags"]
_OPTIONS = ["tsval", "tsecr", "sack_left", "sack_right", "mss", "wscale"]
_OPTION_BITS = (
    Quirk.HAS_TS | Quirk.HAS_WSCALE | Quirk.HAS_MSS | Quirk.HAS_SACK | Quirk.SACK_PERMITTED
)  # fmt: skip
_PRINTED = ["-n", "-nS", "-nv", "-nvv", "-ne", "-nve", "-ntttt", "-ntt", "-nx", "-nXX", "-n#"]


def printed(capture: Path, flags: str) -> bytes:
    assert TCPDUMP is not None
    command = [TCPDUMP, "-r", str(capture), flags]
    return subprocess.run(command, capture_output=True, check=True, env={"TZ": "UTC"}).stdout


def agree(text: np.ndarray[Any, Any], binary: np.ndarray[Any, Any], dated: bool) -> None:
    """Every field the print carries equals the one read from the capture itself."""
    assert len(text) == len(binary)
    for row, want in zip(text, binary, strict=True):
        about = (row, want)
        day = 86_400 * 10**9
        want_ts = int(want["ts_ns"]) // 1000 * 1000
        assert row["ts_ns"] == (want_ts if dated else want_ts % day), about
        for name in (*_ALWAYS, *_OPTIONS):
            assert row[name] == want[name], (name, *about)
        for name, lacking in _HIDDEN.items():
            if not quirks(row) & lacking:
                assert row[name] == want[name], (name, *about)
        if quirks(row) & Quirk.NO_SEQ:
            assert not want["payload_len"] and not want["flags"] & (Flag.SYN | Flag.FIN | Flag.RST)
        assert quirks(row) & _OPTION_BITS == quirks(want) & _OPTION_BITS
        assert quirks(row) & Quirk.BAD_CHECKSUM <= quirks(want) & Quirk.BAD_CHECKSUM
        assert not quirks(row) & Quirk.RELATIVE_SEQ
        assert row["vlan"] in (0, want["vlan"])  # printed with -e only
        if row["ip_len"]:
            assert row["ip_len"] == want["ip_len"], about


def compare_all(path: Path) -> None:
    binary, _ = read(pcap, path.read_bytes())
    for flags in _PRINTED:
        text = printed(path, flags)
        assert tcpdump_text.sniff(text[:65536]) > 0.6, flags
        assert asa_text.sniff(text[:65536]) < 0.2, flags
        rows, source = read(tcpdump_text, text)
        assert not source.problems, (flags, source.problems)
        agree(rows, binary, dated=flags in ("-ntttt", "-ntt"))
        if flags in ("-ne", "-nve", "-nXX"):
            assert np.array_equal(rows["vlan"], binary["vlan"])
        if flags in ("-nx", "-nXX"):
            for name in ("seq", "ttl", "ip_id", "ip_len", "head", "payload_hash", "alert"):
                assert np.array_equal(rows[name], binary[name]), (flags, name)


@needs_tcpdump
@pytest.mark.parametrize("v6", [False, True])
def test_prints_of_a_made_capture(tmp_path: Path, v6: bool) -> None:
    client = "[2001:db8::5]:40000" if v6 else "10.0.0.1:40000"
    server = "[2001:db8::6]:443" if v6 else "10.0.0.2:443"
    stamps = b.NOP * 2 + b.timestamps(77, 4_000_000_000)
    syn = b.mss(1460) + b.SACK_PERMITTED + b.timestamps(1, 0) + b.NOP + b.wscale(7)
    c, s = 4_294_967_000, 123_456_789
    blocks = b.sack((c + 200, c + 250), (c + 270, c + 280))
    frames: list[b.Frame] = []

    def up(flags: str, seq: int, ack: int = 0, **fields: Any) -> None:
        frame = b.packet(client, server, flags, seq=seq, ack=ack, **fields)
        frames.append((b.EPOCH_NS + 1000 * len(frames), frame))

    def down(flags: str, seq: int, ack: int = 0, **fields: Any) -> None:
        frame = b.packet(server, client, flags, seq=seq, ack=ack, **fields)
        frames.append((b.EPOCH_NS + 1000 * len(frames), frame))

    up("SEC", c, options=syn, ip_id=4711, vlans=[70])
    down("SA", s, c + 1, options=syn, ttl=50)
    up("A", c + 1, s + 1, options=stamps)
    up("PA", c + 1, s + 1, payload=b"x" * 400)
    down("A", s + 1, c + 1, options=b.NOP * 2 + blocks)
    down("PUA", s + 1, c + 401, payload=b"\x15\3\3\0\2\1\0")
    down("FA", s + 8, c + 401, win=0)
    up("A", c, s + 9, win=1)
    up("RA", c + 401, s + 9, win=0)
    down("R", s + 9, win=0, ttl=255)
    up("", 5)
    up("S", 99, options=b.MD5 + b.mss(536))
    down("RA", 0, 100, win=0)
    path = tmp_path / "made.pcap"
    path.write_bytes(b.pcap(frames, magic=b.MAGIC_US))
    compare_all(path)


@st.composite
def conversations(draw: st.DrawFn) -> bytes:
    """Connections side by side, each with random numbers, some without handshake."""
    number = st.integers(1 << 28, 2**32 - (1 << 28))
    size = st.integers(0, 1400)
    pending: list[list[bytes]] = []
    for i in range(draw(st.integers(1, 4))):
        ends = [f"10.0.0.{1 + i}:40000", "10.0.0.9:443"]
        nxt = [draw(number), draw(number)]
        frames: list[bytes] = []
        plan = draw(
            st.lists(st.tuples(st.integers(0, 1), size, st.sampled_from("..PFR")), max_size=9)
        )
        steps = [(0, 0, "S"), (1, 0, "SA"), (0, 0, ".")] if draw(st.booleans()) else []
        if not steps:  # what tcpdump sees first of a pair it prints as it is: let it be data
            steps = [(0, 10, "P"), (1, 10, "P")]
        for side, length, kind in steps + plan:
            flags = kind if kind.startswith("S") else {".": "A", "R": "R"}.get(kind, kind + "A")
            payload = bytes(length) if kind in "PF" else b""
            ack = nxt[1 - side] if "A" in flags else 0
            frame = b.packet(ends[side], ends[1 - side], flags, seq=nxt[side], ack=ack % 2**32,
                             payload=payload, ip_id=draw(st.integers(0, 65535)))  # fmt: skip
            frames.append(frame)
            nxt[side] += len(payload) + ("S" in flags) + ("F" in flags)
        pending.append(frames)
    order = draw(st.permutations([i for i, frames in enumerate(pending) for _ in frames]))
    if draw(st.booleans()):
        order = sorted(order)
    taken = [pending[i].pop(0) for i in order]
    return b.pcap([(b.EPOCH_NS + i * 1000, f) for i, f in enumerate(taken)], magic=b.MAGIC_US)


@needs_tcpdump
@settings(max_examples=12, phases=[Phase.explicit, Phase.generate])
@given(data=conversations())
def test_prints_of_random_conversations(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("random") / "random.pcap"
    path.write_bytes(data)
    binary, _ = read(pcap, data)
    for flags in ("-n", "-nvv", "-nS"):
        rows, source = read(tcpdump_text, printed(path, flags))
        assert not source.problems
        agree(rows, binary, dated=False)


def exchange(listener: socket.socket) -> None:
    """A connection on loopback that ends orderly, and one that is refused."""
    address = listener.getsockname()

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(100)
            peer.sendall(b"y" * 5000)

    thread = threading.Thread(target=serve)
    thread.start()
    with socket.create_connection(address, timeout=5) as client:
        client.sendall(b"x" * 31)
        while client.recv(9999):
            pass
    thread.join(5)
    listener.close()
    with pytest.raises(OSError):
        socket.create_connection(address, timeout=5)


@needs_tcpdump
def test_prints_of_real_traffic(tmp_path: Path) -> None:
    assert TCPDUMP is not None
    path = tmp_path / "lo.pcap"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        only = ["tcp", "port", str(listener.getsockname()[1])]
        command = [TCPDUMP, "-i", "lo", "-U", "--immediate-mode", "-w", str(path), *only]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            if b"listening on" not in process.stderr.readline():
                process.wait(5)
                pytest.skip("not allowed to capture")
            exchange(listener)
            time.sleep(0.3)
            process.terminate()
            process.wait(5)
    rows, _ = read(pcap, path.read_bytes())
    assert len(rows) > 8
    compare_all(path)


# --- sniffing and hostile input --------------------------------------------------------------

_SAMPLES = [p.read_bytes() for p in sorted(PRINTS.glob("*.txt"))]


@pytest.mark.parametrize("path", sorted(PRINTS.glob("*.txt")), ids=lambda p: p.name)
def test_sniffs_its_own(path: Path) -> None:
    head = path.read_bytes()
    assert tcpdump_text.sniff(head) > 0.8
    assert tcpdump_text.sniff(head) > asa_text.sniff(head)


def test_sniff_leaves_others_alone() -> None:
    for path in EXAMPLES.iterdir():
        assert tcpdump_text.sniff(path.read_bytes()) == 0, path
    for path in (DATA / "asa_text").glob("*.txt"):
        assert tcpdump_text.sniff(path.read_bytes()) < 0.2, path
    assert tcpdump_text.sniff(bytes(range(256)) * 256) == 0
    log = b"2024-05-01 09:00:00.000001 host app: a > b: done\n<166>2024-06-26T01:35:42Z: %ASA-6-1\n"
    assert tcpdump_text.sniff(log * 20) < 0.5
    assert tcpdump_text.sniff(b"<14>May  1 09:00:00 fw %ASA-6-302013: Built\n" * 20) == 0


def test_nothing_to_read() -> None:
    with pytest.raises(InputError, match="tcpdump"):
        read(tcpdump_text, "no capture at all\n")
    rows, source = read(tcpdump_text, "tcpdump: listening on eth0\n0 packets captured\n")
    assert len(rows) == 0 and not source.problems


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(_SAMPLES)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 30))] = draw(st.binary(max_size=20))
    return bytes(data)


@settings(max_examples=80)
@given(data=st.one_of(mutated(), st.binary(max_size=2000)), step=st.sampled_from([1 << 20, 13]))
def test_anything_is_read_without_an_exception(data: bytes, step: int) -> None:
    assert 0 <= tcpdump_text.sniff(data) <= 1
    try:
        rows, source = read(tcpdump_text, data, step=step)
    except InputError:
        return
    assert source.rows >= len(rows)


def test_long_tokens_are_read_in_linear_time() -> None:
    """Each of these would take minutes with a quadratic pattern."""
    heads = ("10:00:00.1 IP 10.0.0.1.80 > 10.0.0.2.50: Flags [S], options [", "10:00:00.1 IP ")
    for head in heads:
        for token in ("S", "1", "a:", " ", "(", ">", "[", "seq ", " > ", "0x", "mss 1,", "ttl 1"):
            rest = token * (60_000 // len(token))
            read(tcpdump_text, (head + rest + "\n " + rest + "\n") * 3)
