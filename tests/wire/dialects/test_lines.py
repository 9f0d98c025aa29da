"""The kernel of lines says what the reference says, whatever the lines and however they come."""

from __future__ import annotations

import io
import ipaddress
import random
import re
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis.wire import kernel
from finis.wire.dialects import _events, _program, _rows, _syslog, cisco_asa
from finis.wire.source import Points, Reading, Source

from .asa_messages import MESSAGES

pytestmark = pytest.mark.skipif(kernel.line_kernel() is None, reason="no kernel is built")

HEADERS = (
    "<166>Mar 02 2024 08:00:01 fw1 : ", "<166>Mar 02 2024 08:00:02 fw1 : ",
    "<166>Mar 02 2024 08:00:02 fw2 : ", "Mar  2 08:00:01 fw1 ", "Mar  2 08:00:03 fw1 ",
    "Dec 31 23:59:59 fw1 ", "2024-03-02T08:00:01Z relay 10.0.0.1 ", "", "<166>: ",
    "Mar 02 2024 08:00:01 IST: ", "Mar  2 08:00:01 IST: ", "Feb 30 2024 08:00:01 fw : ",
    "2024-03-02 08:00:01 relay Mar  2 08:00:04 fw1 ", "<166>1 2024-03-02T08:00:01Z fw - - - - ",
    'x,"', "Mär 2 ", "6|Mar 02 2024|08:00:01|106015|", "1 | 2 ", "{",
)  # fmt: skip
FAST = sorted(cisco_asa.FAST.messages)
HOSTS = ("10.1.1.5", "198.51.100.7", "255.255.255.255", "0.0.0.0", "10.01.1.1", "256.1.1.1",
         "1.2.3", "web-1", "2001:db8::1", "[2001:db8::1]", "1.2.3.4.5", "any")  # fmt: skip
# Hardly IPv6 addresses, or none.
NEAR = (":::", "::", ":", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "::1.2.3",
        "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1.2.3.04",
        "1::2:", ":1::2", "1:2:3:4::5:6:7:8", "fe80::1%eth0", "fe80::1%", "::g", "2001:db8::1.",
        "::ffff:1.2.3.4", "::ffff:1.2.3.4.5", "1:2:3:4:5:6:255.255.255.255", "[::1]", "[::1",
        "2001:db8::1x", "::00001", "0:0:0:0:0:0:0:0", "1:0:0:2:0:0:0:3")  # fmt: skip
PORTS = ("443", "0", "65535", "65536", "080", "https", "123456", "-")
IFS = ("inside", "outside", "dmz.1", "v1:in", "NP Identity Ifc", "a" * 70, "x.")
SAMPLES = [f"%ASA-6-{number}: {text}" for number, text, _ in MESSAGES] + [
    "%ASA-6-302015: Built outbound UDP connection 9 for a:1.2.3.4/5 (1.2.3.4/5) to b:2.3.4.5/6",
    "%ASA-6-302016: %ASA-6-302013: Built", "%FTD-6-302020: x", "%ASA-7-609001: Built local-host",
    "no message", "last message repeated 3 times", "%ASA-5-111008: User 'a' executed the 'b' "
    "command.", "", "   ", "%ASA-6-302014:", "%ASA-6-302014",
]  # fmt: skip
PIECES = ("", " ", "  ", "   ", "\t", ":", "/", "(", ")", "%", '"', "0", "99999999999999999999",
          "\x1b[31m", "ü", "\xa0", "\ufeff", "\r", "\0", "SYN ", "flags", "[", ",", " (eve)",
          "from inside", "\n", "\n\n", "message repeated 4 times: [", "- ")  # fmt: skip


@st.composite
def ipv6(draw: st.DrawFn) -> str:
    """An address in one of the spellings of RFC 4291, now and then none."""
    group = st.integers(0, 0xFFFF) | st.sampled_from((0, 0, 0, 1, 0xFFFF))
    groups = draw(st.lists(group, min_size=8, max_size=8))
    wide, upper, dotted = (draw(st.booleans()) for _ in range(3))
    texts = [f"{group:04x}" if wide else f"{group:x}" for group in groups]
    if dotted:
        texts[6:] = [".".join(str(n) for g in groups[6:] for n in (g >> 8, g & 255))]
    if draw(st.booleans()):
        begin = draw(st.integers(0, len(texts)))
        texts[begin : draw(st.integers(begin, len(texts)))] = ["", ""]
        texts = [*[""][begin:], *texts, *([] if texts[-1] else [""])]
    text = ":".join(texts)
    return text.upper() if upper else text


@st.composite
def plain(draw: st.DrawFn) -> str:
    """A frequent message with ordinary and extraordinary values."""
    port, name = (st.sampled_from(values) for values in (PORTS, IFS))
    host = draw(st.sampled_from((
        st.sampled_from(HOSTS), st.sampled_from(HOSTS), ipv6(), ipv6() | st.sampled_from(NEAR)
    )))  # fmt: skip
    blank = st.sampled_from((" ", " ", " ", "  ", "   "))

    def end() -> str:
        return f"{draw(name)}:{draw(host)}/{draw(port)}"

    number, d = draw(st.sampled_from(("1", "77", "0077", "1" * 18, "1" * 19))), draw(blank)
    socket = f"{draw(host)}/{draw(port)}"
    reason = draw(st.sampled_from(
        ("TCP FINs", "TCP FINs from inside", "TCP Reset-O from outside", "SYN Timeout (eve)",
         "Something new", "", "(TCP Reset-I)")
    ))  # fmt: skip
    flags = draw(st.sampled_from(("RST", "SYN", "RST ACK", "FIN PSH ACK", "X", "", "ACK  ACK")))
    who = draw(st.sampled_from(("", "", "(eve)", "(LOCAL\\eve)", "(CORP\\17)", "(a(b)c)", "(eve",
                                "()", "(typist)", "(1.2.3.4/5)", " (eve)")))  # fmt: skip
    icmp = draw(st.sampled_from(("(type 8, code 0)", "(type 11, code 1),", "type 3, code 3",
                                 "(type 8)", "(type 8, code 0", "(type 1000, code 0)",
                                 "(typist)", "(type 8, code 0) (eve)", "")))  # fmt: skip
    place = f"{draw(name)}:{draw(host)}"
    return draw(st.sampled_from((
        f"%ASA-6-302013: Built inbound TCP connection {number} for {end()} ({socket}) to"
        f"{d}{end()} ({draw(host)}/{draw(port)})",
        f"%ASA-6-302013: Built outbound TCP connection {number} for {end()} ({socket}){who} to"
        f"{d}{end()}{who} ({draw(host)}/{draw(port)}){d}{who}",
        f"%ASA-3-106014: Deny inbound icmp src {place}{who} dst {draw(name)}:{draw(host)}{d}{icmp}",
        f"%ASA-4-106023: Deny icmp src {place} dst {draw(name)}:{draw(host)}{who}{d}{icmp} "
        f'by access-group "in" [0x0, 0x0]',
        f"%ASA-6-302014: Teardown TCP connection {number} for {end()} to {end()} duration "
        f"0:01:{draw(st.sampled_from(('00', '59', '7', '99')))} bytes {number}{d}{reason}",
        f"%ASA-6-106015: Deny TCP (no connection) from {socket} to {draw(host)}/{draw(port)} "
        f"flags {flags}{d}on interface {draw(name)}",
        f"%ASA-4-106023: Deny {draw(st.sampled_from(('tcp', 'udp', 'protocol 47')))} src {end()} "
        f'dst {end()}{d}by access-group "in" [0x0, 0x0]',
        f"%ASA-6-106100: access-list in permitted tcp {draw(name)}/{draw(host)}({draw(port)}) -> "
        f"{draw(name)}/{draw(host)}({draw(port)}){d}hit-cnt {number} first hit [0x1, 0x0]",
        f"%ASA-6-305011: Built dynamic TCP translation from {end()} to {end()}",
        f"%ASA-7-609001: Built local-host {draw(name)}:{draw(host)}",
        f"%ASA-7-609002: Teardown local-host {draw(name)}:{draw(host)} duration 0:00:01",
        f"%ASA-2-106001: Inbound TCP connection denied from {socket} to {draw(host)}/{draw(port)} "
        f"flags {flags} on interface {draw(name)}",
        f"%ASA-2-106006: Deny inbound UDP from {socket} to {draw(host)}/80 on interface outside",
        f"%ASA-1-106021: Deny TCP reverse path check from {draw(host)} to {draw(host)} on "
        f"interface {draw(name)}",
        f"%ASA-7-710005: UDP request discarded from {socket} to {end()}",
    )))  # fmt: skip


@st.composite
def line(draw: st.DrawFn) -> str:
    message = draw(plain() | st.sampled_from(SAMPLES))
    text = draw(st.sampled_from(HEADERS)) + message
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 2)))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(PIECES)) + text[at + draw(st.integers(0, 3)) :]
    return text + draw(st.sampled_from(("", "", "", "\r", " ")))


def varied(text: str, seed: int) -> str:
    """The line with other digits and IPv6 addresses here and there, as the next line of its kind
    has."""
    dice = random.Random(seed)
    if dice.random() < 0.5:
        six = ("2001:db8::1", "FE80::a", "::", "::1.2.3.4", "1:2:3:4:5:6:7:8", "a::b", "9.9.9.9")
        text = re.sub(r"[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+(?=[/ )(]|$)", lambda m: dice.choice(six), text)

    def other(m: re.Match[str]) -> str:
        if dice.random() < 0.6:
            return m[0]
        size = len(m[0]) if dice.random() < 0.7 else dice.randint(1, 6)
        return str(dice.randrange(10**size)).zfill(size if dice.random() < 0.5 else 1)

    return re.sub(r"\d+", other, text)


class Drip(io.BytesIO):
    """Gives at most `size` bytes at once."""

    size = 1 << 20

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(self.size, self.size if size is None or size < 0 else size))


def read(
    data: bytes, fast: bool, monkeypatch: pytest.MonkeyPatch, size: int = 1 << 20,
    batch: int = 16_384, **reading: Any,
) -> tuple[Source, list[tuple[Any, ...]]]:  # fmt: skip
    source, stream = Source(0, "fw.log", Points(), "fw"), Drip(data)
    stream.size = size
    source.points = None  # type: ignore[assignment]  # compared by value
    with monkeypatch.context() as patch:
        patch.setattr(_rows, "BATCH", batch)
        if not fast:
            patch.setattr(_rows, "line_kernel", lambda: None)
        batches = list(cisco_asa.read(stream, source, Reading(**{"tz": UTC, **reading})))
    assert all(len(b["ts"]) == batch for b in batches[:-1])
    rows = [row for b in batches for row in zip(*(b[n] for n in _events.COLUMNS), strict=True)]
    return source, rows


# The kernel's tree is asked only where so many bytes follow.
FAR = b"\n" + b"x" * 4500


@settings(max_examples=100)
@given(
    st.lists(line(), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 50)), max_size=40),
    st.integers(1, 600) | st.just(20_000),
    st.integers(1, 7),
    st.sampled_from((b"", b"", b"\xff", b"\xc3")),
    st.sampled_from(
        ({}, {"year": 2020}, {"names": {"web-1": "10.9.9.9"}}, {"tz": ZoneInfo("Europe/Berlin")})
    ),
)
def test_kernel_is_the_reference(
    lines: list[str], order: list[tuple[int, int]], size: int, batch: int, junk: bytes,
    reading: dict[str, Any],
) -> None:  # fmt: skip
    # Lines come again, as they were or with other values: what was learnt is used for the next.
    again = [(lines[i % len(lines)], seed) for i, seed in order]
    text = "\n".join(lines + [varied(line, seed) if seed > 20 else line for line, seed in again])
    data = text.encode() + junk + FAR
    with pytest.MonkeyPatch.context() as patch:
        whole = read(data, False, patch, **reading)
        assert read(data, True, patch, **reading) == whole
        assert read(data, True, patch, batch=batch, **reading) == whole
        pieces = read(data, False, patch, size=size, batch=batch, **reading)
        assert read(data, True, patch, size=size, batch=batch, **reading) == pieces
        assert pieces[1] == whole[1]


OCTET = st.integers(0, 255).map(str) | st.sampled_from(
    ("0", "00", "01", "256", "300", "999", "1000")
)


@pytest.mark.parametrize("wide", [False, True])
@given(
    st.lists(OCTET, min_size=1, max_size=5).map(".".join) | st.text("0123456789./:x", max_size=16),
    st.sampled_from("/ .:)x\xb9\xff"),
)
def test_an_address_is_read_in_its_one_proper_form(wide: bool, text: str, after: str) -> None:
    from finis.wire.dialects._lines import address

    m = re.match(r"(\d+)\.(\d+)\.(\d+)\.(\d+)(?!\d)", text + after, re.ASCII)
    value, length = 0, 0
    if m and all(str(int(octet)) == octet and int(octet) < 256 for octet in m.groups()):
        value, length = int.from_bytes(map(int, m.groups())), m.end()
    assert address((text + after).encode("latin-1").ljust(32, b"/"), wide) == (value, length)


@given(
    ipv6() | st.sampled_from(NEAR) | st.text("0123456789aAbcdeFf:.%", max_size=60),
    st.sampled_from("/ )g%-,\xff"),
)
def test_an_ipv6_address_is_what_the_reference_takes_for_one(text: str, after: str) -> None:
    from finis.wire.dialects._lines import address6

    m = re.match(r"[0-9A-Fa-f:.]*", text + after)
    token, want = m[0] if m else "", None
    try:
        address = ipaddress.IPv6Address(token)
    except ValueError:
        pass
    else:
        if (text + after)[len(token)] != "%":  # a zone is left to the reference
            proper = None if address.ipv4_mapped else address.compressed
            want = int(address), len(token), proper
    assert address6((text + after).encode("latin-1").ljust(120, b"/")) == want


def test_more_addresses_than_the_kernel_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one in every line, in books that are closed, and one that comes again."""
    head = "Mar 02 2024 08:00:01 fw : %ASA-7-609001: Built local-host in:"
    hosts = (f"2001:db8::{i:x}" if i % 10 else f"name-{i // 100}" for i in range(75_000))
    again = (f"{head}{host}\n{head}fe80::{i % 9}\n" for i, host in enumerate(hosts))
    some = "".join(again).encode()
    assert read(some, True, monkeypatch) == read(some, False, monkeypatch)


@pytest.mark.parametrize("msg_id", FAST)
def test_frequent_messages_are_left_to_the_reference_once(
    msg_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = {
        "106006": "Deny inbound UDP from 1.2.3.4/5 to 2.3.4.5/6 on interface in",
        "305011": "Built dynamic TCP translation from in:1.2.3.4/5 to out:2.3.4.5/6",
        "305012": "Teardown dynamic TCP translation from in:1.2.3.4/5 to out:2.3.4.5/6 duration "
        "0:00:30",
        "710003": "TCP access denied by ACL from 1.2.3.4/5 to outside:2.3.4.5/22",
        "106021": "Deny TCP reverse path check from 1.2.3.4 to 2.3.4.5 on interface in",
    }.get(msg_id) or next(text for number, text, _ in MESSAGES if number == msg_id)
    asked = []
    tell = _events.Reader.line

    def reference(self: _events.Reader, number: int, text: str) -> Any:
        asked.append(number)
        return tell(self, number, text)

    monkeypatch.setattr(_events.Reader, "line", reference)
    line = f"Mar 02 2024 08:00:01 fw1 : %ASA-6-{msg_id}: {text}\n"
    six = re.sub(r"\d+\.\d+\.\d+\.(\d+)", r"2001:db8::\1", line)
    data = line.encode() * 25 + six.encode() * 25
    source, rows = read(data, True, monkeypatch)
    assert (source.rows, len(rows), asked) == (50, 50, [1])
    assert [row[_events.AT["line"]] for row in rows] == list(range(1, 51))


def test_a_stamp_without_year_follows_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def at(stamp: str) -> str:
        return f"{stamp} fw : %ASA-6-106015: Deny TCP (no connection) from 1.2.3.4/5 to 2.3.4.5/6 "

    tail = "flags RST  on interface in\n"
    stamps = ("Jan 01 2024 00:00:01", "Dec 31 23:59:59", "Jan  1 00:00:00", "Dec 31 23:59:59")
    data = "".join(at(s) + tail for s in stamps for _ in range(3)).encode() * 2
    assert read(data, True, monkeypatch) == read(data, False, monkeypatch)


def test_hostile_words_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """More words than the kernel keeps: of lines met once, and of lines met again."""
    names = [f"{i}".ljust(250, "x") for i in range(15_000)]
    data = "".join(
        "Mar 02 2024 08:00:01 fw : %ASA-4-106023: Deny tcp src a:1.2.3.4/5 dst b:2.3.4.5/6 by "
        f'access-group "{name}" [0x0, 0x0]\n'
        for name in (*(n for name in names[:9000] for n in (name, name)), *names, *names[-300:])
    ).encode()
    assert read(data, True, monkeypatch) == read(data, False, monkeypatch)


def test_long_lines_are_cut_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    good = b"Mar 02 2024 08:00:01 fw : %ASA-7-609001: Built local-host in:1.2.3.4\n"
    long = b"x" * (5 * _syslog.LONGEST) + b"\n"
    data = good + long + good + b"\xff" * (_syslog.LONGEST + 5) + b"\n" + good
    fast = read(data, True, monkeypatch, size=70_000)
    assert fast == read(data, False, monkeypatch, size=70_000)
    assert [row[_events.AT["line"]] for row in fast[1]] == [1, 3, 5]


def test_programs_end_where_optional_parts_end() -> None:
    ops = _program.compile_program("a[ {b:int}[c]] {conn_id}").ops
    options = [(i, a) for i, (op, a, _) in enumerate(ops) if op == _program.Op.OPTION]
    assert all(ops[a][0] == _program.Op.OPTION_END and a > i for i, a in options)
    assert len(options) == 2


def test_too_long_a_template_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        _program.compile_program("a " * 200)


def test_the_reference_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINIS_PURE", "1")
    assert kernel.line_kernel() is None
