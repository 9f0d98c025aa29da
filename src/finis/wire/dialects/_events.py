"""Dialects whose messages are templates: the table of messages, and lines to rows.

A dialect built on this is a table (`messages()`), a few functions that finish a row where the text
alone does not say everything, and the pattern of its message tag.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from finis import tables
from finis.lazily import regex
from finis.records import dataclass, field
from finis.terms import EventKind, word
from finis.wire.dialects import _syslog
from finis.wire.dialects._program import Fast
from finis.wire.dialects._template import Template, check_template, compile_template
from finis.wire.names import canonical
from finis.wire.source import NOT_A_MESSAGE

if TYPE_CHECKING:
    from finis.wire.source import Reading, Source

COLUMNS = tuple(column.name for column in tables.EVENTS)
AT = {name: i for i, name in enumerate(COLUMNS)}
Row = list[Any]
Fields = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Message:
    """One message id: its kind, its texts (tried in order), the protocol where the text names
    none, and what the texts cannot say: `finish(row, fields)` gets the fields that are no columns
    and may set ``fields["problem"]``.  Of a `tcp_only` message, rows of other protocols are kept
    only if they are denials."""

    kind: EventKind
    texts: tuple[str, ...]
    proto: str | None = None
    denial_kind: str | None = None
    finish: Callable[[Row, Fields], None] | None = None
    tcp_only: bool = False

    def templates(self) -> tuple[Template, ...]:
        return tuple(compile_template(text) for text in self.texts)


def _ids(text: str) -> Iterator[str]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield f"{number:0{len(first)}}"


def messages(table: str, finish: Mapping[str, Callable[[Row, Fields], None]]) -> dict[str, Message]:
    """Parse ``id[-id][,…]  kind  proto  text``; an indented line continues the text above (after a
    blank, unless it begins with one of its own: ``[`` or ``~``).

    `kind`: `terms.EventKind` in words; ``deny:policy`` and so on also give `denial_kind`.
    `proto`: ``-`` where the text names it, ``tcp-only`` where it does and others do not matter.
    A second line for the same id is tried where the first does not fit.  Raises `KeyError` or
    `ValueError` for a mistake in the table.
    """
    entries: list[str] = []
    for line in table.strip("\n").splitlines():
        if line.startswith(" "):
            text = line.strip()
            entries[-1] += text if text[0] in "[~" else " " + text
        else:
            entries.append(line)
    out: dict[str, Message] = {}
    for entry in entries:
        ids, kind, proto, text = entry.split(None, 3)
        check_template(text)
        for number in _ids(ids):
            texts = (*out[number].texts, text) if number in out else (text,)
            name, _, refusal = kind.partition(":")
            out[number] = Message(
                EventKind[name.upper().replace("-", "_")], texts,
                None if proto in ("-", "tcp-only") else proto,
                refusal or ("other" if name == "deny" else None),
                finish.get(number), proto == "tcp-only",
            )  # fmt: skip
    if unused := set(finish) - set(out):
        raise ValueError(f"finish() of messages that are not in the table: {sorted(unused)}")
    return out


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a dialect is made of.  `tag` finds a message: group 1 severity, group 2 id.  `special`
    messages are read by a function: body → row without header columns, or None to count it.
    `rewrite` brings lines of another shape into the usual one."""

    tag: re.Pattern[str]
    messages: Mapping[str, Message]
    ports: Mapping[str, int] = field(default_factory=dict)
    special: Mapping[str, Callable[[str, Values], Row | None]] = field(default_factory=dict)
    rewrite: Callable[[str], str] = str
    fast: Fast | None = None  # what the kernel may read


def put(row: Row, **values: Any) -> None:
    for name, value in values.items():
        row[AT[name]] = value


def get(row: Row, name: str) -> Any:
    return row[AT[name]]


def icmp_kind(kind: str, code: str | None) -> str:
    """An ICMP message in `flags`: type and code, ``ICMP 3/4``, ``ICMP 8`` where no code is told.
    Not whether it is ICMPv6: `flags` depend on the words of a line alone, hosts tell."""
    return f"ICMP {int(kind)}" if code is None else f"ICMP {int(kind)}/{int(code)}"


def blank(kind: EventKind, proto: str | None) -> Row:
    """A row that says nothing yet."""
    row: Row = [None] * len(COLUMNS)
    put(row, kind=word(kind), proto=proto, initiator="unknown", hit_count=1, text_ok="full")
    return row


# --- fields to columns ---------------------------------------------------------------------------

# Words of the messages themselves: where an address was lost, they must not pass for a host.
_KEYWORDS = frozenset(
    ("to", "on", "from", "src", "dst", "flags", "for", "by", "duration", "bytes", "interface")
)
_PLAIN_NAME = regex(r"[\w.$*-]+(?:%[\w.-]+)?")
_IPV4 = regex(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}", re.ASCII)
_HOSTS_CACHED = 131_072
_PORTS_CACHED = 70_000
PROTOCOLS = {
    "1": "icmp", "2": "igmp", "6": "tcp", "17": "udp", "47": "gre", "50": "esp", "51": "ah",
    "58": "icmp6", "88": "eigrp", "89": "ospf", "103": "pim", "112": "vrrp", "132": "sctp",
    "ipv6-icmp": "icmp6", "icmpv6": "icmp6",
}  # fmt: skip


class Values:
    """Turns printed hosts and ports into columns; remembers hosts, of which logs repeat few."""

    def __init__(self, names: Mapping[str, str], ports: Mapping[str, int]) -> None:
        self.names = names
        self.ports = ports
        self.hosts: dict[str, tuple[str | None, bool]] = {}
        self._ports: dict[str, int | None] = {}

    def host(self, token: str) -> tuple[str | None, bool]:
        """Address in canonical form, or the name; False if it is neither."""
        known = self.hosts.get(token)
        if known is None:
            if len(self.hosts) >= _HOSTS_CACHED:
                self.hosts.clear()
            known = self.hosts[token] = self._host(token)
        return known

    def _host(self, token: str) -> tuple[str | None, bool]:
        if _IPV4.fullmatch(token):
            return token, True
        if token.startswith("["):
            address = canonical(token[1:-1])
            return address, address is not None
        address = canonical(token) or canonical(self.names.get(token, ""))
        if address is not None:
            return address, True
        if token.lower() in _KEYWORDS:
            return None, False
        return token, bool(_PLAIN_NAME.fullmatch(token))

    def port(self, token: str) -> int | None:
        if token in self._ports:
            return self._ports[token]
        port = self.ports.get(token.lower())
        if token.isascii() and token.isdecimal() and len(token) < 6:
            port = int(token) if int(token) <= 65_535 else None
        if len(self._ports) < _PORTS_CACHED:
            self._ports[token] = port
        return port


def _duration(text: str) -> float:
    hours, minutes, seconds = text.split(":")
    return float(int(hours) * 3600 + int(minutes) * 60 + int(seconds))


def _proto(text: str) -> str:
    text = text.lower()
    if text.startswith("protocol"):
        text = text[8:].strip()
    return PROTOCOLS.get(text, text)


def _words(text: str) -> str:
    return " ".join(text.split())


def _phrase(text: str) -> str | None:
    text = text.strip(" \t\xa0.,")
    bare = text.strip("\"' .,")
    if bare.count('"') % 2 and text.endswith('"'):
        bare += '"'  # it quotes something inside
    return bare[:500] or None


def _interface(text: str) -> str:
    return text.rstrip(".")  # where a sentence ends with its name


_GROUP_TAG = regex(r"^\d{1,5}:[^,()]{1,64}$|,\s*\d{1,5}(?::[^,()]{1,64})?$")


def who(text: str) -> str | None:
    """A user without the brackets or quotes around it and without the tag of a security group
    (``9999:name``), which is no user."""
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    return _GROUP_TAG.sub("", text.strip("'\" ")).strip() or None


_CONVERT: dict[str, Callable[[str], Any]] = {
    "conn_id": int, "bytes": int, "hit_count": int, "duration_s": _duration, "proto": _proto,
    "flags": _words, "reason": _phrase, "user": who, "direction": str.lower,
    "a_if": _interface, "b_if": str, "acl": str,
}  # fmt: skip
_WHO_GROUPS = ("a_who", "a_who2", "b_who", "b_who2", "s_who", "d_who")
_TEXT_OK, _USER, _KIND, _PROTO = AT["text_ok"], AT["user"], AT["kind"], AT["proto"]
_TS, _DEVICE, _FILE, _LINE = AT["ts"], AT["device"], AT["file"], AT["line"]
_MSG_ID = AT["msg_id"]
_SEVERITY, _HIT_COUNT = AT["severity"], AT["hit_count"]
_DENY = word(EventKind.DENY)


class Shape:
    """A template with, per group, the column it fills and how."""

    def __init__(self, template: Template, values: Values) -> None:
        self.match = template.pattern.fullmatch
        self.values = values
        self.hosts: list[tuple[int, int, int]] = []  # group, column, column of its interface
        self.ports: list[tuple[int, int]] = []
        self.others: list[tuple[int, int, Callable[[str], Any]]] = []
        self.whos: list[int] = []
        self.extra: list[tuple[str, int]] = []  # fields that fill no column, for `finish`
        for name, number in template.pattern.groupindex.items():
            group = number - 1
            if name in _WHO_GROUPS:
                self.whos.append(group)
            elif name in _CONVERT:
                self.others.append((group, AT[name], _CONVERT[name]))
            elif name in AT and name.endswith("_h"):
                self.hosts.append((group, AT[name], AT[name[0] + "_if"]))
            elif name in AT and name.endswith("_p"):
                self.ports.append((group, AT[name]))
            else:
                self.extra.append((name, group))

    def fill(self, row: Row, groups: tuple[str | None, ...]) -> None:
        """Write the groups into `row`; what cannot be read stays None and marks it partial."""
        for group, column, convert in self.others:
            text = groups[group]
            if text is not None:
                row[column] = convert(text)
        host_of, known = self.values.host, self.values.hosts
        for group, column, interface in self.hosts:
            text = groups[group]
            if text is None:
                continue
            host, good = known.get(text) or host_of(text)
            if not good:
                host, good = self._split_again(row, interface, text, host)
                if not good:
                    row[_TEXT_OK] = "partial"
            row[column] = host
        for group, column in self.ports:
            text = groups[group]
            if text is not None:
                row[column] = port = self.values.port(text)
                if port is None:
                    row[_TEXT_OK] = "partial"
        for group in self.whos:
            text = groups[group]
            if text is not None and row[_USER] is None:
                row[_USER] = who(text)

    def _split_again(
        self, row: Row, interface: int, text: str, host: str | None
    ) -> tuple[str | None, bool]:
        """``v1:ab:10.0.0.1``: colons that looked like IPv6 were part of the interface's name."""
        head, colon, tail = text.rpartition(":")
        if not colon or not row[interface]:
            return host, False
        inner, good = self.values.host(tail)
        if not good:
            return host, False
        row[interface] = f"{row[interface]}:{head}"
        return inner, True


# --- damaged lines: what can still be read with certainty ----------------------------------------
# Every number and address must be followed by something: at the end of a line it may be cut.

_SOCKET = r"(?:[\w.-]{1,64}:)?([0-9A-Fa-f:.]{2,45}|[\w.-]{1,64})/(\d{1,5})(?=[\s(,;])"
_PIECES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (regex(pattern), names)
    for pattern, names in (
        (r"^Built (inbound|outbound)\s", ("direction",)),
        (r"\bconnection (\d{1,18})\s", ("conn_id",)),
        (r"\bduration (\d{1,9}:\d\d:\d\d)\s", ("duration_s",)),
        (r"\bbytes (\d{1,18})\s", ("bytes",)),
        (r"\bflags\s+((?:(?:SYN|FIN|RST|PSH|ACK|URG)\s+)+)on\b", ("flags",)),
        (r"\bon interface ([\w.:-]{1,64})", ("a_if",)),
        (r"(?:\b(?:for|from|src)|local-host) ([\w.-]{1,64}):", ("a_if",)),
        (r"\b(?:to|dst) ([\w.-]{1,64}):", ("b_if",)),
        (rf"\b(?:for|from|src) {_SOCKET}", ("a_h", "a_p")),
        (rf"\b(?:to|dst) {_SOCKET}", ("b_h", "b_p")),
    )
)
_TAIL = regex(r"\bbytes \d{1,18}\s+(\S.*)$", re.DOTALL)


def salvage(row: Row, body: str, values: Values) -> None:
    """Fill what is certain of a line that fits no template; the rest stays None."""
    found = False
    for pattern, names in _PIECES:
        m = pattern.search(body)
        if m is None:
            continue
        for name, text in zip(names, m.groups(), strict=True):
            value: Any
            if name.endswith("_h"):
                host, good = values.host(text)
                value = host if good else None
            elif name.endswith("_p"):
                value = values.port(text)
            else:
                value = _CONVERT[name](text)
            if value is not None and row[AT[name]] is None:
                row[AT[name]] = value
                found = True
    row[_TEXT_OK] = "partial" if found else "none"


# --- lines to rows -------------------------------------------------------------------------------

_REPEATED = regex(r"message repeated (\d{1,6}) times: \[")
_BLANKS = regex(r"\s{3,}")
_RFC5424_TAIL = regex(r"(?:- ){1,3}(?:\[[^\]]{0,1024}\] )?")
_IDS_COUNTED = 4096  # ids counted on their own; a hostile file could name ten million
_UNREADABLE = {
    "partial": "event with unreadable fields, kept in part",
    "none": "event of which nothing is readable, kept as a row without fields",
}


def _unwrap(prefix: str, body: str) -> tuple[int, str]:
    """How often the message happened, and its text without what relays put around it."""
    if '"' in prefix:
        body = _syslog.unquote(prefix, body)
    if body.startswith("- "):
        body = _RFC5424_TAIL.sub("", body, count=1)
    if "   " in body or not body.isprintable():
        body = _BLANKS.sub("  ", body)  # templates allow blanks in many places: keep runs short
    if body.startswith("message repeated") and (m := _REPEATED.match(body)):
        return int(m[1]), body[m.end() :].rstrip().removesuffix("]").strip()
    return 1, body


class Reader:
    """Lines of one file to rows.

    A line's row follows from the line alone (and the years of the stamps before it).  So "last
    message repeated N times" of a relay is counted as a problem, not as N events: which message
    was its last is not sure where devices or relays alternate, and connections are begun and
    ended but once.  "message repeated N times: [text]" names its message and is believed."""

    def __init__(self, grammar: Grammar, source: Source, reading: Reading) -> None:
        self.grammar = grammar
        self.source = source
        self.values = Values(reading.names, grammar.ports)
        self.headers = _syslog.Headers(source, reading)
        self._bases: dict[str, Row] = {}
        self._shapes: dict[str, tuple[Shape, ...]] = {}

    def line(self, number: int, line: str) -> Row | None:
        """The row of one line, or None if it is no event; what was wrong goes to the problems."""
        if line[0] == "{":
            line = _syslog.unwrap_json(line, self.grammar.tag)
        line = self.grammar.rewrite(line)
        tag = self.grammar.tag.search(line)
        if tag is None:
            self._untagged(number, line)
            return None
        prefix, body = line[: tag.start()], line[tag.end() :]
        if body.startswith("%") and (again := self.grammar.tag.match(body)):
            tag, body = again, body[again.end() :]  # a relay wrote the tag once more
        ts, device = self.headers.read(prefix, number)
        if ts is not None:
            self.source.seen(ts)
        severity, msg_id = tag.groups()
        times, body = _unwrap(prefix, body)
        row, problem = self._row(msg_id, body)
        if row is None:
            self._other(msg_id)
            return None
        row[_TS], row[_DEVICE], row[_LINE], row[_MSG_ID] = ts, device, number, msg_id
        row[_FILE] = self.source.path
        row[_SEVERITY] = int(severity) if severity != "n" else None
        if times > 1:
            row[_HIT_COUNT] = min(row[_HIT_COUNT] * times, 1 << 62)
        if row[_TEXT_OK] != "full":
            problem = problem or _UNREADABLE[row[_TEXT_OK]]
        if problem:
            self.source.problems.add(problem, f"line {number}")
        return row

    def _row(self, msg_id: str, body: str) -> tuple[Row | None, str | None]:
        """The row without header columns, or None; and what is wrong with it, or None."""
        message = self.grammar.messages.get(msg_id)
        if message is not None:
            return self._message(msg_id, message, body)
        special = self.grammar.special.get(msg_id)
        return (special(body, self.values) if special is not None else None), None

    def _untagged(self, number: int, line: str) -> None:
        what = NOT_A_MESSAGE
        if "last message repeated" in line:
            what = "“last message repeated”: copies not counted"
        self.source.problems.add(what, f"line {number}")

    def _other(self, msg_id: str) -> None:
        if msg_id not in self.source.other and len(self.source.other) >= _IDS_COUNTED:
            msg_id = "other messages"
        self.source.count_other(msg_id)

    def _message(self, msg_id: str, message: Message, body: str) -> tuple[Row | None, str | None]:
        shapes = self._shapes.get(msg_id)
        if shapes is None:
            shapes = tuple(Shape(template, self.values) for template in message.templates())
            self._shapes[msg_id] = shapes
            self._bases[msg_id] = blank(message.kind, message.proto)
            put(self._bases[msg_id], denial_kind=message.denial_kind)
        row = self._bases[msg_id].copy()
        for shape in shapes:
            m = shape.match(body)
            if m is None:
                continue
            groups = m.groups()
            shape.fill(row, groups)
            problem = None
            if message.finish is not None:
                fields: Fields = {name: groups[group] for name, group in shape.extra}
                message.finish(row, fields)
                problem = fields.get("problem")
            if message.tcp_only and row[_PROTO] != "tcp" and row[_KIND] != _DENY:
                return None, None
            return row, problem
        if message.tcp_only and "tcp" not in body.lower():
            return None, None
        return self._damaged(message, row, body), None

    def _damaged(self, message: Message, row: Row, body: str) -> Row:
        salvage(row, body, self.values)
        if message.finish is not None:
            text_ok = row[_TEXT_OK]
            m = _TAIL.search(body)
            message.finish(row, {"tail": m[1]} if m else {})
            row[_TEXT_OK] = text_ok
        return row
