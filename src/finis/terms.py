"""The vocabulary every other module shares: codes, and the words they print as.

Codes are small integers so that kernels and columns can carry them; `word()` gives the text that
people read and that exported tables hold.  The numbers are internal and may change between
releases; the words are a contract.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from finis.records import dataclass


def word(member: IntEnum | IntFlag) -> str:
    """The printed form of a code: lower case, hyphenated (``RstClass.NO_STATE`` → ``no-state``)."""
    return str(member.name).lower().replace("_", "-")


class Flag(IntFlag):
    """TCP control bits as they stand in the header (RFC 9293 §3.1, AE: RFC 9768)."""

    FIN = 0x001
    SYN = 0x002
    RST = 0x004
    PSH = 0x008
    ACK = 0x010
    URG = 0x020
    ECE = 0x040
    CWR = 0x080
    AE = 0x100


class Side(IntEnum):
    """Index of a half-connection: the sender of the first SYN, and the other."""

    ORIG = 0
    RESP = 1


class Orientation(IntEnum):
    """How it is known which side is orig."""

    GUESSED = 0
    LOG = 1
    SYN = 2


class Quirk(IntFlag):
    """What a segment row lacks or what was odd about the frame that carried it."""

    NO_SEQ = 1 << 0  # the text form printed no SEQ (a pure ACK of `show capture`)
    NO_WIN = 1 << 1
    NO_TTL = 1 << 2
    NO_IP_ID = 1 << 3
    NO_PAYLOAD = 1 << 4  # payload bytes were not captured (snaplen, text form)
    HAS_TS = 1 << 5  # timestamps option present (RFC 7323 §3)
    HAS_WSCALE = 1 << 6
    HAS_MSS = 1 << 7
    SACK_PERMITTED = 1 << 8
    HAS_SACK = 1 << 9
    DF = 1 << 10
    IP_LEN_ZERO = 1 << 11  # segmentation offload: IP total length 0, length taken from the frame
    OVERSIZE = 1 << 12  # payload larger than a 1500-byte MTU allows: offload, several wire segments
    BAD_CHECKSUM = 1 << 13  # wrong though filled in; unfilled (offload) is not flagged
    REASSEMBLED = 1 << 14  # payload length summed over IP fragments
    FRAGMENT_MISSING = 1 << 15  # first fragment only: payload length is a lower bound
    UNDATED = 1 << 16  # ts_ns counts from midnight of an unknown day
    DROPPED = 1 << 17  # an asp-drop capture: the firewall says it discarded this packet
    COPY = 1 << 18  # same frame seen twice at the point (mirror port): not a retransmission
    BAD_OPTIONS = 1 << 19
    RELATIVE_SEQ = 1 << 20  # tcpdump text without -S: numbers relative to the first seen
    TUNNELLED = 1 << 21
    TRUNCATED_HEADER = 1 << 22  # options cut by snaplen: absence of an option proves nothing
    HAS_MD5 = 1 << 23
    # No segment but an ICMP error that quotes one: tuple, SEQ, IP length and ID are the quoted
    # segment's; `win` is type << 8 | code, `mss` the next hop's MTU, `head` and `payload_hash` the
    # upper and lower half of the reporter's address.
    ICMP_ERROR = 1 << 24


class Alert(IntEnum):
    """What the end of a segment's payload says about a TLS alert record (causes: TLS)."""

    NONE = 0
    LIKELY = 1  # size alone fits (TLS 1.3 length field 19, or a known alert size with bytes unseen)
    RECORD = 2  # record type 21 visible, contents encrypted
    CLOSE_NOTIFY = 3  # plaintext, or level and description readable: warning, close_notify
    WARNING = 4  # readable, warning level, not close_notify
    FATAL = 5  # readable, fatal


class Kind(IntEnum):
    """What a segment is in its connection's history."""

    UNKNOWN = 0
    SYN = 1
    SYN_ACK = 2
    ACK = 3
    DATA = 4
    FIN = 5  # with or without data
    RST = 6
    KEEP_ALIVE = 7  # SEQ = SND.NXT-1, 0 or 1 byte (RFC 9293 §3.8.4)
    KEEP_ALIVE_ACK = 8
    WINDOW_PROBE = 9  # one byte beyond a closed window (RFC 9293 §3.8.6.1)
    CHALLENGE_ACK = 10  # RFC 5961
    WINDOW_UPDATE = 11
    DUP_ACK = 12
    OUT_OF_WINDOW = 13
    STRAY = 14  # belongs to no state this point could have known


class Role(IntFlag):
    """Why a segment is kept in the tail."""

    SYN = 1 << 0
    SYN_ACK = 1 << 1
    FIN = 1 << 2  # first FIN of its side
    LAST_DATA = 1 << 3
    LAST_ACK = 1 << 4
    RST = 1 << 5  # first RST of its side
    ANSWERED = 1 << 6  # the segment that the first RST of the other side answers
    ACKS_FIN = 1 << 7  # the first segment that acknowledges the other side's FIN
    RECENT = 1 << 8
    ALERT = 1 << 9
    RETRANSMISSION = 1 << 10  # a property, not a reason: payload or control bit seen before
    HANDSHAKE_ACK = 1 << 11


class RstClass(IntEnum):
    """What kind of RST it is, read from its form and from what preceded it."""

    NONE = 0
    ABORT = 1  # ACK bit, SEQ = SND.NXT: a process with state gave up (RFC 9293 §3.10.5)
    NO_STATE = 2  # no ACK bit, SEQ = ACK of the segment answered (RFC 9293 §3.10.7.1)
    REFUSAL = 3  # answers a SYN: SEQ 0, ACK = SYN.SEQ + SEG.LEN (RFC 9293 §3.10.7.1)
    DATA_AFTER_CLOSE = 4  # NO_STATE form, answering data that came after the sender's own FIN
    NO_STATE_ACK = 5  # lwIP and others: SEQ = ACK of the trigger though the ACK bit is set
    BAD_ACK = 6  # answers a SYN ACK or a bad ACK in the handshake
    REPEAT = 7  # the same sender had already reset
    SUSPECT = 8  # fits nothing its sender could know: stale, ahead, or alien TTL / IP ID
    UNKNOWN = 9


class Answers(IntEnum):
    """Which segment a RST answers (the first RST of a side)."""

    NONE = 0  # spontaneous: nothing it could answer
    SYN = 1
    SYN_ACK = 2
    ACK = 3
    DATA = 4
    FIN = 5
    KEEP_ALIVE = 6
    CHALLENGE_ACK = 7
    UNSEEN = 8  # form of an answer, but the segment answered is not in the capture


class Accept(IntEnum):
    """Must the receiver of a RST have accepted it (RFC 5961 §3.2)?"""

    NONE = 0  # no RST
    EXACT = 1  # SEQ = RCV.NXT: must reset
    IN_WINDOW = 2  # challenge ACK by RFC 5961; older stacks reset
    OUTSIDE = 3  # must be ignored
    UNKNOWN = 4  # RCV.NXT not observable here


class Ended(IntEnum):
    """How a connection stood when last seen."""

    OPEN = 0
    CLOSED = 1  # both FINs acknowledged; a later RST changes nothing
    CLOSING = 2  # both FINs, at least one unacknowledged
    HALF_CLOSED = 3  # one FIN
    RESET = 4  # a RST its receiver had to accept
    REFUSED = 5  # RST instead of SYN ACK
    UNANSWERED = 6  # SYN or SYN ACK without answer


class Notify(IntEnum):
    """Did this side send close_notify?"""

    UNSEEN = 0  # not TLS, or its last data was not observed
    NO = 1
    LIKELY = 2
    YES = 3


class EventKind(IntEnum):
    """What a log line says, whatever the firewall."""

    OTHER = 0  # recognised, but does not bear on a TCP connection's life
    BUILT = 1
    TEARDOWN = 2
    DENY = 3
    PERMIT = 4  # an ACL hit that permitted; the packet may still be denied by state
    XLATE_BUILT = 5
    XLATE_TEARDOWN = 6
    RESET = 7  # the firewall says it sent or caused a reset
    LIMIT = 8  # a table, rate or resource limit
    FAILOVER = 9
    ADMIN = 10  # clear conn, clear xlate, configuration
    THREAT = 11  # IPS, scan and flood detection
    CONTEXT = 12  # local-host, counters, probes: evidence, never a verdict
    ICMP = 13
    STATE = 14  # the state that the firewall follows changed; the connection lives on
    ENDED = 15  # it is over, though the firewall keeps its entry for a while: a Teardown follows


ICMP_PROTOCOLS = ("icmp", "icmp6")  # as `proto` of events and denials names them


@dataclass(frozen=True, slots=True)
class Firewall:
    """What is known of a make of firewall, as far as it changes what its log proves."""

    product: str | None = None  # as remedies name it
    idle_s: float = 3600.0  # its idle timer, unless changed
    # The longest of its other timers that may remove an open connection, whatever the idle timer.
    unacked_s: float = 0.0
    numbered: bool = True  # connection numbers count up: a skipped one is a missing line
    states: bool = False  # it logs states, and keeps the entry after the end
    # The lines that tell of a connection's beginning and end, as an explanation names them.
    messages: tuple[str, str] = ("Built (302013)", "Teardown (302014)")
    # What must be logged so that a connection cannot go unseen.
    logs: str = "check `logging trap informational`, `show logging message`"
    limits: str = "`logging rate-limit`"  # why lines may be missing
    rule: str = "access list"  # what refuses a packet


class Teardown(IntEnum):
    """Why a firewall removed a connection, in one vocabulary for all vendors."""

    UNKNOWN = 0
    FINS = 1
    RESET_ORIG = 2  # sides are resolved from the vendor's words (ASA: I/O by security level)
    RESET_RESP = 3
    RESET_DEVICE = 4
    RESET_SIDE_UNKNOWN = 5
    SYN_TIMEOUT = 6
    FIN_TIMEOUT = 7  # half-closed, or last ACK missing
    IDLE_TIMEOUT = 8
    IDLE_TIMEOUT_RESET = 9
    INSPECTION = 10
    IPS = 11
    IPS_RESET = 12
    TCP_INTERCEPT = 13
    POLICY = 14  # Unauth Deny: a URL filter or an authorisation
    FAILOVER = 15
    ADMIN = 16  # Xlate Clear, clear conn
    ROUTE = 17
    NORMALIZER = 18  # bad retransmission, overlap, window variation
    SYN_CONTROL = 19  # back channel from the wrong side
    INVALID_SYN = 20
    PROBE = 21
    CLUSTER = 22
    PARENT = 23  # the flow it belongs to closed
    LOOPBACK = 24
    INJECTED = 25  # packet-tracer
    LIMIT = 26
    STILL_OPEN = 27
    REFUSED = 28  # a RST was the only answer to the SYN
    IPS_DOWN = 29  # the inspection module does not work, and nothing may pass without it
    TUNNEL = 30
    NO_NEXT_HOP = 31  # its link-layer address cannot be had
    ZONE = 32  # the zone of an interface has no interface left
    PINHOLE = 33  # a secondary flow was expected and not used
    BYPASS_IDLE = 34  # idle, of a flow whose TCP state the firewall does not follow
    SYN_ACK_TIMEOUT = 35  # the SYN ACK had passed, the ACK of the handshake did not
    LAST_ACK_TIMEOUT = 36  # the last ACK of a close did not pass
    UNACKED_TIMEOUT = 37  # open, by a timer shorter than its idle timer: something went unanswered
    HANDSHAKE_RESET = 38  # a RST after the SYN ACK, before the ACK of the handshake


class Confidence(IntEnum):
    POSSIBLE = 1
    LIKELY = 2
    CERTAIN = 3


class Harm(IntEnum):
    HARMLESS = 0
    DEPENDS = 1
    HARMFUL = 2
