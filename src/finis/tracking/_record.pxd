# Mirrors record.py, history.py and alerts.py.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from finis.wire.segment cimport Segment
from finis.tracking._codes cimport *
from finis.tracking._slots cimport drop_slot, flags_of, hash_of_kept, kind_of, put, restore
from finis.tracking._state cimport Conn, Half, Kept, Tracker, Undo, grab, slot, unpin


cdef inline bint over(const Conn *c) noexcept nogil:
    return c.reset_by != NONE or (c.halves[0].fin_ns != 0 and c.halves[1].fin_ns != 0)


cdef inline bint starts_like_tls(const Half *h) noexcept nogil:
    cdef uint64_t version = (h.head >> 40) & 0xFFFF
    return h.head_len >= 3 and 0x14 <= h.head >> 56 <= 0x17 and 0x0300 <= version <= 0x0304


cdef inline bint tls_likely(Tracker *t, const Conn *c) noexcept nogil:
    return (
        starts_like_tls(&c.halves[0]) or starts_like_tls(&c.halves[1])
        or t.tls_ports[c.resp_p] or t.tls_ports[c.orig_p]
    )


cdef inline bint fits_alert(Tracker *t, const Segment *s) noexcept nogil:
    if s.quirks & NO_PAYLOAD:
        return s.payload_len < 256 and t.alert_sizes[s.payload_len]
    return s.alert == AL_LIKELY


cdef inline bint looks_like_alert(Tracker *t, const Conn *c, const Segment *s) noexcept nogil:
    return s.alert >= AL_RECORD or (fits_alert(t, s) and tls_likely(t, c))


cdef inline void pin(Conn *c, Segment *s, uint32_t role) noexcept nogil:
    unpin(c.kept_role, c.kept_side, c.n_kept, <uint16_t>role, s.side)
    s.role |= role


cdef inline bint is_copy(Tracker *t, Conn *c, Segment *s) noexcept nogil:
    cdef const Kept *one
    cdef int i
    cdef bint same
    if s.ts_ns - c.last_ns > COPY_NS:  # none is later than that
        return False
    for i in range(c.n_kept - 1, -1, -1):
        one = slot(t, c.kept[i])
        if s.ts_ns - one.ts_ns > COPY_NS:
            break
        if c.kept_side[i] != s.side or s.ts_ns < one.ts_ns:
            continue
        if (
            one.seq != s.seq or one.ack != s.ack or flags_of(one) != s.flags
            or one.payload_len != s.payload_len or one.win != s.win
        ):
            continue
        if (one.quirks ^ s.quirks) & (NO_IP_ID | HAS_TS | NO_SEQ):
            continue
        same = one.ip_id == s.ip_id
        if s.quirks & NO_IP_ID or s.ip_id == 0 or one.ip_id == 0:
            same = (
                same and s.payload_hash == hash_of_kept(one)
                and s.tsval == one.tsval and s.tsecr == one.tsecr
                and (
                    (s.payload_hash != 0 and s.quirks & HAS_TS)
                    or (s.flags & (F_SYN | F_FIN) and not s.flags & F_RST)
                )
            )
        if same:
            s.quirks |= COPY
            s.kind = kind_of(one)
            return True
    return False


cdef inline void save(Conn *c, const Half *x) noexcept nogil:
    cdef Undo *u = &c.undo
    u.last_ns = c.last_ns
    u.last_frame = c.last_frame
    u.last_file = c.last_file
    u.max_gap_ns = c.max_gap_ns
    u.max_gap_at_ns = c.max_gap_at_ns
    u.first_seg_ns = x.first_seg_ns
    u.last_seg_ns = x.last_seg_ns
    u.ttl_min = x.ttl_min
    u.ttl_max = x.ttl_max
    u.last_win0 = x.last_win0
    u.zero_windows = x.zero_windows
    u.hist_seen = x.hist_seen
    u.hist_syn = x.hist_syn
    u.n_history = c.n_history
    u.n_ending = c.n_ending
    u.doubtful = c.doubtful


cdef inline void strike(Tracker *t, Conn *c, Segment *out) noexcept nogil:
    cdef int at = c.n_kept - 1, side = c.kept_side[at], i
    cdef Half *x = &c.halves[side]
    cdef const Undo *u = &c.undo
    restore(t, c.kept[at], c, side, out)
    drop_slot(t, c.kept[at])
    c.n_kept -= 1
    c.last_ns = u.last_ns
    c.last_frame = u.last_frame
    c.last_file = u.last_file
    c.max_gap_ns = u.max_gap_ns
    c.max_gap_at_ns = u.max_gap_at_ns
    x.first_seg_ns = u.first_seg_ns
    x.last_seg_ns = u.last_seg_ns
    x.ttl_min = u.ttl_min
    x.ttl_max = u.ttl_max
    x.last_win0 = u.last_win0
    x.zero_windows = u.zero_windows
    x.hist_seen = u.hist_seen
    x.hist_syn = u.hist_syn
    for i in range(u.n_history, c.n_history):
        c.history[i] = 0
    for i in range(u.n_ending, c.n_ending):
        c.ending[i] = 0
    if u.n_history < c.n_history:
        c.n_history = u.n_history
    if u.n_ending < c.n_ending:
        c.n_ending = u.n_ending
    c.doubtful = u.doubtful
    x.pkts -= 1
    x.ip_bytes -= out.ip_len
    x.syns -= 1
    x.out_of_window -= 1
    c.halves[1 - side].provoked = 0
    c.pending = NONE


cdef inline void flip(Conn *c) noexcept nogil:
    cdef Half h = c.halves[0]
    cdef int i, n, at
    cdef bint marked
    c.halves[0] = c.halves[1]
    c.halves[1] = h
    c.orig_hi, c.resp_hi = c.resp_hi, c.orig_hi
    c.orig_lo, c.resp_lo = c.resp_lo, c.orig_lo
    c.orig_p, c.resp_p = c.resp_p, c.orig_p
    if c.first_fin != NONE:
        c.first_fin = 1 - c.first_fin
    if c.first_rst != NONE:
        c.first_rst = 1 - c.first_rst
    if c.reset_by != NONE:
        c.reset_by = 1 - c.reset_by
    c.pending = NONE
    for i in range(c.n_ending):
        c.ending[i] ^= FROM_RESP
    for i in range(c.n_kept):
        c.kept_side[i] = 1 - c.kept_side[i]
    marked = c.n_history > 0 and c.history[0] == c'^'
    for i in range(c.n_history):
        if c.history[i] != c'^':
            c.history[i] ^= 32
    if marked:
        for i in range(1, c.n_history):
            c.history[i - 1] = c.history[i]
        c.n_history -= 1
        c.history[c.n_history] = 0
    else:
        n = c.n_history if c.n_history < MAX_HISTORY else MAX_HISTORY - 1
        for at in range(n, 0, -1):
            c.history[at] = c.history[at - 1]
        c.history[0] = c'^'
        c.n_history = <uint8_t>(n + 1)
    c.orientation = 2


cdef inline void note_silence(Conn *c, const Segment *s) noexcept nogil:
    cdef int64_t gap = s.ts_ns - c.last_ns
    if gap < 0:
        gap = 0
    if gap > c.max_gap_ns:
        c.max_gap_ns = gap
        c.max_gap_at_ns = c.last_ns
    if s.flags & (F_FIN | F_RST) and not c.closing:
        c.closing_gap_ns = gap
    if s.ts_ns > c.last_ns:
        c.last_ns = s.ts_ns
    c.last_frame = s.frame
    c.last_file = s.file


cdef inline void count(const Segment *s, Half *x) noexcept nogil:
    x.pkts += 1
    x.ip_bytes += s.ip_len
    if x.first_seg_ns == 0:
        x.first_seg_ns = s.ts_ns
    x.last_seg_ns = s.ts_ns
    if s.flags & F_RST:
        return
    if not s.quirks & NO_TTL:
        if not x.ttl_max or s.ttl < x.ttl_min:
            x.ttl_min = s.ttl
        if s.ttl > x.ttl_max:
            x.ttl_max = s.ttl
    if not s.quirks & NO_WIN:
        x.last_win0 = s.win == 0
        x.zero_windows += x.last_win0


cdef inline void letter(Conn *c, int side, uint32_t bit) noexcept nogil:
    cdef const char *letters = b"SHADFRIQCTWG"
    cdef int at = 0
    if c.n_history == MAX_HISTORY:
        return
    while bit >> at != 1:
        at += 1
    c.history[c.n_history] = <uint8_t>(letters[at] + (32 if side else 0))
    c.n_history += 1


cdef inline void scaled(Conn *c, uint32_t *counter, int side, uint32_t bit) noexcept nogil:
    cdef uint64_t power = 1
    counter[0] += 1
    while power < counter[0]:
        power *= 10
    if power == counter[0]:
        letter(c, side, bit)


cdef inline uint32_t letter_of(uint16_t flags, uint32_t payload_len) noexcept nogil:
    cdef bint syn = (flags & F_SYN) != 0, fin = (flags & F_FIN) != 0, rst = (flags & F_RST) != 0
    if <int>syn + <int>fin + <int>rst > 1:
        return H_I if fin and rst and not syn else H_Q
    if syn:
        return H_H if flags & F_ACK else H_S
    if fin:
        return H_F
    if rst:
        return H_R
    if payload_len:
        return H_D
    return H_A if flags & F_ACK else 0


cdef inline void letters(Conn *c, const Segment *s, Half *x, const Half *r) noexcept nogil:
    cdef uint32_t bit = letter_of(s.flags, s.payload_len), number
    cdef bint again
    if s.quirks & BAD_CHECKSUM:
        scaled(c, &x.hist_bad, s.side, H_C)
    if bit:
        number = s.seq + s.payload_len if bit == H_F else s.seq
        again = (x.hist_seen & bit) != 0
        if bit & (H_S | H_H):
            again = again and number == x.hist_syn
            x.hist_syn = number
        elif bit == H_F:
            again = again and number == x.hist_fin
            x.hist_fin = number
        elif bit == H_R:
            again = again and number == x.hist_rst
            x.hist_rst = number
        if not again:
            letter(c, s.side, bit)
            x.hist_seen |= <uint16_t>bit
    if s.win == 0 and not s.flags & F_RST and not s.quirks & NO_WIN:
        if not r.fin_ns and x.state != RESET and x.state != FIN_RESET:
            scaled(c, &x.hist_zero, s.side, H_W)
    if s.role & ROLE_RETRANSMISSION and s.payload_len:
        scaled(c, &x.hist_again, s.side, H_T)


cdef inline void strip(Conn *c) noexcept nogil:
    cdef int keep = 0, i
    while keep < c.n_ending and not c.ending[keep] & (S_FIN | S_RST):
        keep += 1
    if keep == 0:
        return
    for i in range(c.n_ending):
        c.ending[i] = c.ending[i + keep] if i + keep < c.n_ending else 0
    c.n_ending -= <uint8_t>keep
    for i in range(c.n_kept):
        c.kept_sym[i] = c.kept_sym[i] - keep if c.kept_sym[i] > keep else 0


cdef inline void write_symbol(Conn *c, Segment *s, uint32_t form) noexcept nogil:
    cdef uint16_t code
    cdef bint own
    if c.answered and not c.closing:
        strip(c)
        if not form & (S_FIN | S_RST):
            return
    if form & (S_FIN | S_RST):
        c.closing = 1
    code = <uint16_t>(form | (FROM_RESP if s.side else 0))
    own = (s.role & ROLE_ACKS_FIN) != 0 and form == S_ACK
    if c.n_ending and c.ending[c.n_ending - 1] == code and not own:
        s.sym = c.n_ending
    elif c.n_ending < MAX_SYMBOLS:
        c.ending[c.n_ending] = code
        c.n_ending += 1
        s.sym = c.n_ending


cdef inline void keep(Tracker *t, Conn *c, Segment *s) noexcept nogil:
    """Append to the tail, let the ninth latest go (the recent ones are the last), drop what has no
    role left."""
    cdef uint32_t at = grab(&t.slots)
    cdef int i, n = 0, ninth = c.n_kept - <int>RECENT
    put(t, at, s, c.point)
    c.kept[c.n_kept] = at
    c.kept_role[c.n_kept] = <uint16_t>(s.role | ROLE_RECENT)
    c.kept_side[c.n_kept] = s.side
    c.kept_sym[c.n_kept] = s.sym
    c.n_kept += 1
    if ninth >= 0:
        c.kept_role[ninth] &= <uint16_t>~<uint32_t>ROLE_RECENT
    while n < c.n_kept and c.kept_role[n] & ~ROLE_RETRANSMISSION:
        n += 1
    for i in range(n, c.n_kept):
        if not c.kept_role[i] & ~ROLE_RETRANSMISSION:
            drop_slot(t, c.kept[i])
            continue
        if n != i:
            c.kept[n] = c.kept[i]
            c.kept_role[n] = c.kept_role[i]
            c.kept_side[n] = c.kept_side[i]
            c.kept_sym[n] = c.kept_sym[i]
        n += 1
    c.n_kept = <uint8_t>n


cdef inline void remember(
    Tracker *t, Conn *c, Segment *s, Half *x, const Half *r, uint32_t form
) noexcept nogil:
    if (
        s.kind == K_ACK or s.kind == K_KEEP_ALIVE_ACK or s.kind == K_CHALLENGE_ACK
        or s.kind == K_WINDOW_UPDATE or s.kind == K_DUP_ACK
    ):
        pin(c, s, ROLE_LAST_ACK)
    write_symbol(c, s, form)
    letters(c, s, x, r)
    keep(t, c, s)
    s.role &= ROLE_RETRANSMISSION
