"""What is kept of one connection at one point: the columns of tables.OBSERVATION under their own
names, the ending, the history and the tail.  What segments mean is decided in `connection`."""

from __future__ import annotations

from finis.records import dataclass, field, replace
from finis.terms import Alert, Flag, Kind, Orientation, Quirk, Role
from finis.tracking import endings, history
from finis.tracking.alerts import ALERT_SIZES, TLS_PORTS, starts_like_tls
from finis.tracking.half import Half
from finis.tracking.segment import MASK, Segment
from finis.tracking.states import State

NONE = 255
RECENT = 8  # latest segments kept besides the pinned ones
COPY_NS = 1_000_000  # the same frame at two mirror ports arrives within this
PINS = (
    Role.SYN | Role.SYN_ACK | Role.FIN | Role.LAST_DATA | Role.LAST_ACK | Role.RST
    | Role.ANSWERED | Role.ACKS_FIN | Role.RECENT | Role.ALERT | Role.HANDSHAKE_ACK
)  # fmt: skip


@dataclass(slots=True)
class Record:
    """Columns first, then what is kept to judge by."""

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
    reuse_unanswered: int = 0
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
    counted: int = 0  # of `kept`, by the tracker

    # --- what the tracker asks -----------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Both sides sent a FIN, or a RST ended it: a new SYN is a new connection."""
        a, b = self.halves
        return self.reset_by != NONE or (a.fin_ns != 0 and b.fin_ns != 0)

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

    # --- counts --------------------------------------------------------------------------------

    def _is_copy(self, seg: Segment) -> bool:
        """The same frame seen again (mirror ports, a capture on `any`).  IPv4 identification
        tells it from a retransmission; without one equal timestamps (RFC 7323: a retransmission
        carries a later one, or comes later) and either data with equal fingerprint, or a SYN or
        FIN, which nobody repeats so soon (RFC 6298 §2)."""
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
                data = seg.payload_hash != 0 and bool(seg.quirks & Quirk.HAS_TS)
                begins_or_ends = seg.flags & (Flag.SYN | Flag.FIN) and not seg.flags & Flag.RST
                same = (
                    bool(data or begins_or_ends)
                    and seg.payload_hash == one.payload_hash
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

    # --- symbols, history, tail ------------------------------------------------------------------

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
