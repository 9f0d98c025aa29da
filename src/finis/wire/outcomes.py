"""What becomes of a captured frame: a segment, another protocol (counted by name in
`Source.other`), or a problem (counted with frame numbers in `Source.problems`)."""

from __future__ import annotations

from enum import IntEnum


class Outcome(IntEnum):
    """One per frame; the numbers index the kernel's counters, the kernel names them alike."""

    TCP = 0
    FRAGMENT = 1  # an IP fragment without the TCP header
    UDP = 2
    ICMP = 3
    ICMP6 = 4
    IP_OTHER = 5
    ARP = 6
    NOT_IP = 7
    PPP_CONTROL = 8
    UNKNOWN_LINK = 9
    SHORT_LINK = 10
    BAD_LINK = 11
    SHORT_IP = 12
    BAD_IP = 13
    SHORT_TCP = 14
    BAD_TCP = 15
    NESTED = 16
    NO_INTERFACE = 17
    BAD_RECORD = 18
    BAD_STAMP = 19  # besides the frame's own outcome
    NO_STAMP = 20  # besides the frame's own outcome


OTHER: dict[Outcome, str] = {
    Outcome.FRAGMENT: "ip-fragment",
    Outcome.UDP: "udp",
    Outcome.ICMP: "icmp",
    Outcome.ICMP6: "icmp6",
    Outcome.IP_OTHER: "ip-other",
    Outcome.ARP: "arp",
    Outcome.NOT_IP: "not-ip",
    Outcome.PPP_CONTROL: "ppp-control",
}

PROBLEM: dict[Outcome, str] = {
    Outcome.UNKNOWN_LINK: "link type not supported",
    Outcome.SHORT_LINK: "frame cut inside the link header",
    Outcome.BAD_LINK: "malformed link header",
    Outcome.SHORT_IP: "frame cut inside the IP header",
    Outcome.BAD_IP: "malformed IP header",
    Outcome.SHORT_TCP: "frame cut inside the first 14 bytes of the TCP header",
    Outcome.BAD_TCP: "malformed TCP header",
    Outcome.NESTED: "too many headers inside one another",
    Outcome.NO_INTERFACE: "packet of an interface that the file does not describe",
    Outcome.BAD_RECORD: "packet longer than the block that holds it",
    Outcome.BAD_STAMP: "time stamp out of range, the one before it is used",
    Outcome.NO_STAMP: "packet without a time stamp, the one before it is used",
}
