"""Security events of an FTD: "Key: value, …" in one line.

``430002`` a connection begins, ``430003`` it ends, ``430001`` an intrusion rule matched.  Fields
and their meaning: Cisco Secure Firewall Threat Defense syslog guide, security event messages.

Some values come from the network (user agent, URL), so a key that is given twice with two values is
not believed.  ConnectionID is Snort's, not the number of 302013: left out.
"""

from __future__ import annotations

from finis.lazily import regex
from finis.terms import ICMP_PROTOCOLS, EventKind, Teardown, word
from finis.wire.dialects import _events
from finis.wire.dialects._events import AT, Row, Values, put

_FIELD = regex(
    r"(?:^|,\s)\s*(AccessControlRuleAction|AccessControlRuleReason|AccessControlRuleName|SrcIP"
    r"|DstIP|SrcPort|DstPort|ICMPType|ICMPCode|Protocol|IngressInterface|EgressInterface|User"
    r"|ConnectionDuration|InitiatorPackets|ResponderPackets|InitiatorBytes|ResponderBytes|Message"
    r"|InlineResult):\s([^,]*)"
)
# ICMP types are printed as words where the FTD has one for them.
_ICMP_TYPES = {
    ("icmp", "echo request"): "8",
    ("icmp", "echo reply"): "0",
    ("icmp6", "echo request"): "128",
    ("icmp6", "echo reply"): "129",
}


def connection_event(body: str, values: Values, end: bool) -> Row | None:
    """430002 or 430003 (`end`); None for what neither is about TCP nor blocks anything."""
    found, clash = _fields(body)
    if "Protocol" not in found:
        row = _events.blank(EventKind.TEARDOWN if end else EventKind.BUILT, "tcp")
        put(row, text_ok="none")
        return row
    action, why = found.get("AccessControlRuleAction"), found.get("AccessControlRuleReason")
    blocked = action is not None and action.lower().startswith("block")
    proto = _protocol(found)
    if proto != "tcp" and not blocked:
        return None
    both = f"{action}, {why}" if action and why else action or why
    row = _events.blank(EventKind.BUILT, proto)
    put(row, initiator="a", reason=both, user=found.get("User"),
        acl=found.get("AccessControlRuleName"), text_ok="partial" if clash else "full")  # fmt: skip
    if blocked and proto == "tcp" and _passed(found):  # what the rule looks for came in its packets
        reset = action is not None and "reset" in action.lower()
        how = Teardown.RESET_DEVICE if reset else Teardown.POLICY
        put(row, kind=word(EventKind.TEARDOWN), teardown=word(how), teardown_side="device")
    elif blocked:
        put(row, kind=word(EventKind.DENY), denial_kind="policy")
    elif end:  # the action is what the rule says of the connection, not why it ended
        put(row, kind=word(EventKind.TEARDOWN), reason=why, teardown=word(Teardown.UNKNOWN),
            teardown_side="unknown")  # fmt: skip
    if end:
        _sizes(row, found)
    _ends(row, found, values)
    return row


def intrusion_event(body: str, values: Values) -> Row | None:
    """430001: a denial where it says that the packet was dropped, else None: nothing was done, or
    it is not told."""
    found, clash = _fields(body)
    if found.get("InlineResult", "").lower() != "dropped" or "Protocol" not in found:
        return None
    row = _events.blank(EventKind.DENY, _protocol(found))
    put(row, initiator="unknown", denial_kind="other", text_ok="partial" if clash else "full",
        reason=found.get("Message", "").strip(' "') or None)  # fmt: skip
    _ends(row, found, values)
    return row


def _fields(body: str) -> tuple[dict[str, str], bool]:
    """Key → value, and whether any key was given twice with two values."""
    found: dict[str, str] = {}
    clash = set()
    for m in _FIELD.finditer(body):
        if found.setdefault(m[1], m[2].strip()) != m[2].strip():
            clash.add(m[1])
    for key in clash:
        del found[key]
    return found, bool(clash)


def _protocol(found: dict[str, str]) -> str:
    proto = found["Protocol"].lower()
    return _events.PROTOCOLS.get(proto, proto)


def _passed(found: dict[str, str]) -> bool:
    """Packets of both sides had passed: a connection, not a packet, was blocked."""
    return all(
        (packets := found.get(name, "")).isdecimal() and int(packets[:18]) > 0
        for name in ("InitiatorPackets", "ResponderPackets")
    )


def _ends(row: Row, found: dict[str, str], values: Values) -> None:
    """Addresses, interfaces and ports; of ICMP its type and code."""
    put(row, a_if=found.get("IngressInterface"), b_if=found.get("EgressInterface"))
    proto = row[AT["proto"]]
    icmp = proto in ICMP_PROTOCOLS
    for side, address, port in (("a", "SrcIP", "SrcPort"), ("b", "DstIP", "DstPort")):
        row[AT[side + "_h"]], good = values.host(found.get(address, "to"))
        number = None if icmp else values.port(found.get(port, ""))
        row[AT[side + "_p"]] = number
        if not good or (number is None and proto in ("tcp", "udp")):
            put(row, text_ok="partial")
    if icmp:
        kind, code = found.get("ICMPType", ""), found.get("ICMPCode", "")
        kind = _ICMP_TYPES.get((str(proto), kind.lower()), kind)
        if kind.isdecimal() and len(kind) < 4:
            told = code if code.isdecimal() and len(code) < 4 else None
            put(row, flags=_events.icmp_kind(kind, told))


def _sizes(row: Row, found: dict[str, str]) -> None:
    duration = found.get("ConnectionDuration", "")
    if duration.isdecimal():
        put(row, duration_s=float(duration[:9]))
    sizes = [found.get(name, "") for name in ("InitiatorBytes", "ResponderBytes")]
    if all(size.isdecimal() and len(size) < 18 for size in sizes):
        put(row, bytes=sum(map(int, sizes)))
