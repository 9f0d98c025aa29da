"""Cisco ASA and its kin (FTD, PIX, FWSM): messages that bear on the life of a TCP connection.

The tables `MESSAGES` and `REASONS` are the dialect; the rest applies them.  In every row the
endpoints a and b stand in the order of the line: for denials a is the sender of the packet refused
and `a_if` the interface it came in by.  Severity is read but never relied on, because
``logging message N level`` changes it.  Texts follow Cisco's syslog guide and what is seen in the
wild, which differs in blanks, suffixes and punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from finis import tables
from finis.terms import EventKind, Teardown, word
from finis.wire.dialects import _syslog
from finis.wire.dialects._api import BATCH, Events
from finis.wire.dialects._template import Template, compile_template
from finis.wire.names import canonical

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading, Source

NAME = "cisco-asa"

TAG = re.compile(
    r"%(?:ASA|FTD|PIX|FWSM|NGIPS)[^%\s]{0,40}?-(?:[A-Za-z]{1,24}-)?([0-7n])-(\d{6,7})\b:?\s*"
)
_TAG_BYTES = re.compile(
    rb"^[^\n]{0,2048}?%(?:ASA|FTD|PIX|FWSM|NGIPS)[^%\s]{0,40}?-[0-7n]-\d{6,7}\b", re.MULTILINE
)

COLUMNS = tuple(column.name for column in tables.EVENTS)
_AT = {name: i for i, name in enumerate(COLUMNS)}
Row = list[Any]
Fields = dict[str, str | None]

# --- how connections end: the reason of 302014 → (our word for it, who caused it) ---------------
# "side": one of the endpoints, named by interface or by security level (I higher, O lower).

_T = Teardown
REASONS: dict[str, tuple[Teardown, str]] = {
    "TCP FINs": (_T.FINS, "side"),
    "TCP Reset-I": (_T.RESET_SIDE_UNKNOWN, "side"),
    "TCP Reset-O": (_T.RESET_SIDE_UNKNOWN, "side"),
    "TCP Reset-APPLIANCE": (_T.RESET_DEVICE, "device"),
    "SYN Timeout": (_T.SYN_TIMEOUT, "device"),
    "FIN Timeout": (_T.FIN_TIMEOUT, "device"),
    "Conn-timeout": (_T.IDLE_TIMEOUT, "device"),
    "Connection timeout": (_T.IDLE_TIMEOUT, "device"),
    "Idle Timeout": (_T.IDLE_TIMEOUT, "device"),
    "Flow timed out": (_T.IDLE_TIMEOUT, "device"),
    "Flow timed out with reset": (_T.IDLE_TIMEOUT_RESET, "device"),
    "Flow closed by inspection": (_T.INSPECTION, "device"),
    "Flow terminated by IPS": (_T.IPS, "device"),
    "IPS fail-close": (_T.IPS, "device"),
    "Flow reset by IPS": (_T.IPS_RESET, "device"),
    "Flow terminated by TCP Intercept": (_T.TCP_INTERCEPT, "device"),
    "Flow is a loopback": (_T.LOOPBACK, "device"),
    "Free the flow created as result of packet injection": (_T.INJECTED, "device"),
    "Deny Terminate": (_T.POLICY, "device"),
    "Unauth Deny": (_T.POLICY, "device"),
    "Invalid SYN": (_T.INVALID_SYN, "device"),
    "TCP Invalid SYN": (_T.INVALID_SYN, "device"),
    "SYN Control": (_T.SYN_CONTROL, "device"),
    "No interfaces associated with zone": (_T.ROUTE, "device"),
    "No valid adjacency": (_T.ROUTE, "device"),
    "Route change": (_T.ROUTE, "device"),
    "Tunnel has been torn down": (_T.ROUTE, "device"),
    "VPN reclassify failed": (_T.ROUTE, "device"),
    "Pinhole Timeout": (_T.PARENT, "device"),
    "Parent flow is closed": (_T.PARENT, "device"),
    "Failover primary closed": (_T.FAILOVER, "device"),
    "Probe maximum retries of retransmission exceeded": (_T.PROBE, "device"),
    "Probe maximum retransmission time elapsed": (_T.PROBE, "device"),
    "Probe received RST": (_T.PROBE, "device"),
    "Probe received FIN": (_T.PROBE, "device"),
    "Probe completed": (_T.PROBE, "device"),
    "TCP bad retransmission": (_T.NORMALIZER, "device"),
    "TCP segment partial overlap": (_T.NORMALIZER, "device"),
    "TCP unexpected window size variation": (_T.NORMALIZER, "device"),
    "Xlate Clear": (_T.ADMIN, "device"),
    "Cluster flow with CLU closed on owner": (_T.CLUSTER, "device"),
    "Cluster flow with CLU removed from due to idle timeout": (_T.CLUSTER, "device"),
    "Forwarding or redirect flow removed to create director or backup flow":
        (_T.CLUSTER, "device"),
    "Unknown": (_T.UNKNOWN, "unknown"),
}  # fmt: skip
_SQUEEZE = re.compile(r"[\s-]+")


def _key(phrase: str) -> str:
    return _SQUEEZE.sub("", phrase).lower()


_REASON_OF = {_key(phrase): meaning for phrase, meaning in REASONS.items()}

# --- ports that the ASA prints as words (to-box messages) --------------------------------------

PORTS = {
    "aol": 5190, "bgp": 179, "chargen": 19, "cifs": 3020, "citrix-ica": 1494, "cmd": 514,
    "ctiqbe": 2748, "daytime": 13, "discard": 9, "domain": 53, "echo": 7, "exec": 512,
    "finger": 79, "ftp": 21, "ftp-data": 20, "gopher": 70, "h323": 1720, "hostname": 101,
    "http": 80, "https": 443, "ident": 113, "imap4": 143, "irc": 194, "kerberos": 88,
    "klogin": 543, "kshell": 544, "ldap": 389, "ldaps": 636, "login": 513, "lotusnotes": 1352,
    "lpd": 515, "netbios-ssn": 139, "nfs": 2049, "nntp": 119, "pcanywhere-data": 5631,
    "pim-auto-rp": 496, "pop2": 109, "pop3": 110, "pptp": 1723, "rsh": 514, "rtsp": 554,
    "sip": 5060, "smtp": 25, "sqlnet": 1521, "ssh": 22, "sunrpc": 111, "tacacs": 49, "talk": 517,
    "telnet": 23, "uucp": 540, "whois": 43, "www": 80, "snmp": 161, "snmptrap": 162, "ntp": 123,
    "tftp": 69, "syslog": 514, "bootps": 67, "bootpc": 68, "isakmp": 500, "radius": 1645,
}  # fmt: skip
PROTOCOLS = {
    "1": "icmp", "2": "igmp", "6": "tcp", "17": "udp", "47": "gre", "50": "esp", "51": "ah",
    "58": "icmp6", "88": "eigrp", "89": "ospf", "103": "pim", "112": "vrrp", "132": "sctp",
}  # fmt: skip

# --- the messages ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One message id: its kind, its texts (tried in order), the protocol where the text names
    none, and what the texts cannot say (`finish`)."""

    kind: EventKind
    texts: tuple[str, ...]
    proto: str | None = None
    finish: Callable[[Row, Fields], None] | None = None
    tcp_only: bool = False  # rows of other protocols are counted, not kept

    def templates(self) -> tuple[Template, ...]:
        return tuple(compile_template(text) for text in self.texts)


def _set(row: Row, **values: Any) -> None:
    for name, value in values.items():
        row[_AT[name]] = value


def _get(row: Row, name: str) -> Any:
    return row[_AT[name]]


def _built(row: Row, fields: Fields) -> None:
    inbound = (fields.get("direction") or "").lower() == "inbound"
    _set(row, direction="inbound" if inbound else "outbound", initiator="a" if inbound else "b")


def _bypass(row: Row, fields: Fields) -> None:
    _set(row, initiator="a", flags="state-bypass")
    if "tail" in fields:
        _torn(row, fields)


def parse_reason(tail: str) -> tuple[str | None, str | None, str | None, Teardown, str, bool]:
    """The end of a 302014: (reason, reason_by, user, teardown, who, known phrase?)."""
    user = None
    m = _USER_AT_END.search(tail)
    if m:
        user, tail = m[1], tail[: m.start()]
    tail = tail.strip(" \t\xa0.,\"'")
    if not tail:
        return None, None, user, Teardown.UNKNOWN, "unknown", True
    by = None
    meaning = _REASON_OF.get(_key(tail))
    if meaning is None:
        phrase, found, suffix = tail.rpartition(" from ")
        meaning = _REASON_OF.get(_key(phrase)) if found else None
        if meaning is not None:
            tail, by = phrase.strip(), suffix.strip()
    if meaning is None:
        return tail, None, user, Teardown.UNKNOWN, "unknown", False
    if by is None and meaning[0] is Teardown.RESET_SIDE_UNKNOWN:
        by = tail[-1].upper()  # the security level: I higher, O lower
    return tail, by, user, *meaning, True


_USER_AT_END = re.compile(r"\s+\(((?:[^()]|\([^()]*\))*+)\)$")
_reasons: dict[str, tuple[str | None, str | None, str | None, Teardown, str, bool]] = {}


def _torn(row: Row, fields: Fields) -> None:
    tail = fields.get("tail") or ""
    parsed = _reasons.get(tail)
    if parsed is None:
        if len(_reasons) >= 4096:
            _reasons.clear()
        parsed = _reasons[tail] = parse_reason(tail)
    reason, by, user, teardown, who, known = parsed
    side = who
    if who == "side":
        on_a, on_b = by == _get(row, "a_if"), by == _get(row, "b_if")
        side = "unknown" if on_a == on_b else "a" if on_a else "b"
    _set(row, reason=reason, reason_by=by, teardown=word(teardown), teardown_side=side)
    if user:
        _set(row, user=user)
    if reason is None:
        _set(row, text_ok="partial")  # cut off: the byte count before it may be cut too
        fields["problem"] = "302014 without a reason"
    elif not known:
        fields["problem"] = "unknown teardown reason, kept as printed"


def _hit(row: Row, fields: Fields) -> None:
    denied = fields["action"] == "denied"
    _set(row, kind=word(EventKind.DENY if denied else EventKind.PERMIT), reason=fields["action"])


def _deny_tcp(row: Row, fields: Fields) -> None:
    if (fields.get("flags") or "").split() == ["SYN"]:
        _set(row, initiator="a")


def _xlate(row: Row, fields: Fields) -> None:
    _set(row, a_mapped_h=_get(row, "b_h"), a_mapped_p=_get(row, "b_p"))


def _icmp_error(row: Row, fields: Fields) -> None:
    """The row is about the connection whose packet the ICMP error quotes, where it quotes one."""
    where = f"ICMP {fields['icmp']} from {fields['s_h']}"
    _set(row, reason=where, reason_by=_get(row, "a_if"))


def _by_words(row: Row, fields: Fields) -> None:
    text = (fields.get("reason") or fields.get("action") or "").lower()
    kind = EventKind.CONTEXT
    if "reset" in text:
        kind = EventKind.RESET
    elif "drop" in text or "blocked" in text or "denied" in text:
        kind = EventKind.DENY
    _set(row, kind=word(kind), reason=fields.get("reason") or fields.get("action"))


_PAIR = "{a:endpoint} to {b:endpoint}"
_SRC_DST = "src~{a:place} dst~{b:place}"
_ICMP_TYPE = "[~,~|~type {icmp:rest}]"
_K = EventKind
_LIMIT = "{reason:phrase} for {dir:word} packet from {a_h:host}/~{a_p:port} to {b:socket}"


def _many(*ids: int) -> tuple[str, ...]:
    return tuple(map(str, ids))


MESSAGES: dict[str, Message] = {
    "302013": Message(
        _K.BUILT,
        (
            "Built {direction} [Probe ]TCP connection {conn_id} for {a:endpoint}{a:mapped}"
            " to {b:endpoint}{b:mapped}[~{user}]",
        ),
        "tcp",
        _built,
    ),
    "302014": Message(
        _K.TEARDOWN,
        (
            f"Teardown [Probe ]TCP connection {{conn_id}} for {_PAIR}"
            " duration {duration_s} bytes {bytes}[ {tail}]",
        ),
        "tcp",
        _torn,
    ),
    "302303": Message(
        _K.BUILT,
        (
            "Built TCP state-bypass connection {conn_id} from {a:endpoint}{a:mapped}"
            " to {b:endpoint}{b:mapped}[~{user}]",
        ),
        "tcp",
        _bypass,
    ),
    "302304": Message(
        _K.TEARDOWN,
        (
            f"Teardown TCP state-bypass connection {{conn_id}} from {_PAIR}"
            " duration {duration_s}[,] bytes {bytes}[[,] {tail}]",
        ),
        "tcp",
        _bypass,
    ),
    "106001": Message(
        _K.DENY,
        (
            "{direction} TCP connection denied from {a:socket} to {b:socket} flags[ {flags}]"
            " on interface {a_if:tail_if}",
        ),
        "tcp",
        _deny_tcp,
    ),
    "106015": Message(
        _K.DENY,
        (
            "Deny TCP (no connection) from {a:socket} to {b:socket} flags[ {flags}]"
            " on interface {a_if:tail_if}",
        ),
        "tcp",
        _deny_tcp,
    ),
    "106006": Message(
        _K.DENY,
        ("Deny {direction} UDP from {a:socket} to {b:socket}[ on interface {a_if:tail_if}]",),
        "udp",
    ),
    "106007": Message(
        _K.DENY, ("Deny {direction} UDP from {a:socket} to {b:socket} due to {reason}",), "udp"
    ),
    "106010": Message(_K.DENY, (f"Deny {{direction}} {{proto}} {_SRC_DST}[~\\({{icmp:rest}}]",)),
    "106011": Message(
        _K.DENY, (f"Deny {{direction}} (No xlate) {{proto}} {_SRC_DST}[~\\({{icmp:rest}}]",)
    ),
    "106013": Message(
        _K.DENY, ("Dropping echo request from {a_h:host} to PAT address {b_h:host}",), "icmp"
    ),
    "106014": Message(
        _K.DENY, (f"Deny {{direction}} {{proto}} {_SRC_DST}~\\({{icmp:rest}}",), "icmp"
    ),
    "106016": Message(
        _K.DENY, ("Deny IP spoof from [\\(]{a_h:host}[\\)] to {b_h:host} on interface "
                  "{a_if:tail_if}",), "ip"
    ),
    "106017": Message(
        _K.DENY, ("Deny IP due to Land Attack from {a_h:host} to {b_h:host}",), "ip"
    ),
    "106020": Message(
        _K.DENY,
        ("Deny IP teardrop fragment \\({reason:parens}\\) from {a_h:host} to {b_h:host}",),
        "ip",
    ),
    "106021": Message(
        _K.DENY,
        ("Deny {proto} reverse path check from {a_h:host} to {b_h:host} on interface "
         "{a_if:tail_if}",),
    ),
    "106022": Message(
        _K.DENY,
        ("Deny {proto} connection spoof from {a_h:host} to {b_h:host} on interface "
         "{a_if:tail_if}",),
    ),
    "106023": Message(
        _K.DENY,
        (
            f"Deny {{proto}} {_SRC_DST}[,][~[\\(]type {{icmp:parens}}[\\)]][,]"
            ' by access-group ["]{acl:quoted}["][ {hash:rest}]',
        ),
    ),
    "106027": Message(
        _K.DENY,
        ('[{any:word} ]Deny src {a_h:word} dst {b_h:word} by access-group ["]{acl:quoted}["]'
         "[ {hash:rest}]",),
        "non-ip",
    ),
    "106100": Message(
        _K.PERMIT,
        (
            "access-list {acl} {action:word} {proto} {a:aclhost} -> {b:aclhost}"
            " hit-cnt {hit_count} {hash:rest}",
        ),
        finish=_hit,
    ),
    **dict.fromkeys(
        _many(106102, 106103),
        Message(
            _K.PERMIT,
            (
                "access-list {acl} {action:word} {proto} for user {user:quote_word}"
                " {a:aclhost} -> {b:aclhost} hit-cnt {hit_count} {hash:rest}",
            ),
            finish=_hit,
        ),
    ),
    "710003": Message(
        _K.DENY, ("{proto} access denied by ACL from {a:socket} to {b:endpoint}",)
    ),
    "710004": Message(
        _K.LIMIT,
        ("{proto} connection limit exceeded from {a:socket} to {b:endpoint} {reason}",),
    ),
    **dict.fromkeys(
        _many(710005, 710006),
        Message(_K.DENY, ("{proto} request discarded from {a:bare} to {b:place}",)),
    ),
    "305005": Message(
        _K.DENY, (f"No translation group found for {{proto}} {_SRC_DST}[~\\({{icmp:rest}}]",)
    ),
    "305006": Message(
        _K.DENY,
        (f"{{reason:phrase}} for {{proto}} {_SRC_DST}[~\\({{icmp:rest}}]",),
    ),
    "305011": Message(
        _K.XLATE_BUILT,
        ("Built {how:word} {proto} translation from {a:endpoint} to {b_if:if}[{acl_:who}]:"
         "{b_h:host_after_if}/{b_p:port}",),
        finish=_xlate, tcp_only=True,
    ),
    "305012": Message(
        _K.XLATE_TEARDOWN,
        ("Teardown {how:word} {proto} translation from {a:endpoint} to {b_if:if}[{acl_:who}]:"
         "{b_h:host_after_if}/{b_p:port} duration {duration_s}",),
        finish=_xlate, tcp_only=True,
    ),
    "305013": Message(
        _K.DENY,
        ("Asymmetric NAT rules matched for forward and reverse flows~;~Connection [for ]"
         f"{{proto}} {_SRC_DST}[~\\({{icmp:parens}}\\)] denied due to {{reason}}",),
    ),
    "202010": Message(
        _K.LIMIT,
        ("{reason:phrase} Unable to create {proto} connection from {a:endpoint} to "
         "{b:endpoint}",),
    ),
    "305016": Message(
        _K.LIMIT,
        ("Unable to create {proto} connection from {a:endpoint} to {b:endpoint} due to {reason}",),
    ),
    "201009": Message(
        _K.LIMIT, ("{reason:phrase} for host {a_h:host} on {a_if:word} exceeded",), "tcp"
    ),
    **dict.fromkeys(
        _many(201010, 201011, 201012, 201013),
        Message(_K.LIMIT, (f"{_LIMIT} on interface {{a_if:tail_if}}",), "tcp"),
    ),
    "407001": Message(
        _K.LIMIT,
        ("Deny traffic for local-host {a_if:if}:{a_h:host_after_if},~{reason}",), "ip",
    ),
    "407002": Message(
        _K.LIMIT,
        ("{reason:phrase} for through connections exceeded\\.~{a:socket} to {b_mapped_h:host}"
         "~\\({b_h:host}\\)/{b_p:port} on interface {a_if:tail_if}",),
        "tcp",
    ),
    **dict.fromkeys(
        _many(313001, 313008),
        Message(
            _K.DENY,
            ("Denied {proto} {reason:phrase} from {a_h:host} on interface {a_if:tail_if}",),
        ),
    ),
    "313004": Message(
        _K.DENY,
        ("Denied {proto} {reason:phrase} from [laddr ]{a_h:host} on interface {a_if:word} to "
         "{b_h:host}:[ {any:rest}]",),
    ),
    "313005": Message(
        _K.ICMP,
        (
            "No matching connection for ICMP error message: {icmp_proto:word} src {a_if:if}:"
            "{s_h:host_after_if}[{s_who:who}] dst {b_if:if}:{d_h:host_after_if}[{d_who:who}]"
            " \\({icmp:parens}\\) on {on_if:phrase} interface\\. Original IP payload: "
            "{proto} src {a:socket} dst {b:socket}[\\.]",
        ),
        finish=_icmp_error, tcp_only=True,
    ),
    "313009": Message(
        _K.DENY,
        ("Denied invalid {proto} {reason:phrase}, for {a:endpoint}{a:mapped} to {b:endpoint}"
         "{b:mapped}[,] {any:rest}",),
    ),
    "419001": Message(
        _K.DENY,
        ("Dropping {proto} packet from {a:endpoint} to {b:endpoint},~reason:~{reason}",),
    ),
    "419002": Message(
        _K.CONTEXT,
        ("Duplicate TCP SYN from {a:endpoint} to {b:endpoint} with {reason}",), "tcp",
    ),
    "419003": Message(
        _K.CONTEXT, ("{reason:phrase} from {a:endpoint} to {b:endpoint}[ {any:rest}]",), "tcp"
    ),
    **dict.fromkeys(
        _many(419004, 419005, 419006),
        Message(
            _K.CONTEXT,
            ("[Teardown ]TCP connection {conn_id} from {a:endpoint} to {b:endpoint}[ {reason}]",),
            "tcp",
        ),
    ),
    "420001": Message(
        _K.DENY, ("{reason:phrase},~dropping {proto} packet from {a:place} to {b:place}[ {any:rest}]",)
    ),
    "434001": Message(
        _K.DENY, ("{reason:phrase},~dropping {proto} packet from {a:place} to {b:place}[ {any:rest}]",)
    ),
    **dict.fromkeys(
        _many(420002, 434002, 429002),
        Message(
            _K.DENY, ("{reason:phrase} to drop {proto} packet from {a:place} to {b:place}[ {any:rest}]",)
        ),
    ),
    **dict.fromkeys(
        _many(420003, 434003, 429003),
        Message(
            _K.RESET,
            ("{reason:phrase} to reset {proto} connection from {a:endpoint} to {b:endpoint}",),
        ),
    ),
    "434004": Message(
        _K.CONTEXT,
        ("{reason:phrase} to bypass further packet redirection and process {proto} flow from "
         "{a:endpoint} to {b:endpoint} locally",),
        tcp_only=True,
    ),
    "500003": Message(
        _K.DENY,
        ("{reason:phrase} from {a:socket} to {b:socket},~flags:[~{flags}],~on interface "
         "{a_if:tail_if}",),
        "tcp", _deny_tcp,
    ),
    "500004": Message(
        _K.DENY, ("{reason:phrase},~from {a:socket} to {b:socket}",)
    ),
    **dict.fromkeys(
        _many(507001, 507002),
        Message(
            _K.CONTEXT,
            ("{action:phrase} from {a:endpoint} to {b:endpoint}[~-] {reason}",), "tcp",
        ),
    ),
    "507003": Message(
        _K.CONTEXT,
        ("{proto} flow from {a:endpoint} to {b:endpoint} terminated by inspection engine,~"
         "reason~-~{reason}",),
        finish=_by_words, tcp_only=True,
    ),
    "609001": Message(_K.CONTEXT, ("Built local-host {a_if:if}:{a_h:host_after_if}",), "ip"),
    "609002": Message(
        _K.CONTEXT,
        ("Teardown local-host {a_if:if}:{a_h:host_after_if} duration {duration_s}",), "ip",
    ),
    "108003": Message(
        _K.CONTEXT,
        ("{action:phrase} from {a:endpoint} to {b:endpoint}\\.~{reason}",), "tcp", _by_words,
    ),
    "108004": Message(
        _K.CONTEXT,
        ("{action:colon}:~{what:colon} from {a_if:if}:{a_h:host_after_if}{slash:slash}{a_p:port}"
         " to {b_if:if}:{b_h:host_after_if}{slash_:slash}{b_p:port};~{any:rest}",),
        "tcp", _by_words,
    ),
    "110002": Message(
        _K.DENY, ("{reason:phrase} for {proto} from {a:place} to {b:bare}",)
    ),
    "110003": Message(
        _K.DENY, ("{reason:phrase} for {proto} from {a:place} to {b:place}",)
    ),
    **dict.fromkeys(
        _many(209003, 209004, 209005, 209006),
        Message(
            _K.DENY,
            ("{reason:phrase}[,:]~src = {a_h:host},~dest = {b_h:host},~proto = {proto},~"
             "id = {any:rest}",),
        ),
    ),
    **dict.fromkeys(
        _many(338001, 338002, 338003, 338004, 338005, 338006, 338007, 338008, 338101, 338102,
              338103, 338104, 338201, 338202, 338203, 338204),
        Message(
            _K.THREAT,
            ("Dynamic [F][f]ilter {action:word} {list:phrase} {proto} traffic from {a:endpoint}"
             "{a:mapped} to {b:endpoint}{b:mapped},~{reason}",),
            finish=_by_words, tcp_only=True,
        ),
    ),
    "401004": Message(
        _K.DENY,
        ("Shunned packet: {a_h:host} ==> {b_h:host} on interface {a_if:tail_if}",), "ip",
    ),
    **dict.fromkeys(
        _many(104001, 104002, 104003, 104004, 210001, 210002, 210003, 210005, 210006, 210007,
              210008, 210010, 210011, 210020, 210021, 210022),
        Message(_K.FAILOVER, ("{reason}",)),
    ),
    **dict.fromkeys(_many(111008, 111009, 111010), Message(
        _K.ADMIN,
        ("User {user:quote_word}[ executed[ the] [cmd: ]['~]{reason:command}['][ command][\\.]]",
         "User {user:quote_word},~{any:phrase} executed '{reason:command}'",),
    )),
    **dict.fromkeys(
        _many(733100, 733101, 733102, 733103, 733104, 733105, 401001, 401002, 401003, 401005,
              322001, 322002, 322003),
        Message(_K.THREAT, ("{reason}",)),
    ),
    **dict.fromkeys(_many(201002, 201003, 201004, 201008, 202001), Message(
        _K.LIMIT, ("{reason}",)
    )),
}  # fmt: skip

# --- reading -----------------------------------------------------------------------------------

_KEYWORDS = frozenset(
    "to on from src dst flags for by duration bytes and interface user due with".split()
)
_PLAIN_NAME = re.compile(r"[\w.$-]+(?:%[\w.-]+)?")
_ADDRESS = re.compile(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")


class Values:
    """Turns printed fields into columns; remembers hosts, of which logs repeat few."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self._hosts: dict[str, tuple[str | None, bool]] = {}

    def host(self, token: str) -> tuple[str | None, bool]:
        """Address in canonical form, or the name; False if it is neither."""
        known = self._hosts.get(token)
        if known is None:
            if len(self._hosts) >= 131_072:
                self._hosts.clear()
            known = self._hosts[token] = self._host(token)
        return known

    def _host(self, token: str) -> tuple[str | None, bool]:
        address = canonical(token) or canonical(self.names.get(token, ""))
        if address is not None:
            return address, True
        if token.lower() in _KEYWORDS:
            return None, False
        return token, bool(_PLAIN_NAME.fullmatch(token))

    @staticmethod
    def port(token: str) -> int | None:
        if token.isdecimal() and token.isascii():
            return int(token) if len(token) < 6 and int(token) <= 65_535 else None
        return PORTS.get(token.lower())


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
    return text.strip(" \t\xa0.,\"'")[:500] or None


def _who(text: str) -> str | None:
    return text.strip("()'\"").strip() or None


_CONVERT: dict[str, Callable[[str], Any]] = {
    "conn_id": int, "bytes": int, "hit_count": int, "duration_s": _duration, "proto": _proto,
    "flags": _words, "reason": _phrase, "user": _who, "direction": str.lower,
}  # fmt: skip
_AS_READ = ("a_if", "b_if", "acl")


class Shape:
    """A template with, per group, the column it fills and how."""

    def __init__(self, template: Template, values: Values) -> None:
        self.pattern = template.pattern
        self.hosts: list[tuple[int, int, int]] = []  # group, column, column of its interface
        self.ports: list[tuple[int, int]] = []
        self.others: list[tuple[int, int, Callable[[str], Any] | None]] = []
        self.whos = [g for n, g in template.pattern.groupindex.items() if n in _WHO_GROUPS]
        self.values = values
        for name, group in template.pattern.groupindex.items():
            if name in _AS_READ:
                self.others.append((group, _AT[name], None))
            elif name in _CONVERT:
                self.others.append((group, _AT[name], _CONVERT[name]))
            elif name in _AT and name.endswith("_h"):
                self.hosts.append((group, _AT[name], _AT.get(name[0] + "_if", -1)))
            elif name in _AT and name.endswith("_p"):
                self.ports.append((group, _AT[name]))

    def fill(self, row: Row, m: re.Match[str]) -> None:
        """Write the groups of `m` into `row`; what cannot be read stays None, marked partial."""
        groups = m.groups()
        for group, column, convert in self.others:
            text = groups[group - 1]
            if text is not None:
                row[column] = text if convert is None else convert(text)
        for group, column, interface in self.hosts:
            text = groups[group - 1]
            if text is None:
                continue
            host, good = self.values.host(text)
            if not good:
                if ":" in text and interface >= 0 and row[interface]:
                    # "v1:ab:10.0.0.1": the colons were part of the interface's name
                    head, _, tail = text.rpartition(":")
                    host, good = self.values.host(tail)
                    row[interface] = f"{row[interface]}:{head}"
                if not good:
                    row[_TEXT_OK] = "partial"
            row[column] = host
        for group, column in self.ports:
            text = groups[group - 1]
            if text is not None:
                port = self.values.port(text)
                if port is None:
                    row[_TEXT_OK] = "partial"
                row[column] = port
        for group in self.whos:
            text = groups[group - 1]
            if text is not None and row[_USER] is None:
                row[_USER] = _who(text)


_WHO_GROUPS = ("a_who", "a_who2", "b_who", "b_who2", "s_who", "d_who")
_TEXT_OK, _USER, _KIND, _PROTO = _AT["text_ok"], _AT["user"], _AT["kind"], _AT["proto"]

# --- lines whose text is damaged: what can still be read with certainty ---------------------------
# Every piece must be followed by something: at the end of a line it may be cut.

_PIECES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (compile_template_piece, names)
    for compile_template_piece, names in (
        (re.compile(r"^Built (inbound|outbound) "), ("direction",)),
        (re.compile(r"\bconnection (\d{1,18})(?=\s)"), ("conn_id",)),
        (re.compile(r"\bduration (\d{1,9}:\d\d:\d\d)(?=\s)"), ("duration_s",)),
        (re.compile(r"\bbytes (\d{1,18})(?=\s)"), ("bytes",)),
        (re.compile(r"\bflags\s+((?:(?:SYN|FIN|RST|PSH|ACK|URG)\s+)+)(?=on\b)"), ("flags",)),
        (re.compile(r"\bon interface ([\w.:-]{1,64})"), ("a_if",)),
        (re.compile(r"(?:\b(?:for|from|src)|local-host) ([\w.-]{1,64}):"), ("a_if",)),
        (re.compile(r"\b(?:to|dst) ([\w.-]{1,64}):"), ("b_if",)),
        (
            re.compile(r"\b(?:for|from|src) (?:[\w.-]{1,64}:)?([\w.:-]{1,64})/(\d{1,5})(?=[\s(,;])"),
            ("a_h", "a_p"),
        ),
        (
            re.compile(r"\b(?:to|dst) (?:[\w.-]{1,64}:)?([\w.:-]{1,64})/(\d{1,5})(?=[\s(,;])"),
            ("b_h", "b_p"),
        ),
    )
)
_TAIL = re.compile(r"\bbytes \d{1,18}\s+(\S.*)$", re.DOTALL)


def salvage(row: Row, body: str, values: Values) -> None:
    """Fill what is certain of a line that fits no template; the rest stays None."""
    found = False
    for pattern, names in _PIECES:
        m = pattern.search(body)
        if m is None:
            continue
        for name, text in zip(names, m.groups(), strict=True):
            value: Any = text
            if name.endswith("_h"):
                value = values.host(text)[0]
            elif name.endswith("_p"):
                value = values.port(text)
            elif name in _CONVERT:
                value = _CONVERT[name](text)
            if value is not None and row[_AT[name]] is None:
                row[_AT[name]] = value
                found = True
    row[_TEXT_OK] = "partial" if found else "none"


REPEATED = re.compile(r"message repeated (\d{1,6}) times: \[\s*(.*?)\s*\]?\s*$", re.DOTALL)
_RFC5424_TAIL = re.compile(r"(?:- ){1,3}(?:\[[^\]]{0,1024}\] )?")
IDS_COUNTED = 4096  # distinct ids counted on their own; a hostile file could name ten million


class Reader:
    """Lines of one file to rows."""

    def __init__(self, source: Source, reading: Reading) -> None:
        self.source = source
        self.values = Values(reading.names)
        self.headers = _syslog.Headers(source, reading)
        self.bases: dict[str, Row] = {}
        self.shapes: dict[str, tuple[Shape, ...]] = {}

    def _prepare(self, number: str, message: Message) -> None:
        base: Row = [None] * len(COLUMNS)
        _set(
            base, file=self.source.path, msg_id=number, kind=word(message.kind),
            proto=message.proto, initiator="unknown", hit_count=1, text_ok="full",
        )  # fmt: skip
        self.bases[number] = base
        self.shapes[number] = tuple(Shape(t, self.values) for t in message.templates())

    def other(self, number: str) -> None:
        other = self.source.other
        if number not in other and len(other) >= IDS_COUNTED:
            number = "other messages"
        other[number] = other.get(number, 0) + 1

    def line(self, number: int, line: str) -> Row | None:
        """The row of one line, or None if it is no event; what was wrong goes to the problems."""
        if line[0] == "{":
            line = _syslog.unwrap_json(line, TAG)
        tag = TAG.search(line)
        if tag is None:
            what = "“last message repeated” line, its copies are not counted"
            if "last message repeated" not in line:
                what = "no message tag (%ASA-…)"
            self.source.problems.add(what, f"line {number}")
            return None
        prefix, body = line[: tag.start()], line[tag.end() :]
        severity, msg_id = tag.groups()
        message = MESSAGES.get(msg_id)
        if message is None and msg_id not in FTD_EVENTS:
            self.other(msg_id)
            return None
        if '"' in prefix:
            body = _syslog.unquote(prefix, body)
        if body.startswith("- "):
            body = _RFC5424_TAIL.sub("", body, count=1)
        times = 1
        if body.startswith("message repeated"):
            m = REPEATED.match(body)
            if m:
                times, body = int(m[1]), m[2]
        row = self._ftd(msg_id, body) if message is None else self._message(msg_id, message, body)
        if row is None:
            self.other(msg_id)
            return None
        ts, device = self.headers.read(prefix, number)
        if ts is not None:
            self.source.seen(ts)
        row[_AT["ts"]], row[_AT["device"]], row[_AT["line"]] = ts, device, number
        row[_AT["severity"]] = int(severity) if severity != "n" else None
        row[_AT["hit_count"]] *= times
        problem = row.pop()
        if row[_TEXT_OK] != "full":
            problem = problem or _UNREADABLE[row[_TEXT_OK]]
        if problem:
            self.source.problems.add(problem, f"line {number}")
        return row

    def _message(self, msg_id: str, message: Message, body: str) -> Row | None:
        """The row, one element longer than the columns: the last names a problem or is None."""
        if msg_id not in self.bases:
            self._prepare(msg_id, message)
        row = self.bases[msg_id].copy()
        for shape in self.shapes[msg_id]:
            m = shape.pattern.fullmatch(body)
            if m is None:
                continue
            shape.fill(row, m)
            if message.tcp_only and row[_PROTO] != "tcp":
                return None
            problem = None
            if message.finish is not None:
                fields: Fields = m.groupdict()
                message.finish(row, fields)
                problem = fields.get("problem")
            row.append(problem)
            return row
        if message.tcp_only and not re.search(r"\bTCP\b", body, re.IGNORECASE):
            return None
        salvage(row, body, self.values)
        if message.kind is EventKind.TEARDOWN and (m := _TAIL.search(body)):
            _torn(row, {"tail": m[1]})
            row[_TEXT_OK] = "partial"
        elif message.finish is _built and _get(row, "direction"):
            _built(row, {"direction": _get(row, "direction")})
        row.append(None)
        return row

    def _ftd(self, msg_id: str, body: str) -> Row | None:
        """430002 (connection start) and 430003 (end): ``Key: value, …``.  Values late in the line
        come from the network (URL, user agent), so a key given twice with two values is unread."""
        if msg_id not in self.bases:
            self._prepare(msg_id, Message(EventKind.BUILT, ()))
        found: dict[str, str] = {}
        clash = set()
        for m in _FTD_FIELD.finditer(body):
            if found.setdefault(m[1], m[2].strip()) != m[2].strip():
                clash.add(m[1])
        for key in clash:
            del found[key]
        if found.get("Protocol", "").lower() not in ("tcp", "6"):
            return None if "Protocol" in found else self._damaged_ftd(msg_id)
        row = self.bases[msg_id].copy()
        action = found.get("AccessControlRuleAction", "")
        kind = EventKind.BUILT if msg_id == "430002" else EventKind.TEARDOWN
        if action.lower().startswith(("block", "reset", "deny")):
            kind = EventKind.DENY
        why = found.get("AccessControlRuleReason")
        _set(
            row, kind=word(kind), proto="tcp", initiator="a", a_if=found.get("IngressInterface"),
            b_if=found.get("EgressInterface"), acl=found.get("AccessControlRuleName"),
            user=found.get("User"), reason=f"{action}, {why}" if why else action or None,
            text_ok="partial" if clash else "full",
        )  # fmt: skip
        if kind is EventKind.TEARDOWN:
            _set(row, teardown=word(Teardown.UNKNOWN), teardown_side="unknown")
        for side, names in (("a", ("SrcIP", "SrcPort")), ("b", ("DstIP", "DstPort"))):
            host, good = self.values.host(found[names[0]]) if names[0] in found else (None, False)
            port = self.values.port(found.get(names[1], ""))
            row[_AT[side + "_h"]], row[_AT[side + "_p"]] = host, port
            if not good or port is None:
                row[_TEXT_OK] = "partial"
        if msg_id == "430003":
            if found.get("ConnectionDuration", "").isdecimal():
                _set(row, duration_s=float(found["ConnectionDuration"][:9]))
            sizes = [found.get("InitiatorBytes", ""), found.get("ResponderBytes", "")]
            if all(size.isdecimal() and len(size) < 18 for size in sizes):
                _set(row, bytes=sum(map(int, sizes)))
        row.append(None)
        return row

    def _damaged_ftd(self, msg_id: str) -> Row:
        row = self.bases[msg_id].copy()
        row[_TEXT_OK] = "none"
        row.append(None)
        return row


FTD_EVENTS = ("430002", "430003")
_FTD_FIELD = re.compile(
    r"(?:^|,\s)\s*(AccessControlRuleAction|AccessControlRuleReason|AccessControlRuleName|SrcIP|DstIP"
    r"|SrcPort|DstPort|Protocol|IngressInterface|EgressInterface|User|ConnectionDuration"
    r"|InitiatorBytes|ResponderBytes):\s([^,]*)"
)
_UNREADABLE = {
    "partial": "event with unreadable fields, kept in part",
    "none": "event of which nothing is readable, kept as a row without fields",
}


def sniff(head: bytes) -> float:
    """Share of lines that carry a Cisco message tag, from 0.5 up; 0 if there is none."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode()
    tags = len(_TAG_BYTES.findall(head))
    if not tags:
        return 0.0
    if head.count(0) * 20 > len(head):
        return 0.1  # a capture of syslog traffic, not a log
    total = sum(1 for line in head.split(b"\n") if line.strip())
    return 0.5 + 0.45 * min(1.0, tags / max(total, 1))


def _flush(rows: list[Row]) -> Events:
    return {
        name: list(column) for name, column in zip(COLUMNS, zip(*rows, strict=True), strict=True)
    }


def read(stream: Readable, source: Source, reading: Reading) -> Iterator[Events]:
    """Events of one log, in the order of its lines; see `finis.wire.dialects._api`."""
    source.kind, source.format = "log", NAME
    reader = Reader(source, reading)
    numbered = _syslog.lines(stream, source)
    first = list(islice(numbered, 2000))
    reader.headers.learn([line[: m.start()] for _, line in first if (m := TAG.search(line))])
    rows: list[Row] = []
    for part in (first, numbered):
        for number, line in part:
            source.rows += 1
            row = reader.line(number, line)
            if row is None:
                continue
            source.used += 1
            rows.append(row)
            if len(rows) >= BATCH:
                yield _flush(rows)
                rows = []
    if rows:
        yield _flush(rows)
