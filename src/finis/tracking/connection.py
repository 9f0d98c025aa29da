"""What each segment of a connection means.

`Connection.take` is the readable form of the compiled kernel's inner loop; both follow the same
steps in the same order: what the segment is by its numbers → what it brings → what it
acknowledges → states → symbol, history, tail (`record`).
"""

from __future__ import annotations

from finis.records import dataclass
from finis.terms import Accept, Alert, Flag, Kind, Orientation, Quirk, Role, RstClass
from finis.tracking import endings, history, resets
from finis.tracking.half import NO_SCALE, UNKNOWN, Half
from finis.tracking.ports import sender_is_resp
from finis.tracking.record import NONE, Record
from finis.tracking.resets import FAR, STALE
from finis.tracking.segment import MASK, Segment
from finis.tracking.states import State, Stimulus, after
from finis.wire.seqnum import diff

U16 = 0xFFFF


@dataclass(slots=True)
class Connection(Record):
    """One connection at one point, followed segment by segment."""

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
        form = endings.RST | (endings.FIN if seg.flags & Flag.FIN else 0)
        if accept == Accept.OUTSIDE:
            x.out_of_window += 1
            form |= endings.OUTSIDE
        return form

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
        elif x.nxt_known and (
            (accept == Accept.UNKNOWN and seg.seq == x.nxt)
            or (accept == Accept.IN_WINDOW and x.fin_ns and seg.seq == x.fin_seq)
        ):
            self.doubtful = 1

    def _revive(self, seg: Segment, x: Half, r: Half, ack: int) -> None:
        """R acknowledges what X sent after its RST: R never accepted that RST."""
        if self.reset_by != 1 - seg.side or not r.since_rst:
            return
        if r.rst_mark_known == 2 or diff(ack, r.rst_mark) > 0:
            self.reset_by, self.refused = NONE, 0
            if r.rst_mark_known == 1:
                r.rst_class = RstClass.SUSPECT  # and so R's peer never sent it
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
        crossing = again and with_ack and not x.sent_syn_ack  # simultaneous open
        if again and not crossing:
            x.rexmit_pkts += 1
            seg.role |= Role.RETRANSMISSION
            if self.answered:
                r.provoked = 1
            return endings.SYN | endings.REPEAT
        if usable and (crossing or self._fits(seg, x, r, with_ack)):
            if not crossing:
                self._start(seg, x, r)
            self._syn_states(seg, x, r, with_ack)
            return endings.SYN
        x.out_of_window += 1
        r.provoked = 1  # RFC 5961 §4.2: a SYN in a synchronised state draws a challenge ACK
        if not with_ack:
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
            return not x.una_known or ((seg.seq + 1) & MASK) == x.una
        return ((seg.seq + 1) & MASK) == x.low  # captured late: what it begins was seen already

    def _start(self, seg: Segment, x: Half, r: Half) -> None:
        first = not x.nxt_known
        x.isn, x.isn_known, x.low = seg.seq, 1, seg.seq
        if seg.quirks & Quirk.HAS_MSS:
            x.mss = seg.mss
        if seg.quirks & Quirk.HAS_WSCALE:
            x.wscale = min(seg.wscale, 14)  # RFC 7323 §2.3
        # without any option they were not printed or not captured, rather than not sent
        x.scaling = int(bool(seg.quirks & (Quirk.HAS_WSCALE | Quirk.HAS_MSS)))
        if seg.quirks & Quirk.TRUNCATED_HEADER and x.wscale == NO_SCALE:
            x.scaling = 0
        if first or x.state == State.SYN_ACK_SENT:
            x.nxt, x.nxt_known, x.holes = (seg.seq + 1) & MASK, 1, []
            if not x.una_known or diff(x.una, seg.seq) <= 0 or diff(x.una, x.nxt) > 0:
                x.una, x.una_known = seg.seq, 1
        if seg.payload_len:
            self._data(seg, x, r, (seg.seq + 1) & MASK)

    def _syn_states(self, seg: Segment, x: Half, r: Half, with_ack: bool) -> None:
        x.state = after(x.state, Stimulus.SYN_ACK if with_ack else Stimulus.SYN)
        self._pin(seg, Role.SYN_ACK if with_ack else Role.SYN)
        x.sent_syn_ack |= int(with_ack)
        if not with_ack:
            if r.isn_known and r.state == State.SYN_SENT:
                self.simultaneous = 1
        else:
            if not r.nxt_known and not r.una_known:
                r.una, r.una_known = seg.ack, 1
            self._acknowledge(seg, x, r, seg.ack)
            if not seg.quirks & Quirk.NO_WIN and x.scale(r) != UNKNOWN:
                self._announce(x, (seg.ack + seg.win) & MASK)  # not scaled, RFC 7323 §2.2

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
        elif seg.payload_len:
            seg.kind = Kind.DATA
            if has_seq:
                self._data(seg, x, r, seq)
        elif not seg.flags & Flag.FIN:
            self._pure_ack(seg, x, r, asked, r_probed, has_ack, ack)
        if has_ack:
            self._acknowledge(seg, x, r, ack)
            self._announce_scaled(seg, x, r, ack)
            x.last_ack, x.ack_known, x.sent_ack = ack, 1, 1
        if seg.flags & Flag.FIN:
            seg.kind = Kind.FIN
            if has_seq:
                self._fin(seg, x, r, (seq + seg.payload_len) & MASK)
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
        if not seg.has_ack:
            return False
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
        if not seg.has_ack:  # dropped in every state but CLOSED: scans
            seg.kind = (
                Kind.FIN if seg.flags & Flag.FIN else Kind.DATA if seg.payload_len else Kind.STRAY
            )
            return form | endings.OUTSIDE
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
            self._pin(seg, Role.HANDSHAKE_ACK)
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
            if not seg.flags & Flag.SYN and not (seg.flags & Flag.FIN and not x.fin_ns):
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

    def _fin(self, seg: Segment, x: Half, r: Half, fin_seq: int) -> None:
        if x.fin_ns:
            if fin_seq == x.fin_seq and not seg.role & Role.RETRANSMISSION:
                x.rexmit_pkts += 1
                seg.role |= Role.RETRANSMISSION
            return
        x.fin_ns, x.fin_seq, x.fin_ack, x.quiet_since_fin = seg.ts_ns, fin_seq, seg.ack, 1
        seg.role |= Role.FIN
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
        scale = x.scale(r)
        if scale != UNKNOWN:
            self._announce(x, (ack + (seg.win << scale)) & MASK)

    @staticmethod
    def _announce(x: Half, edge: int) -> None:
        if not x.edge_known or diff(edge, x.edge) > 0:
            x.edge, x.edge_known = edge, 1

    @staticmethod
    def orient(seg: Segment) -> tuple[int, int]:
        """Which side the first segment of a connection comes from, and how that is known: a SYN
        from orig, a SYN ACK from resp; otherwise the ports decide, as a guess."""
        if seg.flags & Flag.SYN and not seg.flags & Flag.RST:
            return (1 if seg.flags & Flag.ACK else 0), Orientation.SYN
        return int(sender_is_resp(seg.src_p, seg.dst_p)), Orientation.GUESSED
