"""One direction of a connection: everything that is kept of the side that sends on it.

Fields that carry the name of a pair column of tables.OBSERVATION are copied there as they are.
"""

from __future__ import annotations

from finis.records import dataclass, field
from finis.tracking.resets import FAR
from finis.tracking.segment import MASK
from finis.tracking.states import State
from finis.wire.seqnum import diff

MAX_HOLES = 4  # ranges not seen yet, lowest first; with more, the lowest is given up
NO_SCALE = 255
UNKNOWN = -1


@dataclass(slots=True)
class Half:
    """State and counts of one side (RFC 9293 §3.3.1 names; all as observed at the point)."""

    # --- columns of tables.OBSERVATION -------------------------------------------------------
    bytes: int = 0
    ip_bytes: int = 0
    after_fin: int = 0
    after_own_fin: int = 0
    first_seg_ns: int = 0
    last_seg_ns: int = 0
    first_data_ns: int = 0
    last_data_ns: int = 0
    fin_ns: int = 0
    fin_acked_ns: int = 0
    rst_ns: int = 0
    rst_lag_ns: int = -1
    head: int = 0
    pkts: int = 0
    rexmit_pkts: int = 0
    rexmit_bytes: int = 0
    keep_alives: int = 0
    probes: int = 0
    challenge: int = 0
    out_of_window: int = 0
    zero_windows: int = 0
    dup_acks: int = 0
    isn: int = 0
    una: int = 0
    nxt: int = 0
    fin_seq: int = 0
    fin_ack: int = 0
    rst_seq: int = 0
    rst_ack: int = 0
    syns: int = 0
    fins: int = 0
    rsts: int = 0
    mss: int = 0
    isn_known: int = 0
    nxt_known: int = 0
    wscale: int = NO_SCALE
    rst_class: int = 0
    rst_answers: int = 0
    rst_accept: int = 0
    notify: int = 0
    alert: int = 0
    alert_desc: int = 0
    head_len: int = 0
    ttl_min: int = 0
    ttl_max: int = 0
    rst_ttl: int = 0
    last_win0: int = 0

    # --- kept to judge by ---------------------------------------------------------------------
    state: int = State.SILENT
    low: int = 0  # no number of this side lies before: its ISN or the first seen, see `_advance`
    una_known: int = 0
    holes: list[tuple[int, int]] = field(default_factory=list)  # [first, end) below nxt, unseen
    edge: int = 0  # right edge of the window it announced: ACK + WND << scale
    edge_known: int = 0
    scaling: int = 0  # its SYN showed its options: `wscale` says whether it offered scaling
    win: int = 0  # window field of its last segment
    win_known: int = 0
    last_ack: int = 0  # ACK of its last acceptable segment
    ack_known: int = 0
    provoked: int = 0  # the peer's last segment asks for a challenge ACK from this side
    probed: int = 0  # its own last segment was a keep-alive or a window probe
    sent_syn_ack: int = 0
    sent_ack: int = 0  # sent an acceptable segment with ACK besides SYN ACK and RST
    quiet_since_fin: int = 0  # nothing but its FIN, again at most, since that FIN
    rst_mark: int = 0  # SND.NXT when its RST ended the connection
    rst_mark_known: int = 0
    since_rst: int = 0  # it sent something else after that RST
    last_len: int = 0  # payload of its last new data before its FIN
    last_alert: int = 0  # terms.Alert of that
    last_shown: int = 0  # payload bytes of that were captured
    last_fits: int = 0  # it has the size of an alert and nothing speaks against it
    hist_seen: int = 0  # letters already in the history, see finis.tracking.history
    hist_syn: int = 0
    hist_fin: int = 0
    hist_rst: int = 0
    hist_bad: int = 0  # bad checksums
    hist_again: int = 0  # retransmitted payload
    hist_zero: int = 0  # zero windows as Zeek counts them
    hist_gap: int = 0  # acknowledged, never seen

    def scale(self, peer: Half) -> int:
        """Shift of the windows it announces; UNKNOWN where a SYN was not seen with its options.
        Both SYNs must offer scaling for it to be used (RFC 7323 §2.2)."""
        if (self.scaling and self.wscale == NO_SCALE) or (peer.scaling and peer.wscale == NO_SCALE):
            return 0
        return self.wscale if self.scaling and peer.scaling else UNKNOWN

    def rcv_nxt(self) -> int:
        """What the peer expects next of this side: the end of what was delivered in sequence, or
        what the peer acknowledged if that is more.  Needs `nxt_known` or `una_known`."""
        if not self.nxt_known:
            return self.una
        expected = self.holes[0][0] if self.holes else self.nxt
        return self.una if self.una_known and diff(self.una, expected) > 0 else expected

    def mark(self, seq: int, length: int) -> int:
        """Note ``[seq, seq + length)`` as sent; how many of these numbers are new.  Numbers that
        were skipped become a hole: lost before the point, missed, or still to come."""
        end = (seq + length) & MASK
        if diff(seq, self.nxt) > 0:
            self._skip(self.nxt, seq)
            self._advance(end)
            return length
        fresh = max(diff(end, self.nxt), 0)
        if self.holes and seq != self.nxt:  # they lie before it, but one far off would seem not to
            fresh += self._fill(seq, end)
        if diff(end, self.nxt) > 0:
            self._advance(end)
        return fresh

    def _advance(self, end: int) -> None:
        """`nxt` becomes `end`, and `low` follows: what lies further back is out of reach anyway,
        and numbers come round again after 4 GiB."""
        self.nxt = end
        if (end - self.low) & MASK > FAR:
            self.low = (end - FAR) & MASK

    def _skip(self, first: int, end: int) -> None:
        if len(self.holes) == MAX_HOLES:
            del self.holes[0]
        self.holes.append((first, end))

    def _fill(self, seq: int, end: int) -> int:
        filled = 0
        left: list[tuple[int, int]] = []
        for first, last in self.holes:
            a = seq if diff(seq, first) > 0 else first
            b = end if diff(end, last) < 0 else last
            if diff(b, a) <= 0:
                left.append((first, last))
                continue
            filled += diff(b, a)
            if diff(a, first) > 0:
                left.append((first, a))
            if diff(last, b) > 0:
                left.append((b, last))
        self.holes = left[-MAX_HOLES:]
        return filled

    def acknowledge(self, ack: int) -> bool:
        """The peer acknowledged up to `ack`; True if that reveals bytes never seen here."""
        self.una, self.una_known = ack, 1
        gap = False
        while self.holes and diff(ack, self.holes[0][0]) > 0:
            last = self.holes[0][1]
            gap = True
            if diff(ack, last) < 0:
                self.holes[0] = (ack, last)
                break
            del self.holes[0]
        if self.nxt_known and diff(ack, self.nxt) > 0:
            gap = True
            self._advance(ack)
            self.holes = []
        return gap
