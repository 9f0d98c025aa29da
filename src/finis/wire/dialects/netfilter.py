"""Linux netfilter: `conntrack -E` for the life of connections, the kernel's LOG lines for packets.

``[UPDATE] tcp 6 120 TIME_WAIT src=… dst=… sport=… dport=… src=… dst=… sport=… dport=… [ASSURED]``
    An event of the connection table (conntrack-tools).  The first tuple is the packet that began
    it, the second the reply as it is expected: where they are no mirror images, addresses are
    translated.  The state tells how the connection stands; who moved it there is not said.
    A DESTROY comes when the entry's timer has run out, so up to minutes after the end, which is
    the moment the last state was entered.
``DROP: IN=eth0 OUT=eth1 SRC=… DST=… LEN=… PROTO=TCP SPT=… DPT=… WINDOW=… RES=0x00 ACK FIN URGP=0``
    A packet that met a rule with ``log`` (nft) or the LOG target (iptables).  The line does not
    say what became of the packet: the prefix that the rule's author chose may (`verdict`).  Where
    it does not, the line is an observation, never a denial.

Sources: conntrack(8); net/netfilter/nf_log_syslog.c and nf_conntrack_proto_tcp.c of Linux 6.18.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from finis.lazily import regex
from finis.terms import ICMP_PROTOCOLS, EventKind, Firewall, Teardown, word
from finis.wire.dialects import _syslog
from finis.wire.dialects._api import BATCH, Events, Hosts
from finis.wire.dialects._events import COLUMNS, Row, blank, icmp_kind, put
from finis.wire.names import canonical
from finis.wire.source import NOT_A_MESSAGE

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading, Source

NAME = "netfilter"
FIREWALL = Firewall(
    "netfilter",
    idle_s=432_000.0,  # nf_conntrack_tcp_timeout_established
    unacked_s=300.0,  # nf_conntrack_tcp_timeout_unacknowledged, …_max_retrans
    numbered=False,  # ids are hashes
    states=True,
    messages=("NEW", "DESTROY"),
    logs="`conntrack -E -o timestamp,id` must run",
    limits="its buffer: `conntrack -b`",
    rule="rule",
)

# --- events of the connection table --------------------------------------------------------------

_EVENT = (
    r"\[(NEW|UPDATE|DESTROY)\][ \t]+(?:ipv[46][ \t]+\d{1,3}[ \t]+)?"
    r"([a-z][\w-]{1,15})[ \t]+\d{1,3}[ \t]"
)
EVENT = regex(_EVENT)
# ``-o timestamp``: seconds and microseconds; old releases pad the latter with blanks behind it.
_EPOCH = regex(r"\[(\d{1,11})\.(\d{1,6})[ \t]*\][ \t]*$")
_STATE = regex(r"[ \t]*(?:(\d{1,10})[ \t]+)?(?:([A-Z][A-Z_0-9]{2,15})[ \t]+)?(?=src=)")
_BRACKETS = regex(r"\[(start|stop)=([^\]]{1,64})\]")
_PAIR = regex(r"(?:^|\s)(src|dst|sport|dport|packets|delta-time|id)=([^\s\[\]]{1,45})(?=\s|$)")
_FLAGS = regex(r"\[([A-Z_]{3,16})\]")
_LISTED = regex(rb"^(?:ipv[46] +\d+ )?tcp +6 +\d+ [A-Z_]+ +src=", re.MULTILINE)
_XML = regex(rb"<flow(?: type=\"\w+\")?>\s*<meta direction=")
_NOT_EVENTS = "a listing of the connection table (conntrack -L), not its events"
_XML_SAID = "conntrack -o xml is not read: leave xml out"
_NO_TIME = "event without a time: run conntrack -E with -o timestamp,id"
_SINCE_BOOT = "no date, only seconds since the machine started: dmesg -T or journalctl print one"
_UNREADABLE = {
    "partial": "event with unreadable fields, kept in part",
    "none": "event of which nothing is readable, kept as a row without fields",
}

_T = Teardown
# State → what the removal of an entry means that stood in it when its timer ran out, and what it
# means where the timer may not have been the reason.  TIME_WAIT and CLOSE end a connection.
ENDS: dict[str, tuple[Teardown, Teardown]] = {
    "NONE": (_T.UNKNOWN, _T.UNKNOWN),
    "SYN_SENT": (_T.SYN_TIMEOUT, _T.SYN_TIMEOUT),
    "SYN_SENT2": (_T.SYN_TIMEOUT, _T.SYN_TIMEOUT),
    "SYN_RECV": (_T.SYN_ACK_TIMEOUT, _T.SYN_ACK_TIMEOUT),
    "ESTABLISHED": (_T.IDLE_TIMEOUT, _T.UNKNOWN),
    "FIN_WAIT": (_T.FIN_TIMEOUT, _T.FIN_TIMEOUT),
    "CLOSE_WAIT": (_T.FIN_TIMEOUT, _T.FIN_TIMEOUT),
    "LAST_ACK": (_T.LAST_ACK_TIMEOUT, _T.LAST_ACK_TIMEOUT),
    "TIME_WAIT": (_T.FINS, _T.FINS),
    "CLOSE": (_T.RESET_SIDE_UNKNOWN, _T.RESET_SIDE_UNKNOWN),
}
OVER = ("TIME_WAIT", "CLOSE")
_OPENING = ("SYN_SENT", "SYN_SENT2", "SYN_RECV")
# A FIN sent twice moves the state as the other side's would (sFW → sLA): what the states of a close
# say is implied.  Stated are a RST, a command, and a timer that ran out before any close: of open
# connections there are several, so that the one last logged must tell (`tracking.lives`).
_STATED = frozenset((_T.RESET_SIDE_UNKNOWN, _T.ADMIN))
_STATED_BY_TIMER = frozenset((_T.SYN_TIMEOUT, _T.SYN_ACK_TIMEOUT))


def _event(kind: str, rest: str) -> tuple[Row, str | None, str | None]:
    """The row of a TCP event without header columns; its ``[start=…]`` or ``[stop=…]``; and what
    is wrong with it."""
    row = blank(EventKind.BUILT, "tcp")
    stamps = dict(_BRACKETS.findall(rest)) if "[st" in rest else {}
    if stamps:
        rest = _BRACKETS.sub("", rest)
    flags = _FLAGS.findall(rest)
    found: dict[str, list[str]] = {}
    for name, value in _PAIR.findall(rest):
        found.setdefault(name, []).append(value)
    at = _STATE.match(rest)
    timer, state = at.groups() if at else (None, None)
    ends = [_end(found, number) for number in (0, 1)]
    row = _with_ends(row, *ends)
    numbers = found.get("id", [])
    if len(numbers) == 1 and numbers[0].isdecimal() and len(numbers[0]) < 18:
        put(row, conn_id=int(numbers[0]))
    if state is not None and state not in ENDS:
        put(row, text_ok="partial")
        state = None
    if kind == "NEW":
        begun = state in (*_OPENING, None)
        put(row, initiator="a" if begun else "unknown", reason=None if begun else state)
    else:
        put(row, initiator="a")
        _tell(row, kind, state, timer, flags, found)
    spans = found.get("delta-time", [])
    if kind == "DESTROY" and spans and spans[0].isdecimal() and len(spans[0]) < 10:
        put(row, duration_s=float(spans[0]))
    return row, stamps.get("stop" if kind == "DESTROY" else "start"), None


def _tell(
    row: Row, kind: str, state: str | None, timer: str | None, flags: list[str],
    found: dict[str, list[str]],
) -> None:  # fmt: skip
    """What an UPDATE or DESTROY says of the connection's end."""
    gone = kind == "DESTROY"
    what = EventKind.TEARDOWN if gone else EventKind.ENDED if state in OVER else EventKind.STATE
    put(row, kind=word(what), reason=state, teardown_side=None)
    if what is EventKind.STATE and timer is not None:
        put(row, duration_s=float(timer))
    if state is None:  # kernels before 5.11 print none when they remove an entry
        if gone and "USERSPACE" in flags:
            put(row, reason="deleted by command", teardown=word(_T.ADMIN), certainty="stated")
        return
    # Since 5.11 the state is printed, and the time that was left if there was any.
    expired, otherwise = ENDS[state]
    why = expired if gone and timer is None else otherwise
    unanswered = "UNREPLIED" in flags
    if gone and state not in OVER:
        if "USERSPACE" in flags:
            why, told = _T.ADMIN, "deleted by command"
        elif timer is not None:
            why, told = _T.UNKNOWN, f"{timer} s before its timer"
        else:
            told = "its timer ran out"
            if state == "ESTABLISHED" and unanswered:
                # Picked up in mid-connection, the other direction never seen: the timer is that of
                # unacknowledged data (nf_conntrack_tcp_packet), 300 s at most.
                why, told = _T.UNACKED_TIMEOUT, "unreplied, its timer ran out"
        put(row, reason=f"{state}, {told}")
    elif state == "CLOSE" and gone and unanswered:
        # The entry goes at once if a RST is all that follows a SYN.
        why = _T.REFUSED
        put(row, reason="CLOSE, unreplied: a RST was the only answer")
    sure = why in _STATED or (gone and timer is None and why in _STATED_BY_TIMER)
    put(row, teardown=word(why), certainty="stated" if sure else "implied")


def _end(found: dict[str, list[str]], number: int) -> tuple[str | None, ...]:
    """Source, port, destination, port of the first or second tuple, as printed."""
    names = ("src", "sport", "dst", "dport")
    return tuple(
        values[number] if len(values := found.get(name, [])) > number else None for name in names
    )


def _with_ends(row: Row, there: tuple[str | None, ...], back: tuple[str | None, ...]) -> Row:
    """a sent the first packet.  Its real address is the first tuple's source, b's the second's."""
    src, sport, dst, dport = _host(there[0]), _port(there[1]), _host(there[2]), _port(there[3])
    put(row, a_h=src, a_p=sport)
    if None in back:
        # Without the reply it is not known whether the destination is its real address.
        put(row, b_h=dst, b_p=dport, text_ok="partial" if src and dst else "none")
        return row
    real, real_p, mapped, mapped_p = _host(back[0]), _port(back[1]), _host(back[2]), _port(back[3])
    put(row, b_h=real, b_p=real_p)
    if (mapped, mapped_p) != (src, sport):
        put(row, a_mapped_h=mapped, a_mapped_p=mapped_p)
    if (dst, dport) != (real, real_p):
        put(row, b_mapped_h=dst, b_mapped_p=dport)
    values = (src, sport, dst, dport, real, real_p, mapped, mapped_p)
    if None in values:
        put(row, text_ok="partial" if src and real else "none")
    return row


@lru_cache(65_536)
def _host(text: str | None) -> str | None:
    """An address in canonical form; LOG lines write IPv6 without ``::``."""
    return canonical(text) if text is not None and len(text) <= 45 else None


def _port(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdecimal() and len(text) < 6):
        return None
    number = int(text)
    return number if number <= 65_535 else None


# --- packets that met a log rule -----------------------------------------------------------------

_LOG = r"IN=([^\s=]{0,15}) OUT=([^\s=]{0,15}) "
LOG = regex(_LOG)
_INNER = regex(r" \[(SRC=[^\[\]]*)\]?")
_OPTIONS = regex(r" OPT \([^)]*\)?")
_FIELD = regex(r"(?:^|\s)(SRC|DST|PROTO|SPT|DPT|TYPE|CODE)=(\S{1,64})(?=\s)")
_WORDS = regex(r"RES=0x[0-9A-Fa-f]{2} ((?:[A-Z]{3} )*)URGP=")
_ORDER = ("SYN", "FIN", "RST", "PSH", "ACK", "URG")
# "kernel: ", or as RFC 5424 has it: program, process, message id, structured data.
_KERNEL = regex(
    r"\bkernel(?:(?:\[\d{1,10}\])?:[ \t]?|(?: [\w-]{1,64}){2} (?:-|\[[^\]]{0,512}\]) \ufeff?)"
)
_SECONDS = regex(r"[ \t]*(?:<\d{1,3}>)?\[[ \t]*\d{1,10}\.\d{1,9}\](?:\[[^\]]{1,12}\])?[ \t]?")
_DATED = regex(
    r"[ \t]*(?:<\d{1,3}>)?"
    r"\[([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\][ \t]?"
)
# dmesg --time-format iso: a comma before the microseconds, and no host.
_ISO = regex(r"[ \t]*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{6}[+-]\d\d:\d\d)[ \t]")
_KMSG = regex(r"\d{1,4},\d{1,12},\d{1,18},[^;]{1,64};")
_UNIX = regex(r"(\d{9,11})\.(\d{1,9}) (\S{1,255}) ")
_REPEATED = regex(r"message repeated (\d{1,6}) times: \[ ?")
PROTOCOLS = {"ICMPv6": "icmp6", "2": "igmp", "47": "gre", "89": "ospf", "112": "vrrp"}

# What the author of a rule lets its prefix say, by word.
DENIED = frozenset(
    ("drop", "dropped", "drops", "deny", "denied", "denies", "reject", "rejected", "rejects",
     "block", "blocked", "blocks", "discard", "discarded")
)  # fmt: skip
ALLOWED = frozenset(
    ("allow", "allowed", "accept", "accepted", "pass", "passed", "permit", "permitted")
)
WATCHED = frozenset(("audit", "monitor", "test"))
STATELESS = frozenset(("invalid", "notsyn", "stateless", "untracked"))
SPOOFED = frozenset(("spoof", "spoofed", "spoofing", "rpfilter", "martian", "bogon"))
LIMITED = frozenset(("limit", "limited", "flood", "ratelimit", "connlimit", "synflood"))
# What conntrack itself says with nf_conntrack_log_invalid: a check that the packet failed.  What
# becomes of it the rules say, of "ignored" ones that nothing does.
_CHECKED = regex(r"(?:^|\s)nf_ct_\w{1,16}: ")
_A_CHECK = "a check of conntrack that a packet failed, which drops nothing: kept as an observation"
_NOT_A_VERDICT = "log rule whose prefix says neither drop nor accept: kept as an observation"
# VyOS and EdgeOS: [ruleset-number-D], [ruleset-default-A]
_VYOS = regex(r"-(?:default|\d{1,7})-([ADR])\]")
_SPLIT = regex(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])")


@lru_cache(4096)
def verdict(prefix: str) -> tuple[EventKind, str | None]:
    """What a prefix says of its packets: denied (and by what kind of rule), permitted, or nothing
    (`EventKind.CONTEXT`)."""
    if _CHECKED.search(prefix):
        return EventKind.CONTEXT, None
    words = {text.lower() for text in _SPLIT.split(prefix) if text}
    words |= {text.lower() for text in re.split(r"[^A-Za-z0-9]+", prefix) if text}
    denied, allowed = bool(words & DENIED), bool(words & ALLOWED)
    if (m := _VYOS.search(prefix)) is not None:
        denied, allowed = m[1] != "A", m[1] == "A"
    stateless = bool(words & STATELESS) or {"not", "syn"} <= words
    if words & WATCHED or (denied and allowed):
        return EventKind.CONTEXT, None
    if allowed:
        return EventKind.PERMIT, None
    if not (denied or stateless):
        return EventKind.CONTEXT, None
    if stateless:
        return EventKind.DENY, "state"
    if words & SPOOFED:
        return EventKind.DENY, "spoof"
    return EventKind.DENY, "limit" if words & LIMITED else "policy"


def _packet(prefix: str, ins: str, outs: str, rest: str) -> tuple[Row, str | None]:
    """The row of a logged packet without header columns, and what is wrong with it."""
    what, denial = verdict(prefix)
    row = blank(what, None)
    problem = None
    if what is EventKind.CONTEXT:
        problem = _A_CHECK if _CHECKED.search(prefix) else _NOT_A_VERDICT
    inner = _INNER.search(rest)
    outer = _OPTIONS.sub("", rest[: inner.start()] + " " if inner else rest)
    found = dict(reversed(_FIELD.findall(outer)))  # the first of each name
    put(row, acl=prefix[:255] or None, a_if=ins or None, b_if=outs or None)
    if what is EventKind.DENY:
        put(row, denial_kind=denial)
    proto = _fill(row, found, outer)
    if proto in ICMP_PROTOCOLS:
        told = f"ICMP type {found.get('TYPE', '?')}, code {found.get('CODE', '?')}"
        put(row, reason=told)
        if found.get("TYPE", "").isdecimal():
            code = found.get("CODE", "")
            told_code = code if code.isdecimal() else None
            put(row, flags=icmp_kind(found["TYPE"], told_code))
        if inner is not None:
            quoted = _OPTIONS.sub("", inner[1] + " ")
            put(row, reason=f"{told} from {found.get('SRC', '?')}")
            proto = _fill(row, dict(reversed(_FIELD.findall(quoted))), quoted)
            if what is EventKind.DENY:
                put(row, kind=word(EventKind.ICMP), denial_kind=None)
    elif proto == "tcp":
        flags = _flags(outer)
        if flags is None:
            put(row, text_ok="partial")
        put(row, flags=flags)
        if flags == "SYN":
            put(row, initiator="a")
        if denial == "policy" and flags and flags != "SYN" and "REJECT" not in prefix.upper():
            # A rule for new connections, met by a segment that only an old one may carry.  One
            # that rejects may do so on purpose, to end the connection: its history tells.
            put(row, denial_kind="state")
    return row, problem


def _fill(row: Row, found: dict[str, str], text: str) -> str | None:
    """Write protocol and endpoints; the protocol."""
    src, dst = _host(found.get("SRC")), _host(found.get("DST"))
    proto = found.get("PROTO")
    if proto is not None:
        proto = PROTOCOLS.get(proto, proto.lower())
    put(row, proto=proto, a_h=src, b_h=dst)
    ports = [_port(found.get(name)) for name in ("SPT", "DPT")]
    put(row, a_p=ports[0], b_p=ports[1])
    lacking = proto in ("tcp", "udp") and None in ports
    # A later fragment has no ports: what is not in the packet is not missing.
    if src is None or dst is None:
        put(row, text_ok="none" if src is dst is None else "partial")
    elif proto is None or (lacking and not re.search(r"\bFRAG:[1-9]", text)):
        put(row, text_ok="partial")
    return proto


def _flags(text: str) -> str | None:
    """Control bits in the usual order, without ECE and CWR; None where the line is cut."""
    m = _WORDS.search(text)
    if m is None:
        return None
    words = m[1].split()
    return " ".join(name for name in _ORDER if name in words)


def _unwrapped(line: str) -> str:
    """A line of ``journalctl -o json`` as ``-o short-unix`` prints it."""
    try:
        entry = json.loads(line)
        micros, text = entry["__REALTIME_TIMESTAMP"], entry["MESSAGE"]
        host = str(entry.get("_HOSTNAME", "")).replace(" ", "")
        if isinstance(text, str) and str(micros).isdecimal() and 7 < len(str(micros)) < 18:
            return f"{str(micros)[:-6]}.{str(micros)[-6:]} {host or '-'} kernel: {text}"
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
        pass
    return _syslog.unwrap_json(line, LOG)


def _split(text: str) -> tuple[str, str, bool]:
    """What stands before ``IN=`` as header and prefix; and whether the only stamp counts from the
    start of the machine."""
    if (m := _KMSG.match(text)) is not None:
        return "", text[m.end() :], True
    if (m := _DATED.match(text)) is not None:
        return m[1], text[m.end() :], False
    if (m := _KERNEL.search(text)) is not None:
        header, prefix = text[: m.start()], text[m.end() :]
        boot = False
        if (m := _SECONDS.match(header)) is not None:  # journalctl -o short-monotonic
            header, boot = header[m.end() :], True
        if (m := _SECONDS.match(prefix)) is not None:
            prefix = prefix[m.end() :]
        return header, prefix, boot
    if (m := _ISO.match(text)) is not None:
        return m[1], text[m.end() :], False
    if (m := _SECONDS.match(text)) is not None:
        return "", text[m.end() :], True
    if (m := _syslog.STAMP.search(text)) is not None:  # ulogd: stamp, host, prefix
        head = re.match(r"\S*\s*(?:\S+\s?)?", text[m.end() :])
        end = m.end() + (head.end() if head else 0)
        return text[:end], text[end:], False
    return "", text, False


# --- lines to rows -------------------------------------------------------------------------------


class _Reader:
    """Lines of one file to rows; a line's row follows from the line alone (and the years of the
    stamps before it)."""

    def __init__(self, source: Source, reading: Reading) -> None:
        self.source = source
        self.headers = _syslog.Headers(source, reading)

    def line(self, number: int, line: str) -> Row | None:
        if line[0] == "{":
            line = _unwrapped(line)
        if "IN=" in line and (m := LOG.search(line)) is not None:
            return self._packet(number, line, m)
        if (m := EVENT.search(line)) is not None:
            return self._event(number, line, m)
        self.source.problems.add(_stranger(line), f"line {number}")
        return None

    def _event(self, number: int, line: str, m: re.Match[str]) -> Row | None:
        kind, proto = m.groups()
        if proto != "tcp":
            self.source.count_other(proto)
            return None
        row, moment, problem = _event(kind, line[m.end() :])
        before = line[: m.start()]
        ts, device = None, self.headers.fallback
        if (stamp := _EPOCH.search(before)) is not None:
            ts = int(stamp[1]) * _syslog.NS + int(stamp[2]) * 1000
            before = before[: stamp.start()]
            self._resolution(1000)
        if before.strip():
            header, device = self.headers.read(before, number)
            ts = header if ts is None else ts
        elif ts is None and moment is not None:
            ts, _ = self.headers.read(moment, number)
        if ts is None:
            problem = problem or _NO_TIME
        return self._done(number, row, ts, device, kind, problem)

    def _packet(self, number: int, line: str, m: re.Match[str]) -> Row | None:
        header, prefix, boot = _split(line[: m.start()])
        times = 1
        if (again := _REPEATED.search(header + prefix)) is not None:
            times = int(again[1])
            prefix = _REPEATED.sub("", prefix, count=1)
            if (seconds := _SECONDS.match(prefix)) is not None:
                prefix = prefix[seconds.end() :]
        row, problem = _packet(prefix.strip(), m[1], m[2], line[m.end() :] + " ")
        ts, device = None, self.headers.fallback
        unix = _UNIX.match(header + " ") if header else None
        if unix is not None:  # journalctl -o short-unix
            ts = int(unix[1]) * _syslog.NS + int(unix[2].ljust(9, "0"))
            device = unix[3] if unix[3] != "-" else device
            self._resolution(10 ** (9 - len(unix[2])))
        elif header.strip() and not boot:
            ts, device = self.headers.read(header, number)
        elif boot:
            problem = problem or _SINCE_BOOT
            device = header.strip() or device
        else:
            self.source.problems.add("no time stamp", f"line {number}")
        if times > 1:
            put(row, hit_count=times)
        return self._done(number, row, ts, device, "LOG", problem)

    def _resolution(self, ns: int) -> None:
        self.source.resolution_ns = max(self.source.resolution_ns, ns)

    def _done(
        self, number: int, row: Row, ts: int | None, device: str, msg_id: str, problem: str | None
    ) -> Row:
        if ts is not None:
            self.source.seen(ts)
        put(row, ts=ts, device=device, file=self.source.path, line=number, msg_id=msg_id)
        ok = row[COLUMNS.index("text_ok")]
        if ok != "full":
            problem = problem or _UNREADABLE[ok]
        if problem:
            self.source.problems.add(problem, f"line {number}")
        return row


def _stranger(line: str) -> str:
    raw = line[:512].encode()
    if _LISTED.match(raw):
        return _NOT_EVENTS
    return _XML_SAID if _XML.search(raw) else NOT_A_MESSAGE


# --- the dialect ---------------------------------------------------------------------------------

_EVENT_LINE = regex(rb"^[^\n]{0,512}?" + _EVENT.encode(), re.MULTILINE)
_LOG_LINE = regex(rb"^[^\n]{0,1024}?" + _LOG.encode() + rb"[^\n]{0,512}?SRC=", re.MULTILINE)
_HEAD_LINES = 2000


def sniff(head: bytes) -> float:
    """0.5 … 0.95 by the share of lines that are events or logged packets; 0.3 for other output of
    conntrack, so that it is named; 0 without any."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode()
    found = len(_EVENT_LINE.findall(head)) + len(_LOG_LINE.findall(head))
    if not found:
        return 0.3 if _LISTED.search(head) or _XML.search(head) else 0.0
    if head.count(0) * 20 > len(head):
        return 0.1  # a capture of syslog traffic, not a log
    written = sum(1 for line in head.split(b"\n") if line.strip())
    return 0.5 + 0.45 * min(1.0, found / written)


def hosts(head: bytes) -> Hosts:
    """The devices that logged packets name; events of the connection table name none."""
    from datetime import UTC

    from finis.wire.source import Points, Reading, Source

    source = Source(0, "", Points(), "")
    reader = _Reader(source, Reading(UTC))
    named: set[str] = set()
    silent = dated = False
    for line in head.decode("utf-8", "replace").split("\n")[:_HEAD_LINES]:
        text = line.strip()
        row = reader.line(1, text[: _syslog.LONGEST]) if text else None
        if row is None:
            continue
        dated = dated or row[COLUMNS.index("ts")] is not None
        device = row[COLUMNS.index("device")]
        if device == reader.headers.fallback:
            silent = True
        else:
            named.add(device)
    return Hosts(frozenset(named), silent and not named, dated)


def _prefixes(lines: list[tuple[int, str]]) -> Iterator[str]:
    for _, line in lines:
        m = LOG.search(line) or EVENT.search(line)
        if m is not None:
            yield line[: m.start()]


def read(stream: Readable, source: Source, reading: Reading) -> Iterator[Events]:
    """Events of one log; see `finis.wire.dialects._api`."""
    source.kind, source.format = "log", NAME
    reader = _Reader(source, reading)
    rows: list[Row] = []
    first = True
    for number, block in _syslog.blocks(stream, source):
        lines = list(_syslog.lines_of(number, block, source))
        if first:
            reader.headers.learn(_prefixes(lines[:_HEAD_LINES]))
            first = False
        for n, line in lines:
            source.rows += 1
            row = reader.line(n, line)
            if row is None:
                continue
            source.used += 1
            rows.append(row)
            if len(rows) >= BATCH:
                yield _columns(rows)
                rows = []
    if rows:
        yield _columns(rows)


def _columns(rows: list[Row]) -> Events:
    return {
        name: list(column) for name, column in zip(COLUMNS, zip(*rows, strict=True), strict=True)
    }
