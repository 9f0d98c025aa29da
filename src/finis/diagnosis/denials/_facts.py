"""Conditions that several causes of denials share, so that each is decided in one place.

All are Polars expressions over tables.DENIALS + DENIAL_FACTS and the columns of `answered`.  A
firewall's log has a resolution of one second: lag 0 means "the same second", and -5 … 0 a Teardown
stamped after the denial (a tick of the clock, or lines out of order).
"""

from __future__ import annotations

from itertools import combinations, permutations

import polars as pl

from finis.diagnosis.denials import _drops
from finis.terms import Confidence, Harm, Teardown, word

SAME_MOMENT_S = 1.0  # one tick of the log's clock: the segments crossed
LATE_S = 240.0  # 2 MSL with the MSL of RFC 9293 §3.4.2: no honest segment lives longer
REUSE_S = 3.0  # a new connection of the same tuple this soon: the port was taken again at once
SYN_RETRY_S = 10.0  # first SYN retransmissions come 1, 3 and 7 s after the SYN
SYN_ACK_RETRY_S = 127.0  # a server's sixth and last retransmission, doubling from 1 s
SCAN_TARGETS = 20  # distinct address-port pairs one source was refused at
BACKSCATTER_TARGETS = 8
SWEEP_TARGETS = 64

SPOOF_IDS = ("106016", "106017", "106021", "106022")
NO_XLATE_IDS = ("305005", "305006", "106011")
ASYMMETRIC_NAT_IDS = ("305013",)
ICMP_ERROR_IDS = ("313004", "313005")
NO_ROUTE_IDS = ("110002", "110003")
MALFORMED_IDS = ("106012", "106020", "209004", "313009", "500003", "500004")
FRAGMENT_IDS = ("209003", "209005", "209006")
MSS_IDS = ("419001",)
TO_BOX_IDS = ("106013", "710003", "710005", "710006", "313001", "313008")
SHUN_IDS = ("401002", "401004")
IPS_IDS = ("420001", "420002", "420003", "420006", "430001", "434001", "434002", "434004")
IPS_DOWN_IDS = ("420001", "420006", "434001")
LIMIT_IDS = (
    *("201002", "201003", "201009", "201010", "201011", "201012", "201013"),
    *("202010", "305016", "305023", "407001", "710004"),
)
POOL_IDS = ("202001", "202010", "305016", "305023")
EMBRYONIC_IDS = ("201010", "201012", "407002")

_SPECIFIC = (
    *SPOOF_IDS,
    *NO_XLATE_IDS,
    *ASYMMETRIC_NAT_IDS,
    *ICMP_ERROR_IDS,
    *TO_BOX_IDS,
    *SHUN_IDS,
    *IPS_IDS,
    *LIMIT_IDS,
    *NO_ROUTE_IDS,
    *MALFORMED_IDS,
    *FRAGMENT_IDS,
    *MSS_IDS,
)

_msg = pl.col("msg_id")


def msg(*ids: str) -> pl.Expr:
    """The denial is one of these messages."""
    return _msg.is_in(ids)


def drop(*names: str) -> pl.Expr:
    """The denial is a packet of an asp-drop capture with one of these reasons, written with
    hyphens or underscores."""
    return _msg.is_in([*names, *(name.replace("-", "_") for name in names)])


def drop_group(group: str) -> pl.Expr:
    return drop(*_drops.names(group))


# What rules look for in the firewall's words of a message, in lower case; of packed rows they are
# told no more of these words (`kinds.DenialKinds`).
ASKED_OF_WORDS = ("per-host", "dns response")


def said(words: str) -> pl.Expr:
    """The firewall's words of the message hold one of `ASKED_OF_WORDS`."""
    assert words in ASKED_OF_WORDS
    return pl.col("reason").str.to_lowercase().str.contains(words, literal=True).fill_null(False)


def asked_of(reason: str | None) -> tuple[bool, ...]:
    """Which of `ASKED_OF_WORDS` these words of a message hold."""
    text = (reason or "").lower()
    return tuple(words in text for words in ASKED_OF_WORDS)


def kind(*kinds: str) -> pl.Expr:
    """The kind the firewall's dialect gave it, unless the message itself is more specific."""
    return pl.col("kind").is_in(kinds) & ~msg("106001", *_SPECIFIC) & ~drop(*_drops.DROPS)


_BITS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32}


def _written(have: str, lack: str = "") -> list[str]:
    """Every way to write a set of flags that has all of `have` and none of `lack`."""
    needed, banned = (sum(_BITS[flag] for flag in flags.split()) for flags in (have, lack))
    asked = needed | banned
    return [text for bits, texts in _WAYS.items() if bits & asked == needed for text in texts]


# Comparing whole texts with a set is many times faster than searching each text.
_WAYS = {
    sum(_BITS[flag] for flag in some): [" ".join(way) for way in permutations(some)]
    for size in range(len(_BITS) + 1)
    for some in combinations(_BITS, size)
}
_flags = pl.col("flags")


def flags(have: str, lack: str = "") -> pl.Expr:
    """The segment's flags have all of `have` and none of `lack` (words with blanks between)."""
    return _flags.is_in(_written(have, lack))


def icmp(*kinds: str) -> pl.Expr:
    """The denial is an ICMP message of one of these types and codes (``3/4``)."""
    return _flags.is_in([f"ICMP {kind}" for kind in kinds])


# Sent to a broadcast or multicast address, of IPv4: the last octet 255, the first 224 to 239.  Of
# packed rows `kinds.to_many` tells it.
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
to_many = pl.col("dst_h").str.contains(
    rf"^(?:(?:{_OCTET}\.){{3}}255|(?:22[4-9]|23\d)(?:\.{_OCTET}){{3}})$"
)

# What many causes ask is answered once: these conditions in full, by the name of the column that
# stands for each, which `answered` adds.
IN_FULL: dict[str, pl.Expr] = {}


def _shared(name: str, condition: pl.Expr) -> pl.Expr:
    IN_FULL[name] = condition
    return pl.col(_column(name))


def _column(name: str) -> str:
    return f"{name}?"  # no fact is named so


def answered(denials: pl.DataFrame) -> pl.DataFrame:
    """The denials with the columns that the conditions here and those of causes rest on."""
    return denials.with_columns(asked.alias(_column(name)) for name, asked in IN_FULL.items())


# The forms of a refused segment.  They exclude each other.
syn_ack = _shared("syn_ack", flags("SYN ACK", "FIN RST"))
rst = _shared("rst", flags("RST", "SYN"))
bare_rst = _shared("bare_rst", flags("RST", "SYN ACK"))
rst_ack = _shared("rst_ack", flags("RST ACK", "SYN"))
fin = _shared("fin", flags("FIN ACK", "SYN RST"))
fin_data = _shared("fin_data", flags("FIN PSH ACK", "SYN RST"))
_bare = flags("ACK", "SYN RST FIN PSH")  # a full-sized data segment looks so, too …
_carries = (pl.col("segment_payload") > 0).fill_null(False)  # … and a capture tells them apart
data = _shared("data", flags("PSH ACK", "SYN RST FIN") | (_bare & _carries))
ack = _shared("ack", _bare & ~_carries)
# No stack sends these: FIN alone, nothing, FIN PSH URG; SYN with FIN or RST.
impossible = _shared("impossible", flags("", "SYN RST ACK") | flags("SYN FIN") | flags("SYN RST"))
_established = _flags.is_in(
    [*_written("ACK"), *_written("RST", "ACK"), *_written("FIN", "ACK RST")]
)

RESETS = (
    Teardown.RESET_ORIG,
    Teardown.RESET_RESP,
    Teardown.RESET_SIDE_UNKNOWN,
    Teardown.HANDSHAKE_RESET,
)

# A rule of netfilter whose prefix says that it rejects may do so in the midst of a connection, or
# at the end of all rules, where what only an old connection may carry comes for want of one.  The
# latter if its connection had ended; a RST may have been the rule's own.
_ended = pl.col("teardown").is_not_null() & ~pl.col("teardown").is_in(
    [word(one) for one in (*RESETS, Teardown.STILL_OPEN)]
)
_outlived = kind("policy") & msg("LOG") & _established & _ended

# A segment refused because it meets no connection in the firewall's table (ASA 106015 and such).
# 106001 refuses by policy unless the segment is one that only an open connection may carry.
state = _shared(
    "state",
    (
        kind("state")
        | (msg("106001") & _established)
        | drop_group("state")
        | _outlived.fill_null(False)
    )
    & (pl.col("proto").str.to_lowercase() == "tcp").fill_null(True),
)
policy = _shared(
    "policy",
    (kind("policy") & ~_outlived.fill_null(False))
    | (msg("106001") & ~_established.fill_null(False))
    | drop_group("policy"),
)

# Open now; where a Teardown is given, tracking found that the denial belongs to that older one.  A
# log without any Teardown cannot tell.
_logged_open = (pl.col("pending_syn").fill_null(False) & pl.col("teardown").is_null()) | (
    pl.col("teardown") == word(Teardown.STILL_OPEN)
).fill_null(False)
_pending = _logged_open & pl.col("torn_logged").fill_null(True)
pending = _shared("pending", _pending)
# A connection of the tuple was removed before.
known = _shared("known", pl.col("teardown").is_not_null() & ~_pending)
unknown_tuple = _shared("unknown_tuple", pl.col("teardown").is_null() & ~_pending)
# No connection of the tuple is logged, neither open nor ended.
unmatched = _shared("unmatched", pl.col("teardown").is_null() & ~_logged_open)
never = unknown_tuple & (pl.col("seen_before") == "no")
# Sent to an address that only this firewall sends from: no other path can have carried what it
# answers.
to_own_mapping = never & pl.col("dst_mapped").fill_null(False)
lag = pl.col("lag_s")
late = (lag <= LATE_S).fill_null(True)
same_moment = lag <= SAME_MOMENT_S

EMBRYONIC = (Teardown.SYN_TIMEOUT, Teardown.SYN_ACK_TIMEOUT)
REFUSED_BY_FIREWALL = (
    Teardown.INSPECTION,
    Teardown.IPS,
    Teardown.IPS_RESET,
    Teardown.IPS_DOWN,
    Teardown.NORMALIZER,
    Teardown.TCP_INTERCEPT,
    Teardown.POLICY,
    Teardown.INVALID_SYN,
    Teardown.SYN_CONTROL,
    Teardown.LIMIT,
)


def after(*reasons: Teardown) -> pl.Expr:
    """A segment without connection whose connection the firewall had removed for this reason."""
    return state & known & pl.col("teardown").is_in([word(reason) for reason in reasons])


closed = after(Teardown.FINS, *RESETS)  # the hosts themselves ended it
# … as far as a FIN of both tells, but for the last ACK.  Data says that one had not (DNY303).
all_but_closed = closed | after(Teardown.LAST_ACK_TIMEOUT)
# … or the log cannot tell, so that packets may (not: the log shows that there was none).
ended_or_unknown = (closed & late) | (
    state & unknown_tuple & (pl.col("seen_before") != "no").fill_null(True)
)


def choose(condition: pl.Expr, one: Harm | Confidence, other: Harm | Confidence) -> pl.Expr:
    """`one` where the condition holds, else (also where it is unknown) `other`."""
    return pl.when(condition).then(pl.lit(int(one))).otherwise(pl.lit(int(other)))
