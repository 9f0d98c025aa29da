# Mirrors verdict.py and the Zeek part of endings.py.
from libc.stdint cimport uint8_t

from finis.tracking._codes cimport *
from finis.tracking._record cimport starts_like_tls, strip, tls_likely
from finis.tracking._state cimport Conn, Half, Tracker


cdef inline int zeek_endpoint(const Half *h, int side, const Half *peer) noexcept nogil:
    if h.state == SILENT:
        return INACTIVE
    if h.state == PARTIAL:
        return Z_PARTIAL
    if h.state == FIN_SENT or h.state == FIN_ACKED:
        return CLOSED
    if h.state == RESET or h.state == FIN_RESET:
        return Z_RESET
    if h.state == SYN_ACK_SENT and side == 0 and not peer.isn_known:
        return Z_SYN_ACK_SENT
    if h.state != SYN_ACK_SENT and h.isn_known and not peer.isn_known:
        return Z_SYN_SENT
    return ESTABLISHED


cdef inline bint syn_then_rst(const Conn *c) noexcept nogil:
    cdef int i, first = 0
    cdef uint8_t one
    while first < c.n_history and c.history[first] == c'^':
        first += 1
    for i in range(c.n_history):
        one = c.history[i]
        if i == 0 and one == c'^':
            continue
        if one == c'R':
            return i > 0 and first < c.n_history and c.history[first] == c'S'
        if one == c'H' or one == c'A' or one == c'F' or one == c'G' or one == c'I' or one == c'Q':
            return False
    return False


cdef inline uint8_t conn_state(const Conn *c) noexcept nogil:
    cdef int orig = zeek_endpoint(&c.halves[0], 0, &c.halves[1])
    cdef int resp = zeek_endpoint(&c.halves[1], 1, &c.halves[0])
    cdef bint orig_away = orig == INACTIVE or orig == Z_PARTIAL
    cdef bint resp_away = resp == INACTIVE or resp == Z_PARTIAL
    cdef bint payload = c.halves[0].bytes != 0 or c.halves[1].bytes != 0
    if resp == Z_RESET:
        if orig == Z_SYN_SENT or orig == Z_SYN_ACK_SENT or (orig == Z_RESET and not payload):
            return REJ
        return RSTRH if orig_away else RSTR
    if orig == Z_RESET:
        if resp_away:
            return RSTOS0 if syn_then_rst(c) else OTH
        return RSTO
    if orig == CLOSED and resp == CLOSED:
        return SF
    if orig == CLOSED:
        return SH if resp_away else S2
    if resp == CLOSED:
        return SHR if orig_away else S3
    if orig == Z_SYN_SENT and resp == INACTIVE:
        return S0
    if orig == ESTABLISHED and resp == ESTABLISHED:
        return S1
    return OTH


cdef inline uint8_t ended(const Conn *c) noexcept nogil:
    cdef const Half *a = &c.halves[0]
    cdef const Half *b = &c.halves[1]
    if c.reset_by != NONE:
        return E_REFUSED if c.refused else E_RESET
    if a.fin_acked_ns and b.fin_acked_ns:
        return E_CLOSED
    if c.doubtful:
        return E_RESET
    if a.fin_ns and b.fin_ns:
        return E_CLOSING
    if a.fin_ns or b.fin_ns:
        return E_HALF_CLOSED
    if (a.isn_known or b.isn_known) and not c.answered:
        return E_UNANSWERED
    return E_OPEN


cdef inline uint8_t notify(Tracker *t, const Conn *c, const Half *h) noexcept nogil:
    cdef bint likely, records
    if h.alert == AL_CLOSE_NOTIFY:
        return N_YES
    if h.last_len == 0:
        return N_UNSEEN
    likely = tls_likely(t, c)
    if h.last_alert == AL_RECORD or (h.last_fits and likely):
        return N_LIKELY
    if h.last_alert == AL_WARNING or h.last_alert == AL_FATAL:
        return N_NO
    records = starts_like_tls(&c.halves[0]) or starts_like_tls(&c.halves[1])
    if h.last_shown and (records or (likely and c.midstream)):
        return N_NO
    return N_UNSEEN


cdef inline void conclude(Tracker *t, Conn *c) noexcept nogil:
    c.ended = ended(c)
    if c.ended != E_REFUSED and c.ended != E_UNANSWERED:
        strip(c)
    c.conn_state = conn_state(c)
    c.halves[0].notify = notify(t, c, &c.halves[0])
    c.halves[1].notify = notify(t, c, &c.halves[1])
