"""Traffic as text, for tests: one segment per line, compiled to rows of tables.SEGMENT.

::

    # anything after a hash is a comment
    name C 203.0.113.7:43918          there are C (192.0.2.1:40000), S (198.51.100.1:443)
    isn C 991843000                   added to every SEQ of C and every ACK sent to C (default 0)
    start 2024-05-01T12:00:00         time of +0 (default: that)
    +0      C > S  S  0:0(0) win 65535 <mss 1460,sackOK,TS 1 0,wscale 7>
    +.020   S > C  S. 0:0(0) ack 1 win 65535
    +.001   C > S  .  1:1(0) ack 1            +x: seconds after the line before
    @1.5    C > S  P. 1:101(100) ack 1        @x: seconds after the start
    =       S > C  .  ack 101                 =: the same instant; no SEQ: the sender's SND.NXT
    +1      C > S  R  101 alert=close-notify id=7 ttl=63

Flags: ``S F R P U E W`` and ``.`` for ACK, ``-`` for none.  ``seq:end(len)``, ``seq(len)`` or
``seq``; SYN and FIN are not counted in ``len``.  Options in ``<>``: ``mss n``, ``wscale n``,
``sackOK``, ``sack a:b`` (in the peer's numbers), ``TS val ecr``.  ``win n`` (65535).  ``key=value``
afterwards: ``id`` (else none known), ``ttl`` (64), ``vlan``, ``frame``, ``file``, ``point``,
``hash``, ``head`` (hex), ``alert`` (terms.Alert in words), ``desc``, ``sport``, ``dport``,
``drop``; ``icmp=type.code`` makes it an ICMP error about such a segment, reported ``by=address``
(203.0.113.1), with ``mtu``.
Bare words set quirks: ``noseq nopayload undated relative copy oversize dropped df``.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np

from finis.tables import SEGMENT, record_dtype
from finis.terms import Alert, Flag, Quirk

DTYPE = record_dtype(SEGMENT)
MASK = 0xFFFFFFFF
FLAGS = {
    "S": Flag.SYN, "F": Flag.FIN, "R": Flag.RST, "P": Flag.PSH, ".": Flag.ACK, "U": Flag.URG,
    "E": Flag.ECE, "W": Flag.CWR, "-": Flag(0),
}  # fmt: skip
WORDS = {
    "noseq": Quirk.NO_SEQ,
    "nopayload": Quirk.NO_PAYLOAD,
    "undated": Quirk.UNDATED,
    "relative": Quirk.RELATIVE_SEQ,
    "copy": Quirk.COPY,
    "oversize": Quirk.OVERSIZE,
    "dropped": Quirk.DROPPED,
    "df": Quirk.DF,
}
LINE = re.compile(
    r"(?P<when>[+@]\s*[\d.]+|=)\s+(?P<src>\w+)\s*>\s*(?P<dst>\w+)\s+(?P<flags>[SFRPUEW.\-]+)"
    r"(?:\s+(?P<seq>\d+)(?::(?P<end>\d+))?(?:\((?P<len>\d+)\))?)?"
    r"(?:\s+ack\s+(?P<ack>\d+))?(?:\s+win\s+(?P<win>\d+))?(?:\s+<(?P<options>[^>]*)>)?"
    r"(?P<rest>(?:\s+[\w=.:\-]+)*)\s*$"
)


def address(text: str) -> tuple[int, int]:
    """Upper and lower 64 bits of an address, IPv4 mapped into IPv6."""
    ip = ipaddress.ip_address(text)
    number = int(ip) if ip.version == 6 else (0xFFFF << 32) | int(ip)
    return number >> 64, number & 0xFFFFFFFFFFFFFFFF


class _Compiler:
    def __init__(self) -> None:
        self.hosts = {"C": ("192.0.2.1", 40000), "S": ("198.51.100.1", 443)}
        self.isn: dict[str, int] = {}
        self.nxt: dict[str, int] = {}
        self.start_ns = self.epoch("2024-05-01T12:00:00")
        self.now_ns = self.start_ns
        self.rows: list[np.void] = []

    @staticmethod
    def epoch(text: str) -> int:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return int(moment.timestamp()) * 1_000_000_000

    def line(self, text: str) -> None:
        words = text.split()
        if words[0] == "name":
            host, port = words[2].rsplit(":", 1)
            self.hosts[words[1]] = (host.strip("[]"), int(port))
        elif words[0] == "isn":
            self.isn[words[1]] = int(words[2])
        elif words[0] == "start":
            self.start_ns = self.now_ns = self.epoch(words[1])
        else:
            match = LINE.match(text)
            if match is None:
                raise ValueError(f"not a segment: {text!r}")
            self.segment(match.groupdict())

    def segment(self, part: dict[str, str | None]) -> None:
        row = np.zeros((), DTYPE)
        row["ts_ns"] = self.when(part["when"] or "=")
        src, dst = part["src"] or "", part["dst"] or ""
        for host, where in ((src, "src"), (dst, "dst")):
            row[f"{where}_hi"], row[f"{where}_lo"] = address(self.hosts[host][0])
            row[f"{where}_p"] = self.hosts[host][1]
        flags = 0
        for letter in part["flags"] or "":
            flags |= FLAGS[letter]
        row["flags"] = flags
        base = self.isn.get(src, 0)
        seq = base + int(part["seq"]) if part["seq"] else self.nxt.get(src, base)
        length = int(part["len"] or 0)
        if part["end"] and not part["len"]:
            length = int(part["end"]) - int(part["seq"] or 0)
        row["seq"], row["payload_len"] = seq & MASK, length
        if part["ack"]:
            row["ack"] = (self.isn.get(dst, 0) + int(part["ack"])) & MASK
        row["win"] = int(part["win"] or 65535)
        row["ttl"], row["ip_len"], row["frame"] = 64, 40 + length, len(self.rows) + 1
        quirks = Quirk.NO_IP_ID
        if part["options"]:
            quirks |= self.options(row, part["options"], self.isn.get(dst, 0))
        row["quirks"] = quirks
        self.extras(row, (part["rest"] or "").split())
        silent = Quirk.NO_SEQ | Quirk.ICMP_ERROR
        if not flags & Flag.RST and not int(row["quirks"]) & silent:
            span = length + bool(flags & Flag.SYN) + bool(flags & Flag.FIN)
            self.nxt[src] = max(self.nxt.get(src, 0), seq + span)
        self.rows.append(row)

    def when(self, text: str) -> int:
        seconds = Decimal(text[1:].strip() or 0)
        if text[0] == "@":
            self.now_ns = self.start_ns + int(seconds * 1_000_000_000)
        else:
            self.now_ns += int(seconds * 1_000_000_000)
        return self.now_ns

    @staticmethod
    def options(row: np.ndarray, text: str, peer_isn: int) -> Quirk:  # type: ignore[type-arg]
        quirks = Quirk(0)
        for option in filter(None, (part.strip() for part in text.split(","))):
            name, *values = option.split()
            if name == "mss":
                row["mss"], quirks = int(values[0]), quirks | Quirk.HAS_MSS
            elif name == "wscale":
                row["wscale"], quirks = int(values[0]), quirks | Quirk.HAS_WSCALE
            elif name == "sackOK":
                quirks |= Quirk.SACK_PERMITTED
            elif name == "sack":
                left, right = (int(edge) + peer_isn for edge in values[0].split(":"))
                row["sack_left"], row["sack_right"] = left & MASK, right & MASK
                quirks |= Quirk.HAS_SACK
            elif name == "TS":
                row["tsval"], row["tsecr"] = int(values[0]), int(values[1])
                quirks |= Quirk.HAS_TS
            elif name != "nop":
                raise ValueError(f"unknown option {option!r}")
        return quirks

    @staticmethod
    def extras(row: np.ndarray, words: list[str]) -> None:  # type: ignore[type-arg]
        for word in words:
            key, equals, value = word.partition("=")
            if not equals:
                row["quirks"] = int(row["quirks"]) | WORDS[key]
            elif key == "id":
                row["ip_id"] = int(value)
                row["quirks"] = int(row["quirks"]) & ~int(Quirk.NO_IP_ID)
            elif key == "alert":
                row["alert"] = Alert[value.upper().replace("-", "_")]
            elif key == "icmp":
                kind, code = map(int, value.split("."))
                row["win"], row["flags"] = kind << 8 | code, 0
                row["head"], row["payload_hash"] = address("203.0.113.1")
                quirks = Quirk.ICMP_ERROR | Quirk.NO_WIN | Quirk.NO_PAYLOAD
                row["quirks"] = int(row["quirks"]) | quirks
            elif key == "mtu":
                row["mss"] = int(value)
            elif key == "by":
                row["head"], row["payload_hash"] = address(value)
            elif key == "head":
                raw = bytes.fromhex(value)[:8]
                row["head"], row["head_len"] = int.from_bytes(raw.ljust(8, b"\0"), "big"), len(raw)
            else:
                field = {"hash": "payload_hash", "desc": "alert_desc", "sport": "src_p",
                         "dport": "dst_p"}.get(key, key)  # fmt: skip
                row[field] = int(value)


def segments(text: str) -> np.ndarray:  # type: ignore[type-arg]
    """Compile a script to rows of tables.SEGMENT."""
    compiler = _Compiler()
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#", 1)[0].strip()
        if line:
            try:
                compiler.line(line)
            except (KeyError, ValueError, IndexError) as error:
                raise ValueError(f"script line {number}: {error}: {line}") from error
    return np.array(compiler.rows, dtype=DTYPE)


def load(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    """Compile a script file (tests/data/scripts/*.txt)."""
    return segments(path.read_text(encoding="utf-8"))
