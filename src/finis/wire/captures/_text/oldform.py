"""The segment grammar of tcpdump 3.x, which the ASA still prints::

    src.port > dst.port: FLAGS [seq:end(len)] [ack N] win N [urg N] [<options>] (DF) (ttl 64, id 1)

FLAGS is a subset of ``S F R P W E``, or ``.`` if none; the ACK bit is the word ``ack``.  A pure
ACK prints no SEQ.  Blanks must have been reduced to single ones.  A ``bad tcp cksum`` is not taken
over: the form does not show whether the network card was still to fill it in.
"""

from __future__ import annotations

from finis.lazily import regex
from finis.wire.captures._text import bits
from finis.wire.captures._text.options import options
from finis.wire.captures._text.rows import U32, Row, too_large

LETTERS = {
    "S": bits.SYN,
    "F": bits.FIN,
    "R": bits.RST,
    "P": bits.PSH,
    "W": bits.CWR,
    "E": bits.ECE,
    ".": 0,
}

# Every repetition is bounded or a negated class up to its closing mark: linear in the line.
_SEGMENT = regex(
    r"(?P<flags>[SFRPWE]{1,6}|\.)(?= |,|$)"
    r"(?: ?\[(?:tcp sum ok|bad tcp cksum [^\]|]{0,60})\])?"
    r"(?:,? cksum 0x[0-9a-f]{1,4} \([^)]{0,80}\)\)?,?)?"
    r"(?: (?P<seq>\d{1,10}):(?P<end>\d{1,10})\((?P<len>\d{1,10})\))?"
    r"(?: ack (?P<ack>\d{1,10}))?"
    r"(?: win (?P<win>\d{1,10}))?"
    r"(?: urg (?P<urg>\d{1,10}))?"
    r"(?: <(?P<options>[^>]{0,400})>?)?"
)
_IP = regex(r"\(ttl (\d{1,3}), id (\d{1,5})(?:, len (\d{1,5}))?")

UNREADABLE = "TCP segment unreadable"
NO_FLAGS = "TCP header cut off before the flags"
CUT_OFF = "TCP segment cut off"
TOO_LARGE = "number too large for its TCP field"
DISAGREE = "SEQ and length of the line disagree"


def segment(text: str, row: Row) -> str | None:
    """Fill `row` from what follows ``dst:``.

    Returns None if it was a TCP segment, the reason if it should have been one but cannot be
    read, and the empty string if it is of another protocol.
    """
    match = _SEGMENT.match(text)
    if match is None:
        return NO_FLAGS if text.startswith("[|tcp") else ""
    if match["seq"] is None and match["ack"] is None and match["win"] is None:
        return UNREADABLE  # even a segment without any control bit prints its window
    for letter in match["flags"]:
        row.flags |= LETTERS[letter]
    if match["seq"] is not None:
        row.seq, end, row.payload_len = int(match["seq"]), int(match["end"]), int(match["len"])
        row.quirks &= ~bits.NO_SEQ
        if (end - row.seq) & U32 != row.payload_len:
            return DISAGREE
    if match["ack"] is not None:
        row.flags |= bits.ACK
        row.ack = int(match["ack"])
    no_win = match["win"] is None
    if not no_win:
        row.win = int(match["win"])
        row.quirks &= ~bits.NO_WIN
    if match["urg"] is not None:
        row.flags |= bits.URG
    if match["options"] is not None:
        options(match["options"], row)
    rest = text[match.end() :]
    if _cut(text, rest, no_win):
        return CUT_OFF
    if "[|tcp]" in rest:
        row.quirks |= bits.TRUNCATED_HEADER
    _ip_header(rest, row)
    return TOO_LARGE if too_large(row) else None


def _cut(text: str, rest: str, no_win: bool) -> bool:
    """Was the line wrapped or cut inside a number?  What was read of it may then be wrong."""
    if rest[:1].isdigit() or rest[1:2].isdigit():
        return True
    if not no_win or "[|tcp" in rest:
        return False
    return not rest.startswith(" Drop-") if rest else text[-1].isdigit()


def _ip_header(rest: str, row: Row) -> None:
    """``(DF) (ttl 64, id 4711)``, printed by `detail` and by tcpdump -v."""
    if "(DF)" in rest:
        row.quirks |= bits.DF
    match = _IP.search(rest)
    if match is not None and int(match[1]) <= 0xFF and int(match[2]) <= 0xFFFF:
        row.ttl, row.ip_id = int(match[1]), int(match[2])
        row.quirks &= ~(bits.NO_TTL | bits.NO_IP_ID)
        if match[3] is not None:
            row.ip_len = int(match[3])


_OTHER = {
    "udp": "udp",
    "udp,": "udp",
    "icmp:": "icmp",
    "icmp": "icmp",
    "icmp6:": "icmp6",
    "icmp6,": "icmp6",
    "arp": "arp",
    "arp,": "arp",
    "rarp": "arp",
    "esp": "esp",
    "esp(spi=": "esp",
    "ah": "ah",
    "gre": "gre",
    "gre,": "gre",
    "gre:": "gre",
    "sctp": "sctp",
    "ospfv2,": "ospf",
    "ospfv2-hello": "ospf",
    "ospfv3,": "ospf",
    "igmp": "igmp",
    "igmp,": "igmp",
    "pim": "pim",
    "pimv2,": "pim",
    "vrrpv2,": "vrrp",
    "ip6": "ip6",
    "domain": "udp",
}


def other(text: str) -> str:
    """A name for a packet that is not a TCP segment; from a fixed list, so that memory stays
    bounded whatever the file says."""
    word = text.lstrip("(").partition(" ")[0].lower()
    if word.startswith("ip-proto-"):
        number = word[9:].rstrip(":,")
        return f"ip-proto-{int(number)}" if number.isdigit() and len(number) <= 3 else "other"
    if word.startswith("esp("):
        return "esp"
    return _OTHER.get(word, "other")
