"""One connection at one point: what each segment means, and what remains of it.

`Connection.take` is the readable form of the compiled kernel's inner loop; both follow the same
steps in the same order: what the segment is by its numbers → what it acknowledges → what it
brings → states → symbol, history, tail.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from finis.terms import Accept, Alert, Flag, Kind, Orientation, Quirk, Role, RstClass
from finis.tracking import endings, history, resets
from finis.tracking.alerts import ALERT_SIZES, TLS_PORTS, starts_like_tls
from finis.tracking.half import NO_SCALE, Half
from finis.tracking.resets import FAR
from finis.tracking.segment import MASK, Segment
from finis.tracking.states import State, Stimulus, after
from finis.wire.seqnum import diff

NONE = 255
RECENT = 8  # latest segments kept besides the pinned ones
COPY_NS = 1_000_000  # the same frame at two mirror ports arrives within this
STALE = 1 << 20  # midstream, numbers this far before the first seen may still be late segments
PINS = (
    Role.SYN | Role.SYN_ACK | Role.FIN | Role.LAST_DATA | Role.LAST_ACK | Role.RST
    | Role.ANSWERED | Role.ACKS_FIN | Role.RECENT | Role.ALERT | Role.HANDSHAKE_ACK
)  # fmt: skip
U16 = 0xFFFF


@dataclass(slots=True)
class Connection:
    """Columns of tables.OBSERVATION under their own names, then what is kept to judge by."""

    orig_hi: int
    orig_lo: int
    resp_hi: int
    resp_lo: int
    conn: int
    orig_p: int
    resp_p: int
    point: int
    vlan: int
    first_ns: int
    last_ns: int
    first_frame: int
    file: int
    reuse_gap_ns: int
    orientation: int
    last_frame: int = 0
    last_file: int = 0
    max_gap_ns: int = 0
    max_gap_at_ns: int = 0
    closing_gap_ns: int = 0
    established_ns: int = 0
    established: int = 0
    midstream: int = 0
    simultaneous: int = 0
    ended: int = 0
    first_fin: int = NONE
    first_rst: int = NONE
    conn_state: int = 0
    reset_by: int = NONE
    ending: list[int] = field(default_factory=list)
    history: bytearray = field(default_factory=bytearray)

    # --- kept to judge by ---------------------------------------------------------------------
    halves: tuple[Half, Half] = field(default_factory=lambda: (Half(), Half()))
    kept: list[Segment] = field(default_factory=list)
    relative: int = 0  # Quirk.RELATIVE_SEQ of the first segment: numbers of the other kind are void
    answered: int = 0  # an acceptable segment besides SYN, SYN ACK and RST was seen
    closing: int = 0  # a FIN or RST was seen: the ending is being recorded
    refused: int = 0
    doubtful: int = 0  # the last RST may or may not have been acceptable, and nothing came since
    pending: int = NONE  # side whose last segment was a SYN that may begin a new connection
    pending_seq: int = 0
    undo: tuple[int, ...] = ()  # how things were before that SYN, see `strike`
    touched_ns: int = 0  # the tracker's clock at the last segment

    # --- what the tracker asks -----------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Both sides sent a FIN, or a RST ended it: a new SYN is a new connection."""
        a, b = self.halves
        return self.reset_by != NONE or (a.fin_ns != 0 and b.fin_ns != 0)

    @property
    def embryonic(self) -> bool:
        return all(
            half.state in (State.SILENT, State.SYN_SENT, State.SYN_ACK_SENT, State.RESET)
            for half in self.halves
        )

    def _save(self, x: Half) -> None:
        self.undo = (
            self.last_ns, self.last_frame, self.last_file, self.max_gap_ns, self.max_gap_at_ns,
            x.first_seg_ns, x.last_seg_ns, x.ttl_min, x.ttl_max, x.last_win0, x.zero_windows,
            x.hist_seen, x.hist_syn, len(self.history), len(self.ending), self.doubtful,
        )  # fmt: skip

    def strike(self) -> Segment:
        """Take back the latest segment, a SYN that turned out to begin the next connection."""
        seg = self.kept.pop()
        x, r = self.halves[seg.side], self.halves[1 - seg.side]
        (
            self.last_ns, self.last_frame, self.last_file, self.max_gap_ns, self.max_gap_at_ns,
            x.first_seg_ns, x.last_seg_ns, x.ttl_min, x.ttl_max, x.last_win0, x.zero_windows,
            x.hist_seen, x.hist_syn, letters, symbols, self.doubtful,
        ) = self.undo  # fmt: skip
        del self.history[letters:], self.ending[symbols:]
        x.pkts -= 1
        x.ip_bytes -= seg.ip_len
        x.syns -= 1
        x.out_of_window -= 1
        r.provoked = 0
        self.pending = NONE
        return seg

    def flip(self) -> None:
        """The orientation was guessed wrong: exchange orig and resp."""
        self.orig_hi, self.resp_hi = self.resp_hi, self.orig_hi
        self.orig_lo, self.resp_lo = self.resp_lo, self.orig_lo
        self.orig_p, self.resp_p = self.resp_p, self.orig_p
        self.halves = (self.halves[1], self.halves[0])
        self.first_fin = self.first_fin if self.first_fin == NONE else 1 - self.first_fin
        self.first_rst = self.first_rst if self.first_rst == NONE else 1 - self.first_rst
        self.reset_by = self.reset_by if self.reset_by == NONE else 1 - self.reset_by
        self.pending = NONE
        self.ending = endings.flipped(self.ending)
        for one in self.kept:
            one.side = 1 - one.side
        marked = self.history[:1] == b"^"
        letters = self.history.removeprefix(b"^").swapcase()
        self.history = letters if marked else bytearray(b"^" + letters)[: history.MAX_HISTORY]
        self.orientation = Orientation.SYN

    # --- one segment ---------------------------------------------------------------------------

    def take(self, seg: Segment, side: int) -> None:
        """Follow one segment; writes its kind, side and role."""
        seg.side, seg.conn, seg.role, seg.kind, seg.sym = side, self.conn, 0, 0, 0
        x, r = self.halves[side], self.halves[1 - side]
        if self._is_copy(seg):
            return
        if seg.flags & (Flag.SYN | Flag.ACK | Flag.RST) == Flag.SYN:
            self._save(x)
        self._note_silence(seg)
        self._count(seg, x)
        self.pending = NONE
        asked, x.provoked = x.provoked, 0
        r_probed, x.probed = r.probed, 0
        if seg.flags & Flag.RST:
            marks = self._reset(seg, x, r)
        else:
            self.doubtful = 0
            if x.rst_mark_known:
                x.since_rst = 1
            if seg.flags & Flag.SYN:
                marks = self._syn(seg, x, r)
            else:
                marks = self._segment(seg, x, r, asked, r_probed)
        self._remember(seg, x, r, marks)

    def _is_copy(self, seg: Segment) -> bool:
        """The same frame seen again (mirror ports, a capture on `any`).  IPv4 identification
        tells it from a retransmission; without one only data with equal fingerprint and equal
        timestamps (RFC 7323: a retransmission carries a later one, or comes later) will do."""
        for one in reversed(self.kept):
            if seg.ts_ns - one.ts_ns > COPY_NS:
                break
            if one.side != seg.side or seg.ts_ns < one.ts_ns:
                continue
            if (one.seq, one.ack, one.flags, one.payload_len, one.win) != (
                seg.seq, seg.ack, seg.flags, seg.payload_len, seg.win,
            ):  # fmt: skip
                continue
            if (one.quirks ^ seg.quirks) & (Quirk.NO_IP_ID | Quirk.HAS_TS | Quirk.NO_SEQ):
                continue
            if seg.quirks & Quirk.NO_IP_ID or seg.ip_id == 0 or one.ip_id == 0:
                same = (
                    seg.payload_hash != 0
                    and seg.payload_hash == one.payload_hash
                    and bool(seg.quirks & Quirk.HAS_TS)
                    and (seg.tsval, seg.tsecr) == (one.tsval, one.tsecr)
                    and seg.ip_id == one.ip_id
                )
            else:
                same = seg.ip_id == one.ip_id
            if same:
                seg.quirks |= Quirk.COPY
                seg.kind = one.kind
                return True
        return False

    def _note_silence(self, seg: Segment) -> None:
        gap = max(seg.ts_ns - self.last_ns, 0)
        if gap > self.max_gap_ns:
            self.max_gap_ns, self.max_gap_at_ns = gap, self.last_ns
        if seg.flags & (Flag.FIN | Flag.RST) and not self.closing:
            self.closing_gap_ns = gap
        self.last_ns = max(self.last_ns, seg.ts_ns)
        self.last_frame, self.last_file = seg.frame, seg.file

    def _count(self, seg: Segment, x: Half) -> None:
        x.pkts += 1
        x.ip_bytes += seg.ip_len
        if x.first_seg_ns == 0:
            x.first_seg_ns = seg.ts_ns
        x.last_seg_ns = seg.ts_ns
        rst = seg.flags & Flag.RST
        if not rst and not seg.quirks & Quirk.NO_TTL:
            x.ttl_min = min(x.ttl_min, seg.ttl) if x.ttl_max else seg.ttl
            x.ttl_max = max(x.ttl_max, seg.ttl)
        if not rst and not seg.quirks & Quirk.NO_WIN:
            x.last_win0 = int(seg.win == 0)
            x.zero_windows += x.last_win0

    def _numbers(self, seg: Segment) -> bool:
        """Are SEQ and ACK comparable with the others of this connection?"""
        return (seg.quirks & Quirk.RELATIVE_SEQ) == self.relative

    # --- RST -----------------------------------------------------------------------------------

    def _reset(self, seg: Segment, x: Half, r: Half) -> int:
        seg.kind = Kind.RST
        side = seg.side
        has_seq = seg.has_seq and self._numbers(seg)
        accept = resets.acceptance(x, r, seg.flags, seg.seq, seg.ack, has_seq)
        if has_seq:
            rst_class, answers, answered = resets.classify(x, r, seg, self.kept)
        else:
            rst_class, answers, answered = resets.UNREADABLE
        x.rsts = min(x.rsts + 1, U16)
        if x.rsts == 1:
            x.rst_ns, x.rst_ttl = seg.ts_ns, seg.ttl
            x.rst_seq, x.rst_ack = seg.seq, seg.ack if seg.has_ack else 0
            x.rst_class, x.rst_answers = rst_class, answers
            seg.role |= Role.RST
            if answered is not None:
                x.rst_lag_ns = seg.ts_ns - answered.ts_ns
                answered.role |= Role.ANSWERED
            if self.first_rst == NONE:
                self.first_rst = side
        if resets.RANK[accept] > resets.RANK[Accept(x.rst_accept)]:
            x.rst_accept = accept
        self._judge_reset(seg, x, r, accept, rst_class)
        if accept == Accept.IN_WINDOW:
            r.provoked = 1  # RFC 5961 §3.2
        if accept == Accept.OUTSIDE:
            x.out_of_window += 1
            return endings.RST | endings.OUTSIDE
        return endings.RST

    def _judge_reset(
        self, seg: Segment, x: Half, r: Half, accept: Accept, rst_class: RstClass
    ) -> None:
        """Did this RST end the connection?  Not once both FINs were acknowledged (nothing is left
        to reset), nor where it rejects a segment of some other connection."""
        closed = x.fin_acked_ns and r.fin_acked_ns
        if not (x.fin_ns and r.fin_ns):
            x.state = after(x.state, Stimulus.RST)
        if closed or self.reset_by != NONE or rst_class == RstClass.BAD_ACK:
            return
        if accept == Accept.EXACT:
            self.reset_by = seg.side
            self.refused = int(r.state == State.SYN_SENT and not x.isn_known)
            x.rst_mark, x.rst_mark_known = x.nxt, x.nxt_known
            x.since_rst = 0
            if not x.nxt_known:
                x.rst_mark_known = 2  # any acknowledgement of what comes later will do
        elif accept == Accept.UNKNOWN and x.nxt_known and r.pkts:
            self.doubtful = 1

    def _revive(self, seg: Segment, x: Half, r: Half, ack: int) -> None:
        """R acknowledges what X sent after its RST: R never accepted that RST."""
        if self.reset_by != 1 - seg.side or not r.since_rst:
            return
        if r.rst_mark_known == 2 or diff(ack, r.rst_mark) > 0:
            self.reset_by, self.refused = NONE, 0
            r.rst_mark_known = 0
            if r.isn_known and r.state == State.RESET:
                r.state = State.SYN_ACK_SENT if r.sent_ack == 0 else State.OPEN
            elif r.state == State.RESET:
                r.state = State.PARTIAL
            elif r.state == State.FIN_RESET:
                r.state = State.FIN_SENT

    # --- SYN -----------------------------------------------------------------------------------

    def _syn(self, seg: Segment, x: Half, r: Half) -> int:
        with_ack = bool(seg.flags & Flag.ACK)
        seg.kind = Kind.SYN_ACK if with_ack else Kind.SYN
        x.syns = min(x.syns + 1, U16)
        usable = seg.has_seq and self._numbers(seg)
        again = bool(x.isn_known and usable and seg.seq == x.isn)
        crossing = again and with_ack and x.state == State.SYN_SENT  # simultaneous open
        if again and not crossing:
            x.rexmit_pkts += 1
            seg.role |= Role.RETRANSMISSION
            return endings.SYN | endings.REPEAT
        if usable and (crossing or self._fits(seg, x, r, with_ack)):
            if not crossing:
                self._start(seg, x, r)
            self._syn_states(seg, x, r, with_ack)
            return endings.SYN
        x.out_of_window += 1
        if not with_ack:
            r.provoked = 1  # RFC 5961 §4.2: a SYN in a synchronised state draws a challenge ACK
            self.pending, self.pending_seq = seg.side, seg.seq
        return endings.SYN | endings.OUTSIDE

    def _fits(self, seg: Segment, x: Half, r: Half, with_ack: bool) -> bool:
        """Can this SYN be the one that begins this side of this connection?"""
        if with_ack and r.isn_known and (diff(seg.ack, r.isn) <= 0 or diff(seg.ack, r.nxt) > 0):
            return False  # acknowledges another SYN, RFC 9293 §3.10.7.3
        if x.isn_known:
            # a second SYN ACK with another ISN, while the first was not acknowledged
            return with_ack and x.state == State.SYN_ACK_SENT
        if not x.nxt_known:
            if x.una_known and x.state == State.SILENT and not with_ack:
                return ((seg.seq + 1) & MASK) == x.una or not r.isn_known
            return True
        return ((seg.seq + 1) & MASK) == x.low  # captured late: what it begins was seen already

    def _start(self, seg: Segment, x: Half, r: Half) -> None:
        first = not x.nxt_known
        x.isn, x.isn_known, x.low = seg.seq, 1, seg.seq
        if seg.quirks & Quirk.HAS_MSS:
            x.mss = seg.mss
        if seg.quirks & Quirk.HAS_WSCALE:
            x.wscale = min(seg.wscale, 14)  # RFC 7323 §2.3
        if first or x.state == State.SYN_ACK_SENT:
            x.nxt, x.nxt_known, x.holes = (seg.seq + 1) & MASK, 1, []
            if not x.una_known or diff(x.una, seg.seq) <= 0 or diff(x.una, x.nxt) > 0:
                x.una, x.una_known = seg.seq, 1
        if seg.payload_len:
            self._data(seg, x, r, (seg.seq + 1) & MASK)

    def _syn_states(self, seg: Segment, x: Half, r: Half, with_ack: bool) -> None:
        x.state = after(x.state, Stimulus.SYN_ACK if with_ack else Stimulus.SYN)
        seg.role |= Role.SYN_ACK if with_ack else Role.SYN
        if not with_ack:
            if r.isn_known and r.state == State.SYN_SENT:
                self.simultaneous = 1
        else:
            if not r.nxt_known and not r.una_known:
                r.una, r.una_known = seg.ack, 1
            self._acknowledge(seg, x, r, seg.ack)
            if not seg.quirks & Quirk.NO_WIN:
                self._announce(x, (seg.ack + seg.win) & MASK)

    # --- everything else -----------------------------------------------------------------------

    def _segment(self, seg: Segment, x: Half, r: Half, asked: int, r_probed: int) -> int:
        usable = self._numbers(seg)
        has_seq = seg.has_seq and usable
        ack = seg.ack
        has_ack = seg.has_ack and usable
        form = self._form(seg, x)
        if seg.flags & Flag.FIN:
            x.fins = min(x.fins + 1, U16)
        if not self._acceptable(seg, x, r, has_seq, has_ack):
            return self._unacceptable(seg, x, r, form, asked)
        if has_seq and not x.nxt_known:
            self._begin(seg, x)
        seq = seg.seq if has_seq else x.nxt
        self.answered = 1
        self._answered_states(seg, x, r, has_ack, ack)
        if has_seq and self._is_probe(seg, x, r):
            pass
        elif seg.payload_len and has_seq:
            seg.kind = Kind.DATA
            self._data(seg, x, r, seq)
        elif not seg.flags & Flag.FIN:
            self._pure_ack(seg, x, r, asked, r_probed, has_ack, ack)
        if has_ack:
            self._acknowledge(seg, x, r, ack)
            self._announce_scaled(seg, x, r, ack)
            x.last_ack, x.ack_known, x.sent_ack = ack, 1, 1
        if seg.flags & Flag.FIN:
            self._fin(seg, x, r, (seq + seg.payload_len) & MASK, has_seq)
        elif x.fins:
            x.quiet_since_fin = 0
        if x.sent_ack and r.sent_ack:
            self.established = 1
        if seg.role & Role.RETRANSMISSION:
            form |= endings.REPEAT
        return form

    def _form(self, seg: Segment, x: Half) -> int:
        form = 0
        if seg.flags & Flag.FIN:
            form |= endings.FIN
        if seg.payload_len:
            form |= endings.DATA
            if self._looks_like_alert(seg):
                form |= endings.ALERT
        return form or endings.ACK

    def _acceptable(self, seg: Segment, x: Half, r: Half, has_seq: bool, has_ack: bool) -> bool:
        """RFC 9293 §3.10.7.4, first and fifth check, as far as a tap can tell.  What is old but
        once was sent is accepted here: it is a retransmission."""
        if r.state == State.SYN_SENT and not x.isn_known:
            # R waits for a SYN ACK: perhaps not captured, unless this acknowledges something else
            return has_ack and diff(seg.ack, r.isn) > 0 and diff(seg.ack, r.nxt) <= 0
        if has_seq and x.nxt_known:
            ahead = diff(seg.seq, x.nxt)
            if ahead > FAR or ahead < -FAR:
                return False
            if ahead > 0 and r.edge_known and diff(seg.seq, r.edge) > 0:
                return False
            if diff(seg.seq, x.low) < (0 if x.isn_known else -STALE):
                return False
        if has_ack and r.nxt_known:
            if diff(seg.ack, r.nxt) > FAR:
                return False
            if diff(seg.ack, r.low) < (0 if r.isn_known else -STALE):
                return False
        return True

    def _unacceptable(self, seg: Segment, x: Half, r: Half, form: int, asked: int) -> int:
        if form == endings.ACK and (asked or r.state == State.SYN_SENT):
            seg.kind = Kind.CHALLENGE_ACK  # its numbers are those of another incarnation
            x.challenge += 1
            return form
        seg.kind = Kind.STRAY if r.state == State.SYN_SENT else Kind.OUT_OF_WINDOW
        x.out_of_window += 1
        r.provoked = 1
        return form | endings.OUTSIDE

    def _begin(self, seg: Segment, x: Half) -> None:
        """First number seen of a side whose SYN was not: start from what the peer acknowledged,
        if it did, so that a keep-alive or a retransmission is recognised even here."""
        x.nxt = x.low = seg.seq
        x.nxt_known = 1
        if x.una_known:
            ahead = diff(seg.seq, x.una)
            if -STALE <= ahead < 0:
                x.nxt = x.una
            elif not 0 <= ahead <= FAR:
                x.una, x.una_known = 0, 0

    def _answered_states(self, seg: Segment, x: Half, r: Half, has_ack: bool, ack: int) -> None:
        """States that a segment besides SYN, SYN ACK, RST moves by being sent at all."""
        if has_ack and r.isn_known and r.state == State.SYN_ACK_SENT and diff(ack, r.isn) > 0:
            x.state = after(x.state, Stimulus.HANDSHAKE_ACK)
            seg.role |= Role.HANDSHAKE_ACK
        else:
            x.state = after(x.state, Stimulus.ACK)

    def _is_probe(self, seg: Segment, x: Half, r: Half) -> bool:
        """Keep-alive (RFC 9293 §3.8.4: SEQ = SND.NXT−1, at most one byte, nothing in flight) or
        zero-window probe (§3.8.6.1).  Linux probes a closed window in the form of a keep-alive."""
        if seg.payload_len > 1 or seg.flags & (Flag.FIN | Flag.SYN) or x.fin_ns:
            return False
        offset = diff(seg.seq, x.nxt)
        idle = x.una_known and x.una == x.nxt
        if r.last_win0 and idle and (offset == -1 or (offset == 0 and seg.payload_len)):
            seg.kind = Kind.WINDOW_PROBE
            x.probes += 1
        elif offset == -1 and idle:
            seg.kind = Kind.KEEP_ALIVE
            x.keep_alives += 1
        else:
            return False
        x.probed = 1
        return True

    def _pure_ack(
        self, seg: Segment, x: Half, r: Half, asked: int, r_probed: int, has_ack: bool, ack: int
    ) -> None:
        seg.kind = Kind.ACK
        if not has_ack:
            return
        repeated = x.ack_known and ack == x.last_ack
        if asked and (repeated or not x.ack_known):
            seg.kind = Kind.CHALLENGE_ACK
            x.challenge += 1
        elif r_probed:
            seg.kind = Kind.KEEP_ALIVE_ACK
        elif repeated and not seg.quirks & Quirk.NO_WIN and x.win_known:
            if seg.win != x.win:
                seg.kind = Kind.WINDOW_UPDATE
            elif r.nxt_known and diff(r.nxt, ack) > 0 and not seg.role & Role.HANDSHAKE_ACK:
                seg.kind = Kind.DUP_ACK
                x.dup_acks += 1

    def _data(self, seg: Segment, x: Half, r: Half, seq: int) -> None:
        length = seg.payload_len
        fresh = x.mark(seq, length)
        x.rexmit_bytes += length - fresh
        if fresh == 0:
            if not seg.flags & Flag.SYN:
                x.rexmit_pkts += 1
                seg.role |= Role.RETRANSMISSION
            return
        x.bytes += fresh
        if x.fin_ns and diff(seq + length, x.fin_seq) > 0:
            x.after_own_fin += min(diff(seq + length, x.fin_seq), fresh)
        if r.fin_ns:
            x.after_fin += fresh
        if x.first_data_ns == 0:
            x.first_data_ns = seg.ts_ns
        if x.head_len == 0 and seg.head_len:
            x.head, x.head_len = seg.head, min(seg.head_len, 8)
        x.last_data_ns = seg.ts_ns
        if not x.fin_ns:
            x.last_len, x.last_alert = length, seg.alert
            x.last_shown = int(not seg.quirks & Quirk.NO_PAYLOAD)
            x.last_fits = int(self._fits_alert(seg))
        self._pin(seg, Role.LAST_DATA)
        if seg.alert != Alert.NONE and seg.alert >= x.alert and self._looks_like_alert(seg):
            x.alert, x.alert_desc = seg.alert, seg.alert_desc
            self._pin(seg, Role.ALERT)

    def _fin(self, seg: Segment, x: Half, r: Half, fin_seq: int, has_seq: bool) -> None:
        seg.kind = Kind.FIN
        if x.fin_ns:
            if has_seq and fin_seq == x.fin_seq and not seg.role & Role.RETRANSMISSION:
                if seg.payload_len == 0:
                    x.rexmit_pkts += 1
                seg.role |= Role.RETRANSMISSION
            return
        x.fin_ns, x.fin_seq, x.quiet_since_fin = seg.ts_ns, fin_seq, 1
        seg.role |= Role.FIN
        if not x.nxt_known:
            x.nxt, x.low, x.nxt_known = fin_seq, fin_seq, 1
        x.mark(fin_seq, 1)
        if self.first_fin == NONE:
            self.first_fin = seg.side
        x.state = after(x.state, Stimulus.FIN)
        r.state = after(r.state, Stimulus.PEER_FIN)
        if x.una_known and diff(x.una, fin_seq) > 0:
            self._fin_acked(x, seg.ts_ns)  # captured out of order: its ACK came first

    # --- acknowledgements and windows ----------------------------------------------------------

    def _acknowledge(self, seg: Segment, x: Half, r: Half, ack: int) -> None:
        """What X's segment acknowledges of R."""
        if r.una_known and diff(ack, r.una) <= 0 and r.state not in (
            State.SYN_SENT, State.SYN_ACK_SENT,
        ):  # fmt: skip
            return
        if not r.una_known or diff(ack, r.una) > 0:
            gap = r.acknowledge(ack)
            if gap and not r.fin_ns and r.isn_known:
                self._scaled(r, 1 - seg.side, history.G)
        self._revive(seg, x, r, ack)
        if r.isn_known and diff(ack, r.isn) > 0:
            if r.state == State.SYN_ACK_SENT and self.established_ns == 0:
                self.established_ns, self.established = seg.ts_ns, 1
            if r.state in (State.SYN_SENT, State.SYN_ACK_SENT):
                r.state = after(r.state, Stimulus.SYN_ACKED)
        if r.fin_ns and not r.fin_acked_ns and diff(ack, r.fin_seq) > 0:
            self._fin_acked(r, seg.ts_ns)
            seg.role |= Role.ACKS_FIN

    @staticmethod
    def _fin_acked(half: Half, ts_ns: int) -> None:
        half.fin_acked_ns = ts_ns
        half.state = after(half.state, Stimulus.FIN_ACKED_BY_PEER)

    def _announce_scaled(self, seg: Segment, x: Half, r: Half, ack: int) -> None:
        if seg.quirks & Quirk.NO_WIN:
            return
        x.win, x.win_known = seg.win, 1
        if not (x.isn_known and r.isn_known):
            return  # scaling unknown: no edge
        scale = 0 if NO_SCALE in (x.wscale, r.wscale) else x.wscale
        self._announce(x, (ack + (seg.win << scale)) & MASK)

    @staticmethod
    def _announce(x: Half, edge: int) -> None:
        if not x.edge_known or diff(edge, x.edge) > 0:
            x.edge, x.edge_known = edge, 1

    # --- what is recorded ----------------------------------------------------------------------

    def tls_likely(self) -> bool:
        """Does either side start like TLS, or is the port one of TLS?"""
        return (
            any(starts_like_tls(half.head, half.head_len) for half in self.halves)
            or self.resp_p in TLS_PORTS
            or self.orig_p in TLS_PORTS
        )

    @staticmethod
    def _fits_alert(seg: Segment) -> bool:
        if seg.quirks & Quirk.NO_PAYLOAD:
            return seg.payload_len in ALERT_SIZES
        return seg.alert == Alert.LIKELY

    def _looks_like_alert(self, seg: Segment) -> bool:
        return seg.alert >= Alert.RECORD or (self._fits_alert(seg) and self.tls_likely())

    def _pin(self, seg: Segment, role: Role) -> None:
        """Give `role` to this segment and take it from the one of the same side that had it."""
        for one in self.kept:
            if one.side == seg.side and one.role & role:
                one.role &= ~role
        seg.role |= role

    def _remember(self, seg: Segment, x: Half, r: Half, form: int) -> None:
        """Symbol, history and tail."""
        if seg.kind in (
            Kind.ACK, Kind.KEEP_ALIVE_ACK, Kind.CHALLENGE_ACK, Kind.WINDOW_UPDATE, Kind.DUP_ACK,
        ):  # fmt: skip
            self._pin(seg, Role.LAST_ACK)
        self._write(seg, form)
        self._letters(seg, x, r)
        seg.role |= Role.RECENT
        self.kept.append(replace(seg))
        seg.role &= Role.RETRANSMISSION
        recent = [one for one in self.kept if one.role & Role.RECENT]
        if len(recent) > RECENT:
            recent[0].role &= ~Role.RECENT
        self.kept = [one for one in self.kept if one.role & PINS]

    def _write(self, seg: Segment, form: int) -> None:
        """Add the segment's symbol to the ending, if the ending has begun."""
        if self.answered and not self.closing:
            self.strip()  # it was answered: SYNs are no ending
            if not form & (endings.FIN | endings.RST):
                return
        if form & (endings.FIN | endings.RST):
            self.closing = 1
        code = form | (endings.FROM_RESP if seg.side else 0)
        own = bool(seg.role & Role.ACKS_FIN) and form == endings.ACK
        if self.ending and self.ending[-1] == code and not own:
            seg.sym = len(self.ending)
        elif len(self.ending) < endings.MAX_SYMBOLS:
            self.ending.append(code)
            seg.sym = len(self.ending)

    def strip(self) -> None:
        """Drop what stands before the first FIN or RST."""
        keep = next(
            (i for i, code in enumerate(self.ending) if code & (endings.FIN | endings.RST)),
            len(self.ending),
        )
        if keep == 0:
            return
        del self.ending[:keep]
        for one in self.kept:
            one.sym = max(one.sym - keep, 0)

    def _letters(self, seg: Segment, x: Half, r: Half) -> None:
        """Zeek's history."""
        if seg.quirks & Quirk.BAD_CHECKSUM:
            self._scaled(x, seg.side, history.C)
        letter = history.letter_of(seg.flags, seg.payload_len)
        if letter:
            number = (seg.seq + seg.payload_len) & MASK if letter == history.F else seg.seq
            again = x.hist_seen & letter
            if letter & (history.S | history.H):
                again = again and number == x.hist_syn
                x.hist_syn = number
            elif letter == history.F:
                again = again and number == x.hist_fin
                x.hist_fin = number
            elif letter == history.R:
                again = again and number == x.hist_rst
                x.hist_rst = number
            if not again:
                self._letter(seg.side, letter)
                x.hist_seen |= letter
        if seg.win == 0 and not seg.flags & Flag.RST and not seg.quirks & Quirk.NO_WIN:
            boring = r.fin_ns or x.state in (State.RESET, State.FIN_RESET)
            if not boring:
                self._scaled(x, seg.side, history.W)
        if seg.role & Role.RETRANSMISSION and seg.payload_len:
            self._scaled(x, seg.side, history.T)

    def _scaled(self, half: Half, side: int, letter: int) -> None:
        count = 0
        if letter == history.C:
            count = half.hist_bad = half.hist_bad + 1
        elif letter == history.W:
            count = half.hist_zero = half.hist_zero + 1
        elif letter == history.T:
            count = half.hist_again = half.hist_again + 1
        else:
            count = half.hist_gap = half.hist_gap + 1
        if history.is_power_of_ten(count):
            self._letter(side, letter)

    def _letter(self, side: int, letter: int) -> None:
        if len(self.history) < history.MAX_HISTORY:
            code = history.LETTERS[letter.bit_length() - 1]
            self.history.append(code + 32 if side else code)

    @staticmethod
    def orient(seg: Segment) -> tuple[int, int]:
        """Which side the first segment of a connection comes from, and how that is known: a SYN
        from orig, a SYN ACK from resp; otherwise resp is guessed to have the lower port."""
        if seg.flags & Flag.SYN and not seg.flags & Flag.RST:
            return (1 if seg.flags & Flag.ACK else 0), Orientation.SYN
        return (1 if seg.src_p < seg.dst_p else 0), Orientation.GUESSED
