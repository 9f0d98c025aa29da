"""What the names of an ASA's drop reasons mean (`capture … type asp-drop`, `show asp drop`).

Names as `capture … type asp-drop ?` lists them; the help text of one name varies by release, so the
meanings here are the behaviour a name stands for, read with RFC 9293 and RFC 5961.  Groups decide
which cause takes the packet:

``state``   no connection in the table: judged like message 106015
``check``   a connection exists, but the segment does not fit what the firewall expects of it
``policy``  a rule refused it        ``spoof``  its source cannot be there
``limit``   a resource or limit      ``shun``   the source is shunned
``ips``     an inspection engine asked for it       ``route``  nowhere to send it
``malformed`` a header that breaks the rules of its protocol
"""

from __future__ import annotations

from finis.records import dataclass
from finis.terms import Harm


@dataclass(frozen=True, slots=True)
class Drop:
    group: str
    harm: Harm
    meaning: str


def _table(text: str) -> dict[str, Drop]:
    harms = {"-": Harm.HARMLESS, "?": Harm.DEPENDS, "!": Harm.HARMFUL}
    out: dict[str, Drop] = {}
    for line in text.strip().splitlines():
        name, group, harm, meaning = line.split(None, 3)
        out[name] = Drop(group, harms[harm], meaning)
    return out


# Names are written with hyphens and in lower case; releases differ in `_` and `-`.
DROPS = _table("""
tcp-not-syn             state  ? first segment of a connection, and not a SYN: no state for it
flow-being-freed        state  - its connection was being removed at that moment
flow-expired            state  ? its connection had just expired
no-flow                 state  ? no connection for it
np-socket-closed        state  - addressed to a session of the firewall itself that had closed
tcp-rstfin-ooo          check  ? a RST or FIN whose SEQ is not the next one expected
tcp-rst-syn-in-win      check  ? a RST or SYN in the window, not at its edge (RFC 5961 §3, §4)
tcp-seq-past-win        check  ! data beyond the window the receiver offered
tcp-seq-syn-diff        check  ? a SYN or SYN ACK with another ISN than the one being followed
tcp-syn-ooo             check  ? a SYN on a connection that is already established
tcp-synack-ooo          check  ? a SYN ACK on a connection that is already established
tcp-3whs-failed         check  ! a segment that does not fit the handshake
tcp-discarded-ooo       check  ! an ACK that does not fit the handshake
tcp-ack-syn-diff        check  ! a SYN ACK that acknowledges another ISN than the client's
tcp-invalid-ack         check  ! an ACK for something never sent
tcp-acked               check  - a retransmission of what the receiver has acknowledged
tcp-dup-in-queue        check  - a second copy of a segment that already waits in the queue
tcp-buffer-full         check  ! the queue for segments out of order was full
tcp-buffer-timeout      check  ! a segment waited too long for the one before it
tcp-global-buffer-full  check  ! the memory for segments out of order was used up
tcp-data-past-fin       check  ? data beyond the sender's own FIN
tcp-dual-open           check  ? both sides sent a SYN (simultaneous open)
tcp-paws-fail           check  ? timestamp older than the newest seen (PAWS, RFC 7323 §5)
tcp-mss-exceeded        check  ! more payload than the MSS the receiver announced
tcp-syn-data            check  ? a SYN with payload
tcp-synack-data         check  ? a SYN ACK with payload
tcp-bad-option-list     check  ? TCP options that the firewall does not accept
tcp-reserved-set        check  ? reserved header bits set
tcp-fo-drop             check  ? a segment of a connection replicated from the failover peer
tcpnorm-rexmit-bad      check  ! a retransmission whose payload differs from the first copy
tcpnorm-win-variation   check  ? the window changed in a way it should not
tcp-xmit-partial        check  ? a retransmission that covers only part of the first copy
connection-lock         check  ? the connection was busy on another processor
fo-standby              check  - it came to the standby unit of a pair
bad-tcp-cksum           malformed ? wrong TCP checksum
bad-tcp-flags           malformed ? a combination of flags that no stack sends
invalid-tcp-hdr-length  malformed ? a TCP header of impossible length
invalid-ip-header       malformed ? an IP header that cannot be read
invalid-ip-length       malformed ? an IP packet of impossible length
invalid-ip-option       malformed ? an IP option that is not allowed
fragment-reassembly-failed malformed ! its fragments did not come together
tcp-conn-limit          limit  ! the limit of connections was reached
conn-limit              limit  ! the limit of connections was reached
connection-limit        limit  ! the limit of connections was reached
rm-conn-limit           limit  ! the context's limit of connections was reached
rm-conn-rate-limit      limit  ! the context's limit of new connections per second was reached
unable-to-create-flow   limit  ! no resources for another connection
unable-to-add-flow      limit  ! no room in the table of connections
punt-rate-limit         limit  ! more packets than the control path takes
punt-queue-limit        limit  ! the queue to the control path was full
rate-exceeded           limit  ! a configured rate was exceeded
host-limit              limit  ! the limit of hosts was reached
nat-xlate-failed        limit  ! no translation could be created
acl-drop                policy ? a configured rule refused it
l2-acl                  policy ? a layer-2 rule refused it
sp-security-failed      policy ? the checks on a new connection refused it
ipv6-sp-security-failed policy ? the checks on a new connection refused it
security-failed         policy ? the early checks on addresses refused it
ip-spoofing             spoof  ? an address that cannot be the source here
land-attack             spoof  ? source and destination are the same
rpf-violated            spoof  ? the route back to its source leads elsewhere
interface-down          route  ! the interface it should leave by is down
no-route                route  ! no route to its destination
no-adjacency            route  ! no next hop for it
shunned                 shun   ? the source is shunned by command or by threat detection
ips-request             ips    ? the inspection module asked to drop it
ssm-app-request         ips    ? the service module asked to drop it
ips-fail-close          ips    ! the inspection module was down and the policy is to refuse
ssm-app-fail            ips    ! the service module was down
""")


def names(group: str) -> list[str]:
    return [name for name, drop in DROPS.items() if drop.group == group]


def find(msg_id: str | None) -> Drop | None:
    """The entry of a drop reason as the capture prints it, or None."""
    return DROPS.get((msg_id or "").replace("_", "-").lower())
