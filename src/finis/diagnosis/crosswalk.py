"""Every known way a connection ends, or a firewall complains of it, and which entries of the
catalogue tell it.  One line per way: ``name | ids | remark``.  A way has several entries where
evidence can tell more, ways share an entry where evidence cannot tell them apart; the remark says
which.  docs/causes/crosswalk.md is made of it, and a test holds that nothing is left out."""

from __future__ import annotations

from typing import NamedTuple


class Way(NamedTuple):
    """One way to end."""

    group: str
    name: str
    ids: tuple[str, ...]
    remark: str


WAYS_TEXT = """
# Peaceful
orderly close, client first | END201 END207 | the log alone: END207
orderly close, server first | END202 END207 PAT101 | PAT101 finds the server's idle timer
three-segment close | END201 END202 | a remark in the evidence: FIN and ACK came together
simultaneous close | END203 |
half-close put to use | END204 |
TLS close_notify before the FIN | END208 |
last ACK lost, FIN repeated | END205 DNY202 |
# Closed with a reset
FIN, then RST: data unread | END301 END302 END303 END304 | by who closed first and what is seen
RST without FIN: data unread | END305 END306 | or a chosen abort, once the peer has sent data
RST without FIN: SO_LINGER of zero | END307 END305 END306 | told where nothing could be unread
data after the close | END310 |
FIN to a host that had freed the connection | END311 END302 DNY205 PAT401 | the reference case
FIN and RST with the same number (macOS) | END304 END302 END303 | a remark in the evidence
process killed | END305 END306 PAT205 | one looks like a close or an abort
host vanished | END407 END408 END410 PAT206 |
# Late after the teardown
late ACK | DNY201 |
late FIN | DNY202 |
late data | DNY203 DNY206 |
late RST | DNY204 DNY205 DNY207 |
# The firewall's timers and limits
half-closed timer | END403 END405 DNY303 |
FIN timer | END404 | the log gives both one reason; packets tell END403 apart
last ACK not seen by the firewall | END412 | netfilter names its state
timer of unacknowledged segments | END413 |
idle timer | END401 PAT102 |
idle timer, then the application speaks | END401 DNY301 DNY302 |
idle timer, both sides told | END402 |
idle timer of a flow that bypasses the state check | END519 |
dead connection detection | END401 END402 | its messages 419004 to 419006 are context only
SYN timer | END102 END103 DNY304 DNY306 |
embryonic limit, TCP Intercept | END504 DNY114 PAT302 |
connection limit | END509 DNY104 |
translated ports exhausted | DNY113 DNY117 | DNY117: those of one host
too many fragments | DNY119 |
port refused | END101 |
rejected by ICMP | END109 DNY108 DNY116 | DNY116: an answer, no error
refused by an access list, with or without a reset | DNY101 DNY102 DNY103 END603 |
broadcast or multicast noise | DNY120 |
denied by a URL filter or the user's authorisation | END506 DNY312 |
scan | PAT301 DNY601 DNY602 END104 |
accept queue full | END110 |
SYN ACK after the client had given up | END113 DNY208 | DNY208: refused by a firewall between
# Routing, translation, state
translation rules that do not match | DNY106 DNY107 |
asymmetric path: SYN ACK alone | DNY401 END105 DNY305 |
asymmetric path: one direction | END601 DNY402 |
spoofed source, failed reverse path | DNY105 |
late or second DNS answer | DNY118 |
tuple used again within TIME-WAIT | END108 DNY404 |
second SYN with another number | END111 | the drop reason tcp-seq-syn-diff is DNY503
challenge ACK, its RST blocked | END107 DNY502 |
half-open after a restart | END312 |
keep-alive race | END313 |
idle timer of a load balancer | END314 PAT101 |
failover without state | DNY315 PAT204 END507 |
cleared by an administrator | END508 DNY313 |
route changed | END602 DNY314 DNY111 |
tunnel, next hop or zone lost | END516 END517 END518 DNY317 DNY111 |
untranslated answers (conntrack invalid) | PAT402 |
# The firewall decided
reset by the firewall | END501 DNY311 |
inspection | END502 DNY312 |
intrusion prevention | END503 DNY110 DNY312 |
inspection module down | END515 DNY110 DNY312 |
control connection ended | END511 DNY318 DNY316 |
secondary connection never came | END520 |
normaliser stalls the connection | END505 END606 DNY503 | by log, by packets, by drop reason
MSS exceeded | DNY504 |
probes, offload, packet-tracer | END512 |
# The path dies
path MTU black hole | END409 DNY115 |
retransmissions exhausted | END407 |
SYN retransmissions exhausted | END102 |
FIN retransmissions exhausted | END410 |
window closed for good | END406 |
keep-alives unanswered | END408 |
user timeout | END411 END407 | END411 once the peer has spoken again
# TLS
fatal alert | END320 |
ClientHello refused without a word | END323 | or with a close_notify in clear and no ServerHello
handshake broken off, encrypted alert | END324 | END320 where the alert can be read
record cut off by a FIN | END325 END209 | END209 where the record's header was not kept
no TLS on a TLS port | END321 END322 |
no close_notify | END209 |
# Hostile and odd
forged RST | END316 DNY604 END315 DNY210 | with the four signs of NDSS 2009; DNY210 by the log alone
tampering signatures | END318 END316 |
backscatter | PAT303 DNY603 END106 |
RST flood | END319 PAT304 END315 |
TIME-WAIT assassinated | END210 END206 |
simultaneous open | END112 |
no ending seen | END901 END902 END903 END904 |
"""


def _read(text: str) -> tuple[Way, ...]:
    ways, group = [], ""
    for line in text.strip().splitlines():
        if line.startswith("# "):
            group = line[2:]
            continue
        name, ids, remark = (part.strip() for part in line.split("|"))
        ways.append(Way(group, name, tuple(ids.split()), remark))
    return tuple(ways)


WAYS = _read(WAYS_TEXT)
