# Mirrors connection.py.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from finis.wire.segment cimport Segment
from finis.tracking._codes cimport *
from finis.tracking._half cimport acknowledge_half, diff, has_seq_of, mark, scale_of, step
from finis.tracking._record cimport (
    count, fits_alert, is_copy, looks_like_alert, note_silence, pin, remember, save, scaled,
)
from finis.tracking._resets cimport acceptance, classify
from finis.tracking._state cimport Conn, Half, HalfHot, Tracker, slot


cdef inline void announce(HalfHot *x, uint32_t edge) noexcept nogil:
    if not x.edge_known or diff(edge, x.edge) > 0:
        x.edge = edge
        x.edge_known = 1


cdef inline void fin_acked(Tracker *t, Half *h, int64_t ts_ns) noexcept nogil:
    h.fin_acked_ns = ts_ns
    step(t, h, ON_FIN_ACKED)


cdef inline void revive(Conn *c, const Segment *s, Half *r, uint32_t ack) noexcept nogil:
    if c.reset_by != 1 - s.side or not r.since_rst:
        return
    if r.rst_mark_known == 2 or diff(ack, r.rst_mark) > 0:
        c.reset_by = NONE
        c.refused = 0
        if r.rst_mark_known == 1:
            r.rst_class = C_SUSPECT
        r.rst_mark_known = 0
        if r.isn_known and r.state == RESET:
            r.state = SYN_ACK_SENT if r.sent_ack == 0 else OPEN
        elif r.state == RESET:
            r.state = PARTIAL
        elif r.state == FIN_RESET:
            r.state = FIN_SENT


cdef inline void acknowledge(Tracker *t, Conn *c, Segment *s, Half *r, uint32_t ack) noexcept nogil:
    cdef bint gap
    if (
        r.una_known and diff(ack, r.una) <= 0
        and r.state != SYN_SENT and r.state != SYN_ACK_SENT
    ):
        return
    if not r.una_known or diff(ack, r.una) > 0:
        gap = acknowledge_half(r, ack)
        if gap and not r.fin_ns and r.isn_known:
            scaled(c, &r.hist_gap, 1 - s.side, H_G)
    revive(c, s, r, ack)
    if r.isn_known and diff(ack, r.isn) > 0:
        if r.state == SYN_ACK_SENT and c.established_ns == 0:
            c.established_ns = s.ts_ns
            c.established = 1
        if r.state == SYN_SENT or r.state == SYN_ACK_SENT:
            step(t, r, ON_SYN_ACKED)
    if r.fin_ns and not r.fin_acked_ns and diff(ack, r.fin_seq) > 0:
        fin_acked(t, r, s.ts_ns)
        s.role |= ROLE_ACKS_FIN


cdef inline void data(
    Tracker *t, Conn *c, Segment *s, Half *x, const Half *r, uint32_t seq
) noexcept nogil:
    cdef uint32_t length = s.payload_len, fresh = mark(x, seq, length), beyond
    x.rexmit_bytes += length - fresh
    if fresh == 0:
        if not s.flags & F_SYN and not (s.flags & F_FIN and not x.fin_ns):
            x.rexmit_pkts += 1
            s.role |= ROLE_RETRANSMISSION
        return
    x.bytes += fresh
    if x.fin_ns and diff(seq + length, x.fin_seq) > 0:
        beyond = <uint32_t>diff(seq + length, x.fin_seq)
        x.after_own_fin += beyond if beyond < fresh else fresh
    if r.fin_ns:
        x.after_fin += fresh
    if x.first_data_ns == 0:
        x.first_data_ns = s.ts_ns
    if x.head_len == 0 and s.head_len:
        x.head = s.head
        x.head_len = s.head_len if s.head_len < 8 else 8
    x.last_data_ns = s.ts_ns
    if not x.fin_ns:
        x.last_len = length
        x.last_alert = s.alert
        x.last_shown = not s.quirks & NO_PAYLOAD
        x.last_fits = fits_alert(t, s)
    pin(c, s, ROLE_LAST_DATA)
    if s.alert != AL_NONE and s.alert >= x.alert and looks_like_alert(t, c, s):
        x.alert = s.alert
        x.alert_desc = s.alert_desc
        pin(c, s, ROLE_ALERT)


cdef inline void fin(Tracker *t, Conn *c, Segment *s, Half *x, Half *r, uint32_t fin_seq) noexcept nogil:
    if x.fin_ns:
        if fin_seq == x.fin_seq and not s.role & ROLE_RETRANSMISSION:
            x.rexmit_pkts += 1
            s.role |= ROLE_RETRANSMISSION
        return
    x.fin_ns = s.ts_ns
    x.fin_seq = fin_seq
    x.fin_ack = s.ack
    x.quiet_since_fin = 1
    s.role |= ROLE_FIN
    mark(x, fin_seq, 1)
    if c.first_fin == NONE:
        c.first_fin = s.side
    step(t, x, ON_FIN)
    step(t, r, ON_PEER_FIN)
    if x.una_known and diff(x.una, fin_seq) > 0:
        fin_acked(t, x, s.ts_ns)


cdef inline uint32_t reset(Tracker *t, Conn *c, Segment *s, Half *x, Half *r) noexcept nogil:
    cdef bint has_seq = has_seq_of(s) and (s.quirks & RELATIVE_SEQ) == c.relative
    cdef uint8_t rst_class = C_UNKNOWN, answers = A_NONE, accept
    cdef int answered = -1
    cdef uint32_t form = S_RST
    cdef bint closed
    s.kind = K_RST
    accept = acceptance(x, r, s.flags, s.seq, s.ack, has_seq)
    if has_seq:
        rst_class = classify(t, c, x, r, s, &answers, &answered)
    if x.rsts < U16:
        x.rsts += 1
    if x.rsts == 1:
        x.rst_ns = s.ts_ns
        x.rst_ttl = s.ttl
        x.rst_seq = s.seq
        x.rst_ack = s.ack if s.flags & F_ACK else 0
        x.rst_class = rst_class
        x.rst_answers = answers
        s.role |= ROLE_RST
        if answered >= 0:
            x.rst_lag_ns = s.ts_ns - slot(t, c.kept[answered]).ts_ns
            c.kept_role[answered] |= ROLE_ANSWERED
        if c.first_rst == NONE:
            c.first_rst = s.side
    if t.rank[accept] > t.rank[x.rst_accept]:
        x.rst_accept = accept
    # judge
    closed = x.fin_acked_ns != 0 and r.fin_acked_ns != 0
    if not (x.fin_ns and r.fin_ns):
        step(t, x, ON_RST)
    if not closed and c.reset_by == NONE and rst_class != C_BAD_ACK:
        if accept == X_EXACT:
            c.reset_by = s.side
            c.refused = r.state == SYN_SENT and not x.isn_known
            x.rst_mark = x.nxt
            x.rst_mark_known = x.nxt_known
            x.since_rst = 0
            if not x.nxt_known:
                x.rst_mark_known = 2
        elif x.nxt_known and (
            (accept == X_UNKNOWN and s.seq == x.nxt)
            or (accept == X_IN_WINDOW and x.fin_ns != 0 and s.seq == x.fin_seq)
        ):
            c.doubtful = 1
    if accept == X_IN_WINDOW:
        r.provoked = 1
    if s.flags & F_FIN:
        form |= S_FIN
    if accept == X_OUTSIDE:
        x.out_of_window += 1
        form |= S_OUTSIDE
    return form


cdef inline bint fits(const Segment *s, const Half *x, const Half *r, bint with_ack) noexcept nogil:
    if with_ack and r.isn_known and (diff(s.ack, r.isn) <= 0 or diff(s.ack, r.nxt) > 0):
        return False
    if x.isn_known:
        return with_ack and x.state == SYN_ACK_SENT
    if not x.nxt_known:
        return not x.una_known or s.seq + 1 == x.una
    return s.seq + 1 == x.low


cdef inline void start(Tracker *t, Conn *c, Segment *s, Half *x, const Half *r) noexcept nogil:
    cdef bint first = not x.nxt_known
    c.odd |= x.nxt_known or x.una_known
    x.isn = s.seq
    x.isn_known = 1
    x.low = s.seq
    if s.quirks & HAS_MSS:
        x.mss = s.mss
    if s.quirks & HAS_WSCALE:
        x.wscale = s.wscale if s.wscale < 14 else 14
    x.scaling = (s.quirks & (HAS_WSCALE | HAS_MSS)) != 0
    if s.quirks & TRUNCATED_HEADER and x.wscale == NO_SCALE:
        x.scaling = 0
    if first or x.state == SYN_ACK_SENT:
        x.nxt = s.seq + 1
        x.nxt_known = 1
        x.n_holes = 0
        if not x.una_known or diff(x.una, s.seq) <= 0 or diff(x.una, x.nxt) > 0:
            x.una = s.seq
            x.una_known = 1
    if s.payload_len:
        data(t, c, s, x, r, s.seq + 1)


cdef inline void syn_states(
    Tracker *t, Conn *c, Segment *s, Half *x, Half *r, bint with_ack
) noexcept nogil:
    step(t, x, ON_SYN_ACK if with_ack else ON_SYN)
    pin(c, s, ROLE_SYN_ACK if with_ack else ROLE_SYN)
    x.sent_syn_ack |= with_ack
    if not with_ack:
        if r.isn_known and r.state == SYN_SENT:
            c.simultaneous = 1
    else:
        if not r.nxt_known and not r.una_known:
            r.una = s.ack
            r.una_known = 1
        acknowledge(t, c, s, r, s.ack)
        if not s.quirks & NO_WIN and scale_of(&x.hot, &r.hot) >= 0:
            announce(&x.hot, s.ack + s.win)


cdef inline uint32_t syn(Tracker *t, Conn *c, Segment *s, Half *x, Half *r) noexcept nogil:
    cdef bint with_ack = (s.flags & F_ACK) != 0
    cdef bint usable = has_seq_of(s) and (s.quirks & RELATIVE_SEQ) == c.relative
    cdef bint again = x.isn_known and usable and s.seq == x.isn
    cdef bint crossing = again and with_ack and not x.sent_syn_ack
    s.kind = K_SYN_ACK if with_ack else K_SYN
    if x.syns < U16:
        x.syns += 1
    if again and not crossing:
        x.rexmit_pkts += 1
        s.role |= ROLE_RETRANSMISSION
        if c.answered:
            r.provoked = 1
        return S_SYN | S_REPEAT
    if usable and (crossing or fits(s, x, r, with_ack)):
        if not crossing:
            start(t, c, s, x, r)
        syn_states(t, c, s, x, r, with_ack)
        return S_SYN
    x.out_of_window += 1
    r.provoked = 1
    if not with_ack:
        c.pending = s.side
        c.pending_seq = s.seq
    return S_SYN | S_OUTSIDE


cdef inline bint acceptable(
    const Segment *s, const Half *x, const Half *r, bint has_seq, bint has_ack
) noexcept nogil:
    cdef int32_t ahead
    if not s.flags & F_ACK:
        return False
    if r.state == SYN_SENT and not x.isn_known:
        return has_ack and diff(s.ack, r.isn) > 0 and diff(s.ack, r.nxt) <= 0
    if has_seq and x.nxt_known:
        ahead = diff(s.seq, x.nxt)
        if ahead > FAR or ahead < -FAR:
            return False
        if ahead > 0 and r.edge_known and diff(s.seq, r.edge) > 0:
            return False
        if diff(s.seq, x.low) < (0 if x.isn_known else -STALE):
            return False
    if has_ack and r.nxt_known:
        if diff(s.ack, r.nxt) > FAR:
            return False
        if diff(s.ack, r.low) < (0 if r.isn_known else -STALE):
            return False
    return True


cdef inline uint32_t unacceptable(
    Segment *s, Half *x, Half *r, uint32_t form, bint asked
) noexcept nogil:
    if not s.flags & F_ACK:
        if s.flags & F_FIN:
            s.kind = K_FIN
        else:
            s.kind = K_DATA if s.payload_len else K_STRAY
        return form | S_OUTSIDE
    if form == S_ACK and (asked or r.state == SYN_SENT):
        s.kind = K_CHALLENGE_ACK
        x.challenge += 1
        return form
    s.kind = K_STRAY if r.state == SYN_SENT else K_OUT_OF_WINDOW
    x.out_of_window += 1
    r.provoked = 1
    return form | S_OUTSIDE


cdef inline void begin(Conn *c, const Segment *s, Half *x) noexcept nogil:
    cdef int32_t ahead
    x.nxt = s.seq
    x.low = s.seq
    x.nxt_known = 1
    if x.una_known:
        ahead = diff(s.seq, x.una)
        if -STALE <= ahead < 0:
            x.nxt = x.una
        elif not 0 <= ahead <= FAR:
            x.una = 0
            x.una_known = 0
            c.odd = 1


cdef inline bint is_probe(Segment *s, Half *x, const Half *r) noexcept nogil:
    cdef int32_t offset
    cdef bint idle
    if s.payload_len > 1 or s.flags & (F_FIN | F_SYN) or x.fin_ns:
        return False
    offset = diff(s.seq, x.nxt)
    idle = x.una_known and x.una == x.nxt
    if r.last_win0 and idle and (offset == -1 or (offset == 0 and s.payload_len)):
        s.kind = K_WINDOW_PROBE
        x.probes += 1
    elif offset == -1 and idle:
        s.kind = K_KEEP_ALIVE
        x.keep_alives += 1
    else:
        return False
    x.probed = 1
    return True


cdef inline void pure_ack(
    Segment *s, Half *x, const Half *r, bint asked, bint r_probed, bint has_ack
) noexcept nogil:
    cdef bint repeated
    s.kind = K_ACK
    if not has_ack:
        return
    repeated = x.ack_known and s.ack == x.last_ack
    if asked and (repeated or not x.ack_known):
        s.kind = K_CHALLENGE_ACK
        x.challenge += 1
    elif r_probed:
        s.kind = K_KEEP_ALIVE_ACK
    elif repeated and not s.quirks & NO_WIN and x.win_known:
        if s.win != x.win:
            s.kind = K_WINDOW_UPDATE
        elif r.nxt_known and diff(r.nxt, s.ack) > 0 and not s.role & ROLE_HANDSHAKE_ACK:
            s.kind = K_DUP_ACK
            x.dup_acks += 1


cdef inline uint32_t other(
    Tracker *t, Conn *c, Segment *s, Half *x, Half *r, bint asked, bint r_probed
) noexcept nogil:
    """Connection._segment"""
    cdef bint usable = (s.quirks & RELATIVE_SEQ) == c.relative
    cdef bint has_seq = has_seq_of(s) and usable
    cdef bint has_ack = (s.flags & F_ACK) != 0 and usable
    cdef uint32_t form = 0, seq
    cdef int scale
    c.odd |= not usable
    if s.flags & F_FIN:
        form |= S_FIN
    if s.payload_len:
        form |= S_DATA
        if looks_like_alert(t, c, s):
            form |= S_ALERT
    if not form:
        form = S_ACK
    if s.flags & F_FIN and x.fins < U16:
        x.fins += 1
    if not acceptable(s, x, r, has_seq, has_ack):
        return unacceptable(s, x, r, form, asked)
    if has_seq and not x.nxt_known:
        begin(c, s, x)
    seq = s.seq if has_seq else x.nxt
    c.answered = 1
    if has_ack and r.isn_known and r.state == SYN_ACK_SENT and diff(s.ack, r.isn) > 0:
        step(t, x, ON_HANDSHAKE_ACK)
        pin(c, s, ROLE_HANDSHAKE_ACK)
    else:
        step(t, x, ON_ACK)
    if has_seq and is_probe(s, x, r):
        pass
    elif s.payload_len:
        s.kind = K_DATA
        if has_seq:
            data(t, c, s, x, r, seq)
    elif not s.flags & F_FIN:
        pure_ack(s, x, r, asked, r_probed, has_ack)
    if has_ack:
        acknowledge(t, c, s, r, s.ack)
        if not s.quirks & NO_WIN:
            x.win = s.win
            x.win_known = 1
            scale = scale_of(&x.hot, &r.hot)
            if scale >= 0:
                announce(&x.hot, s.ack + (<uint32_t>s.win << scale))
        x.last_ack = s.ack
        x.ack_known = 1
        x.sent_ack = 1
    if s.flags & F_FIN:
        s.kind = K_FIN
        if has_seq:
            fin(t, c, s, x, r, seq + s.payload_len)
    elif x.fins:
        x.quiet_since_fin = 0
    if x.sent_ack and r.sent_ack:
        c.established = 1
    if s.role & ROLE_RETRANSMISSION:
        form |= S_REPEAT
    return form


cdef inline void take(Tracker *t, Conn *c, Segment *s, int side) noexcept nogil:
    cdef Half *x = &c.halves[side]
    cdef Half *r = &c.halves[1 - side]
    cdef bint asked, r_probed
    cdef uint32_t form
    s.side = <uint8_t>side
    s.conn = c.conn
    s.role = 0
    s.kind = 0
    s.sym = 0
    if is_copy(t, c, s):
        return
    if s.flags & (F_SYN | F_ACK | F_RST) == F_SYN:
        save(c, x)
    note_silence(c, s)
    count(s, x)
    c.pending = NONE
    asked = x.provoked
    x.provoked = 0
    r_probed = r.probed
    x.probed = 0
    if s.flags & F_RST:
        form = reset(t, c, s, x, r)
    else:
        c.doubtful = 0
        if x.rst_mark_known:
            x.since_rst = 1
        if s.flags & F_SYN:
            form = syn(t, c, s, x, r)
        else:
            form = other(t, c, s, x, r, asked, r_probed)
    remember(t, c, s, x, r, form)
