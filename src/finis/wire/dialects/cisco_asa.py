"""Cisco ASA and its kin (FTD, PIX, FWSM): messages that bear on the life of a TCP connection.

`REASONS` and `MESSAGES` are the dialect; `_events` applies them.  In every row the endpoints a and
b stand in the order of the line; for a denial a sent the packet that was refused and `a_if` is the
interface it came in by.  Severity is read but never relied on: ``logging message N level`` changes
it.  Texts follow Cisco's syslog guide and what is seen in the wild, which differs in blanks,
suffixes and punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from finis.lazily import regex
from finis.terms import ICMP_PROTOCOLS, EventKind, Firewall, Teardown, word
from finis.wire.dialects import _events, _ftd, _rows
from finis.wire.dialects._events import AT, Fields, Row, get, put
from finis.wire.dialects._program import Fast

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.dialects._api import Events
    from finis.wire.source import Reading, Source

NAME = "cisco-asa"
FIREWALL = Firewall("ASA")

# "%ASA-6-302013:", "%ASA-session-6-302013:", "%FTD<Up>-4-…", "%FTD--6-…", also without colon.
_TAG = r"%(?:ASA|FTD|PIX|FWSM|NGIPS)[^%\s]{0,40}?-(?:[A-Za-z]{1,24}-)?([0-7n])-(\d{6,7})\b"
TAG = regex(_TAG + r"(?:\s?:)?\s*")

# --- why a connection was torn down: phrase of 302014 → our word, and who caused it --------------
# "side": an endpoint, named by its interface or by security level (I the higher, O the lower).

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
    "IPS fail-close": (_T.IPS_DOWN, "device"),
    "Flow reset by IPS": (_T.IPS_RESET, "device"),
    "Flow terminated by TCP Intercept": (_T.TCP_INTERCEPT, "device"),
    "Flow is a loopback": (_T.LOOPBACK, "device"),
    "Free the flow created as result of packet injection": (_T.INJECTED, "device"),
    "Deny Terminate": (_T.INSPECTION, "device"),
    "Unauth Deny": (_T.POLICY, "device"),
    "Uauth Deny": (_T.POLICY, "device"),
    "Deny": (_T.INSPECTION, "device"),  # PIX: the same
    "Invalid SYN": (_T.INVALID_SYN, "device"),
    "TCP Invalid SYN": (_T.INVALID_SYN, "device"),
    "SYN Control": (_T.SYN_CONTROL, "device"),
    "No interfaces associated with zone": (_T.ZONE, "device"),
    "No valid adjacency": (_T.NO_NEXT_HOP, "device"),
    "Route change": (_T.ROUTE, "device"),
    "Tunnel has been torn down": (_T.TUNNEL, "device"),
    "VPN reclassify failed": (_T.TUNNEL, "device"),
    "Pinhole Timeout": (_T.PINHOLE, "device"),
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
_SQUEEZE = regex(r"[\s-]+")


def _key(phrase: str) -> str:
    """Blanks and hyphens come and go between releases ("TCP Reset - I", "TCP Reset-I")."""
    return _SQUEEZE.sub("", phrase).lower()


_REASON_OF = {_key(phrase): (word(code), who) for phrase, (code, who) in REASONS.items()}
_RESET = word(Teardown.RESET_SIDE_UNKNOWN)
_NOT_KNOWN = (word(Teardown.UNKNOWN), "unknown")
_INTERNAL = regex(r" (?:\S{1,64}:RX\[\d{1,9}\]|max-rate \S{1,64})")
_USER_AT_END = regex(r"(?:^| )\(((?:[^()]|\([^()]*\))*+)\)$")


@lru_cache(4096)
def parse_reason(tail: str) -> tuple[str | None, str | None, str | None, str, str, bool]:
    """The end of a 302014: reason, who the line names, user, our word, who caused it, known?"""
    user = None
    tail = " ".join(tail.split())
    m = _USER_AT_END.search(tail)
    if m:
        user, tail = m[1], tail[: m.start()]
    if not tail and user and " " in user and _key(user) in _REASON_OF:  # the reason in brackets
        tail, user = user, None
    tail = _INTERNAL.sub("", tail).strip(" .,\"'")
    if not tail:
        return None, None, user, *_NOT_KNOWN, True
    by = None
    meaning = _REASON_OF.get(_key(tail))
    if meaning is None:
        phrase, found, suffix = tail.rpartition(" from ")
        meaning = _REASON_OF.get(_key(phrase)) if found else None
        if meaning is not None:
            tail, by = phrase.strip(), suffix.strip()
    if meaning is None:
        return tail[:500], None, user, *_NOT_KNOWN, False
    if by is None and meaning[0] == _RESET:
        by = tail[-1].upper()
    return tail, by, user, *meaning, True


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

# --- what the texts alone do not say -------------------------------------------------------------

_TYPE = regex(r"(?:type\W{0,3})?(\d{1,3})(?!\d)(?:\W{1,3}code\W{0,3}(\d{1,3})(?!\d))?")

_DIRECTION, _INITIATOR, _A_IF, _B_IF = (
    AT[name] for name in ("direction", "initiator", "a_if", "b_if")
)
_REASON, _REASON_BY, _TEARDOWN, _SIDE = (
    AT[name] for name in ("reason", "reason_by", "teardown", "teardown_side")
)


def _built(row: Row, fields: Fields) -> None:
    """Inbound: the first endpoint of the line began the connection; outbound: the second."""
    direction = row[_DIRECTION]
    if direction:
        row[_INITIATOR] = "a" if direction == "inbound" else "b"


def _torn(row: Row, fields: Fields) -> None:
    reason, by, user, teardown, side, known = parse_reason(fields.get("tail") or "")
    if side == "side":
        on_a, on_b = by == row[_A_IF], by == row[_B_IF]
        side = "unknown" if on_a == on_b else "a" if on_a else "b"
    row[_REASON], row[_REASON_BY], row[_TEARDOWN], row[_SIDE] = reason, by, teardown, side
    if user:
        put(row, user=user)
    if reason is None:  # cut off, and the byte count before it may be cut too
        put(row, text_ok="partial")
        fields["problem"] = "teardown without a reason: the line may be cut"
    elif not known:
        fields["problem"] = "unknown teardown reason, kept as printed"


def _bypass(row: Row, fields: Fields) -> None:
    put(row, initiator="a", flags="state-bypass")
    if get(row, "kind") == word(EventKind.TEARDOWN):
        _torn(row, fields)
        if get(row, "teardown") == word(Teardown.IDLE_TIMEOUT):  # whatever the hosts' FINs said
            put(row, teardown=word(Teardown.BYPASS_IDLE))


def _syn(row: Row, fields: Fields) -> None:
    if get(row, "flags") == "SYN":
        put(row, initiator="a")


def _icmp_kind(row: Row, fields: Fields) -> None:
    """Type and code of an ICMP message, wherever the text has them."""
    told = get(row, "reason") if get(row, "proto") in ICMP_PROTOCOLS else None
    said = fields.get("icmp") or told
    m = _TYPE.match(said or "")
    if m is not None:
        put(row, flags=_events.icmp_kind(m[1], m[2] or fields.get("code")))


def _hit(row: Row, fields: Fields) -> None:
    if "icmp" in fields:  # its type and code stand where others have ports
        _icmp_kind(row, fields)
    action = (fields.get("action") or "").lower()
    put(row, reason=action or None, initiator="a" if action else "unknown")
    if action == "denied":
        put(row, kind=word(EventKind.DENY), denial_kind="policy")
    elif get(row, "text_ok") == "none":
        put(row, kind=word(EventKind.OTHER))


def _mapped(row: Row, fields: Fields) -> None:
    """A translation: b is what a is mapped to."""
    put(row, a_mapped_h=get(row, "b_h"), a_mapped_p=get(row, "b_p"))


def _icmp_error(row: Row, fields: Fields) -> None:
    """The endpoints are those of the packet that the ICMP error quotes, as far as it is read."""
    if "icmp" in fields:
        sender = fields.get("s_h") or get(row, "a_h")
        put(row, reason=f"ICMP {fields['icmp']} from {sender}", reason_by=fields.get("s_if"))
        _icmp_kind(row, fields)


def _by_words(row: Row, fields: Fields) -> None:
    """Inspection engines reset, drop or only watch: the words tell."""
    action, reason = fields.get("action"), get(row, "reason")
    text = f"{action} {reason}".lower()
    if "reset" in text:
        put(row, kind=word(EventKind.RESET))
    elif "drop" in text or "denied" in text:
        kind = "policy" if get(row, "kind") == word(EventKind.THREAT) else "other"
        put(row, kind=word(EventKind.DENY), denial_kind=kind)
    if not reason:
        put(row, reason=action)


# --- the messages: ids, kind, protocol, text (see _template for its notation) --------------------

MESSAGES = _events.messages(
    r"""
302013        built          tcp      Built {direction} [Probe ]TCP connection {conn_id} for
    {a:endpoint}{a:mapped} to {b:endpoint}{b:mapped}[ {:ring}][~{user}]
302001        built          tcp      Built {direction} TCP connection {conn_id} for faddr
    {a:socket} gaddr {b_mapped_h:host}/{b_mapped_p:port} laddr {b:socket}[~{user}]
302002        teardown       tcp      Teardown TCP connection {conn_id} [for ]faddr {a:socket} gaddr
    {b_mapped_h:host}/{b_mapped_p:port} laddr {b:socket} duration {duration_s} bytes {bytes}[
    ({tail:parens})]
302014        teardown       tcp      Teardown [Probe ]TCP connection {conn_id} for {a:endpoint} to
    {b:endpoint} duration {duration_s} bytes {bytes}[ {tail}]
302014        teardown       tcp      Teardown [Probe ]TCP connection {conn_id} for {a:endpoint}[
    {a_who2:bare_who}] to {b:endpoint}[ {b_who2:bare_who}] duration {duration_s} bytes
    {bytes}[ {tail}]
302303        built          tcp      Built TCP state-bypass connection {conn_id} from
    {a:endpoint}{a:mapped} to {b:endpoint}{b:mapped}[~{user}]
302304        teardown       tcp      Teardown TCP state-bypass connection {conn_id} from
    {a:endpoint} to {b:endpoint} duration {duration_s}[,] bytes {bytes}[[,] {tail}]
106001        deny:policy    tcp      {direction} TCP connection denied from {a:socket} to
    {b:socket} flags[ {flags}] on interface {a_if:tail_if}
106015        deny:state     tcp      Deny TCP (no connection) from {a:socket} to {b:socket} flags[
    {flags}] on interface {a_if:tail_if}
106006        deny:policy    udp      Deny {direction} UDP from {a:socket} to {b:socket} on
    interface {a_if:tail_if}
106007        deny:policy    udp      Deny {direction} UDP from {a:socket} to {b:socket} due to
    {reason}
106010        deny:policy    -        Deny {direction} {proto} src {a:place} dst
    {b:place}[~({:rest}]
106011        deny:state     -        Deny {direction} (No xlate) {proto} src {a:place} dst
    {b:place}[~({:rest}]
106012        deny           ip       Deny IP from {a_h:host} to {b_h:host}, {reason}
106013        deny           icmp     Dropping echo request from {a_h:host} to PAT address
    {b_h:host}
106014        deny:policy    icmp     Deny {direction} {proto} src {a:place} dst
    {b:place}[~(type {icmp:icmp}][~({:rest}]
106016        deny:spoof     ip       Deny IP spoof from [(]{a_h:host}[)] to {b_h:host} on
    interface {a_if:tail_if}
106017        deny:spoof     ip       Deny IP due to Land Attack from {a_h:host} to {b_h:host}
106020        deny           ip       Deny IP teardrop fragment ({reason:parens}) from {a_h:host}
    to {b_h:host}
106021        deny:spoof     -        Deny {proto} reverse path check from {a_h:host} to {b_h:host}
    on interface {a_if:tail_if}
106022        deny:spoof     -        Deny {proto} connection spoof from {a_h:host} to {b_h:host}
    on interface {a_if:tail_if}
106023        deny:policy    -        Deny {proto} src {a:place} dst {b:place}[,][~[(]type
    {icmp:icmp}] by access-group ["][{acl:acl}]["][ {:rest}]
106027        deny:policy    non-ip   Deny [{:word} ]src {a_h:word} dst {b_h:word} by
    access-group ["]{acl:acl}["][ {:rest}]
418001        deny:policy    -        {reason:phrase}:~{proto} src {a:place} dst {b:place}[
    {:rest}]
106100        permit         tcp-only access-list {acl} {action:word} {proto:with_ports}
    {a:acl_endpoint} -> {b:acl_endpoint} hit-cnt {hit_count} {:rest}
106100        permit         tcp-only access-list {acl} {action:word} {proto}
    {a_if:if}/{a_h:host}({icmp:number}) -> {b_if:if}/{b_h:host}({code:number}) hit-cnt {hit_count}
    {:rest}
106102,106103 permit         tcp-only access-list {acl} {action:word} {proto} for user
    {user:quote_word} {a:acl_endpoint} -> {b:acl_endpoint} hit-cnt {hit_count} {:rest}
710003        deny:policy    -        {proto} access denied by ACL from {a:socket} to {b:endpoint}
710004        deny:limit     -        {proto} connection limit exceeded from {a:socket} to
    {b:endpoint} {reason}
710005,710006 deny:state     -        {proto} request discarded from {a:bare} to {b:place}
305005        deny           -        No translation group found for {proto} src {a:place} dst
    {b:place}[~({:rest}]
305006        deny           -        {reason:phrase} for {proto} src {a:place} dst
    {b:place}[~({:rest}]
305011        xlate-built    tcp-only Built {:word} {proto} translation from {a:endpoint} to
    {b_if:if}[{:who}]:{b_h:host_after_if}/{b_p:port}
305012        xlate-teardown tcp-only Teardown {:word} {proto} translation from {a:endpoint} to
    {b_if:if}[{:who}]:{b_h:host_after_if}/{b_p:port} duration {duration_s}
305013        deny           -        Asymmetric NAT rules matched for forward and reverse flows~;
    Connection [for ]{proto} src {a:place} dst {b:place}[~({:parens})] denied due to {reason}
202010        deny:limit     -        {reason:phrase}\. Unable to create {proto} connection from
    {a:endpoint} to {b:endpoint}
305016,305023 deny:limit     -        Unable to create {proto} connection from {a:endpoint} to
    {b:endpoint} due to {reason}
201009        limit          tcp      {reason:phrase} for host {a_h:host} on {a_if:word} exceeded
201010,201011,201012,201013 deny:limit     tcp      {reason:phrase} for {:word} packet from
    {a_h:host}/~{a_p:port} to {b:socket} on interface {a_if:tail_if}
407001        deny:limit     ip       Deny traffic for local-host
    {a_if:if}:{a_h:host_after_if},~{reason}
407002        limit          tcp      {reason:phrase}\.~{a:socket} to
    {b_mapped_h:host}~({b_h:host})~/{b_p:port} on interface {a_if:tail_if}
201002,201003,201004,201008,202001 limit          -        {reason}
313001,313008 deny:policy    -        Denied {proto} {reason:phrase} from {a_h:host} on interface
    {a_if:tail_if}
313004        deny:state     -        Denied {proto} {reason:phrase} from [laddr ]{a_h:host} on
    interface {a_if:word} to {b_h:host}:[ {:rest}]
313005        icmp           -        No matching connection for ICMP error message: {:word} src
    {s_if:if}:{s_h:host_after_if}[{:who}] dst {:if}:{:host_after_if}[{:who}] ({icmp:parens}) on
    {:phrase} interface\. Original IP payload: {proto} src {a:socket} dst {b:socket}\.
313005        icmp           icmp     No matching connection for ICMP error message: {:word} src
    {a:place} dst {b:place} ({icmp:parens}) on {:phrase} interface\.[ {:rest}]
313009        deny           icmp     Denied invalid ICMP {reason:phrase}, for
    {a:endpoint}{a:mapped} to {b:endpoint}{b:mapped}[{:rest}]
419001        deny           -        Dropping {proto} packet from {a:endpoint} to
    {b:endpoint},~reason: {reason}
419002        context        tcp      Duplicate TCP SYN from {a:endpoint} to {b:endpoint} with
    {reason}
419003        context        tcp      {reason:phrase} from {a:endpoint} to {b:endpoint}[ {:rest}]
419004        context        tcp      TCP connection {conn_id} from {a:endpoint}[{a:mapped}] to
    {b:endpoint}[{b:mapped}] {reason}
419005,419006 context        tcp      [Teardown ]TCP connection {conn_id} from
    {a:endpoint}[{a:mapped}] to {b:endpoint}[{b:mapped}] duration {duration_s} data {bytes}[
    bytes],~{reason}
420001,420006,434001 deny           -        {reason:phrase},~dropping {proto} packet from
    {a:place} to {b:place}[ {:rest}]
420002,434002 deny           -        {reason:phrase} to drop {proto} packet from {a:place} to
    {b:place}[ {:rest}]
420003,434003 reset          -        {reason:phrase} to reset {proto} connection from {a:endpoint}
    to {b:endpoint}[ {:rest}]
434004        context        tcp-only {reason:phrase} packet redirection and process {proto} flow
    from {a:endpoint} to {b:endpoint} locally
421001        context        tcp-only {proto} flow from {a:endpoint} to {b:endpoint} is {reason}
500003        deny           tcp      {reason:phrase} from {a:socket} to
    {b:socket},~flags:[~{flags}],~on interface {a_if:tail_if}
500004        deny           -        {reason:phrase} for protocol=~{proto},~from {a:socket} to
    {b:socket}
507001        context        tcp      {action:phrase} from {a:endpoint} to {b:endpoint}[~-]
    {reason}
507002        context        tcp      {reason}
507003        context        tcp-only {proto} flow from {a:endpoint} to {b:endpoint} terminated by
    inspection engine,~reason~-~{reason}
609001        context        ip       Built local-host {a_if:if}:{a_h:host_after_if}
609002        context        ip       Teardown local-host {a_if:if}:{a_h:host_after_if} duration
    {duration_s}
415001-415013 context        tcp      {reason:phrase} from {a:endpoint} to {b:endpoint}
108003        context        tcp      {reason:phrase} from {a:endpoint} to {b:endpoint}\.[~{:rest}]
108004        context        tcp      {:colon}:~{action:colon} from
    {a_if:if}:{a_h:host_after_if}{:slash}{a_p:port} to
    {b_if:if}:{b_h:host_after_if}{:slash}{b_p:port};~{:rest}
110002,110003 deny           -        {reason:phrase} for {proto} from {a:place} to {b:place}
110002,110003 deny           -        {reason:phrase} for {proto} from {a:place} to {b:bare}
209003-209005 deny           -        {reason:phrase}~[:]~[,]~src = {a_h:host}~,~dest =
    {b_h:host}~,~proto = {proto}~,~id = {:rest}
209006        deny           -        {reason:phrase}, dropped {proto} fragment from {a:bare} to
    {b:bare} on {a_if:word} interface\.
338001-338008 threat         tcp-only Dynamic {:word} {action:word} {:phrase} {proto} traffic from
    {a:endpoint}{a:mapped} to {b:endpoint}{b:mapped},~{:rest}
338101-338104,338201-338204 threat         tcp-only Dynamic {:word} {action:word} {:phrase} {proto}
    traffic from {a:endpoint}{a:mapped} to {b:endpoint}{b:mapped},~{:rest}
401004        deny:policy    ip       Shunned packet: {a_h:host} {:arrow} {b_h:host} on interface
    {a_if:tail_if}
400000-400051 threat         -        {reason:phrase} from {a_h:host} to {b_h:host} on interface
    {a_if:tail_if}
401001,401002,401003,401005 threat         -        {reason}
733100,733101,733102,733103,733104,733105,322001,322002,322003 threat         -        {reason}
104001,104002,104003,104004 failover       -        {reason}
210001,210002,210003,210005,210006,210007,210008,210010,210011 failover       -        {reason}
210020,210021,210022 failover       -        {reason}
111008,111009 admin          -        User {user:quote_word} executed [the
    ][cmd:~][']{reason:phrase}['][ command][\.]
111010        admin          -        User {user:quote_word},~{:phrase} executed {reason}
""",
    {
        "302013": _built,
        "302001": _built,
        "302002": _torn, "302014": _torn, "302303": _bypass, "302304": _bypass,
        "106001": _syn, "106015": _syn, "500003": _syn,
        "106100": _hit, "106102": _hit, "106103": _hit,
        "305011": _mapped, "305012": _mapped, "313005": _icmp_error,
        **dict.fromkeys(("106014", "106023", "313001", "313004", "313008"), _icmp_kind),
        **dict.fromkeys(("421001", "507003", "108003", "108004"), _by_words),
        **dict.fromkeys((f"415{n:03}" for n in range(1, 14)), _by_words),
        **dict.fromkeys((f"33800{n}" for n in range(1, 9)), _by_words),
        **dict.fromkeys((f"338{n}0{m}" for n in (1, 2) for m in range(1, 5)), _by_words),
    },
)  # fmt: skip

# --- lines copied from ASDM: "6|Jan 24 2022|12:59:03|302014|10.1.1.1|80|10.2.2.2|500|Teardown …" -

_ASDM_HEAD = (
    r"(?:\d{1,9}\|)?([0-7])\|([A-Z][a-z]{2} \d\d? \d{4})[| ](\d\d:\d\d:\d\d)\|(\d{6})"
    r"(?::|(?:\|[^|]{0,255}){4}\|)\s*"
)
_ASDM = regex(_ASDM_HEAD)
_ASDM_LINE = regex(rb"^" + _ASDM_HEAD.encode(), re.MULTILINE)


def _as_syslog(line: str) -> str:
    m = _ASDM.match(line) if line[0].isdigit() else None
    return f"{m[2]} {m[3]}: %ASA-{m[1]}-{m[4]}: {line[m.end() :]}" if m else line


# What the kernel reads where it is printed plainly.  A translation's second endpoint is what the
# first is mapped to (`_mapped`).
_MAPPED_TO_B = {"a_mapped_h": "b_h", "a_mapped_p": "b_p"}
_PLAIN = (
    "302013", "302014", "302303", "302304", "106001", "106006", "106007", "106010", "106014",
    "106015", "106017", "106021", "106023", "106100", "419002", "609001", "609002",
    "710003", "710005",
)  # fmt: skip
FAST = Fast(
    marks=(b"%ASA-", b"%FTD-", b"%FWSM-", b"%PIX-"),
    strange=b'"|',
    messages={number: {} for number in _PLAIN} | {"305011": _MAPPED_TO_B, "305012": _MAPPED_TO_B},
)

GRAMMAR = _events.Grammar(
    TAG,
    MESSAGES,
    PORTS,
    {
        "430001": _ftd.intrusion_event,
        "430002": lambda body, values: _ftd.connection_event(body, values, end=False),
        "430003": lambda body, values: _ftd.connection_event(body, values, end=True),
    },
    rewrite=_as_syslog,
    fast=FAST,
)

# --- the dialect ---------------------------------------------------------------------------------

_TAGGED_LINE = regex(rb"^[^\n]{0,4096}?" + _TAG.encode(), re.MULTILINE)


def sniff(head: bytes) -> float:
    """0.5 … 0.95 by the share of lines that carry a Cisco message tag; 0 without any."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode()
    tags = len(_TAGGED_LINE.findall(head)) + len(_ASDM_LINE.findall(head))
    if not tags:
        return 0.0
    if head.count(0) * 20 > len(head):
        return 0.1  # a capture of syslog traffic, not a log
    written = sum(1 for line in head.split(b"\n") if line.strip())
    return 0.5 + 0.45 * min(1.0, tags / written)


def read(stream: Readable, source: Source, reading: Reading) -> Iterator[Events]:
    """Events of one log; see `finis.wire.dialects._api`."""
    source.kind, source.format = "log", NAME
    return _rows.read(GRAMMAR, stream, source, reading)
