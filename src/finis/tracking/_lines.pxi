# Part of `_follow.pyx`: lines that go by the book, one function for each kind.  Each returns 1 where
# the line is taken, 0 where nothing was touched, -1: no memory.

cdef inline uint64_t host_of(const Flow* f, uint64_t host) noexcept nogil:
    """In the codes of the own book."""
    return host if host < NAMED else f.to_hosts[host - NAMED]


cdef inline uint64_t ident_of(const Flow* f, uint64_t host) noexcept nogil:
    host = host_of(f, host)
    return host if host < NAMED else f.idents[host - NAMED]


cdef inline uint64_t real_of(const Flow* f, const Event* e) noexcept nogil:
    return key4(
        ident_of(f, e.host[A]), port_of(e.has & HAS_A_P, e.port[A]),
        ident_of(f, e.host[B]), port_of(e.has & HAS_B_P, e.port[B]),
    )


cdef int translated(Flow* f, const Event* e) noexcept nogil:
    cdef Dev* d = f.way.dev
    cdef Slot* slot
    d.events += 1
    if e.host[A_MAPPED] == 0:
        return 1
    slot = remember(
        d.xlates, key2(ident_of(f, e.host[A]), port_of(e.has & HAS_A_P, e.port[A])),
        d.now.value if d.now.known else 0,
    )
    if slot == NULL:
        return -1
    slot.a = <int64_t>ident_of(f, e.host[A_MAPPED])
    slot.b = <int64_t>port_of(e.has & HAS_A_MAPPED_P, e.port[A_MAPPED])
    return 1


cdef inline int tuples_of(Flow* f, const Event* e, uint64_t* keys) noexcept nogil:
    """`lives._tuples`: how many; the first is there already, the others are written."""
    cdef Dev* d = f.way.dev
    cdef bint a_same, b_same
    cdef uint64_t a, a_p, b, b_p, am, am_p, bm, bm_p
    cdef Slot* found
    if empty(d.xlates) and same_ends(e):
        return 1
    a, b = ident_of(f, e.host[A]), ident_of(f, e.host[B])
    a_p, b_p = port_of(e.has & HAS_A_P, e.port[A]), port_of(e.has & HAS_B_P, e.port[B])
    am, bm = ident_of(f, e.host[A_MAPPED]), ident_of(f, e.host[B_MAPPED])
    am_p = port_of(e.has & HAS_A_MAPPED_P, e.port[A_MAPPED])
    bm_p = port_of(e.has & HAS_B_MAPPED_P, e.port[B_MAPPED])
    a_same = e.host[A_MAPPED] == 0 or (am == a and am_p == a_p)
    b_same = e.host[B_MAPPED] == 0 or (bm == b and bm_p == b_p)
    if not empty(d.xlates):
        if a_same:
            found = recall(d.xlates, key2(a, a_p))
            if found != NULL:
                a_same, am, am_p = False, <uint64_t>found.a, <uint64_t>found.b
        if b_same:
            found = recall(d.xlates, key2(b, b_p))
            if found != NULL:
                b_same, bm, bm_p = False, <uint64_t>found.a, <uint64_t>found.b
    if a_same and b_same:
        return 1
    if a_same:
        keys[1] = key4(a, a_p, bm, bm_p)
        return 2
    keys[1] = key4(am, am_p, b, b_p)
    if b_same:
        return 2
    keys[2] = key4(a, a_p, bm, bm_p)
    keys[3] = key4(am, am_p, bm, bm_p)
    return 4


cdef inline bint same_ends(const Event* e) noexcept nogil:
    """Do the mapped endpoints plainly say what the real ones say, or nothing?"""
    if e.host[A_MAPPED] != 0 and (
        e.host[A_MAPPED] != e.host[A] or e.port[A_MAPPED] != e.port[A]
        or not e.has & HAS_A_P or not e.has & HAS_A_MAPPED_P
    ):
        return False
    return e.host[B_MAPPED] == 0 or (
        e.host[B_MAPPED] == e.host[B] and e.port[B_MAPPED] == e.port[B]
        and e.has & HAS_B_P != 0 and e.has & HAS_B_MAPPED_P != 0
    )


cdef inline int orig_of(const Word* word) noexcept nogil:
    """`lives._orientation` where it need not be guessed; else -1."""
    if word.initiator == 1 or (word.initiator != 2 and word.direction == INBOUND):
        return 0
    return 1 if word.initiator == 2 or word.direction == OUTBOUND else -1


cdef int built(Flow* f, const Event* e, const Word* word, uint64_t real, int64_t event) noexcept nogil:
    """`Lives.built`"""
    cdef Dev* d = f.way.dev
    cdef Store* s = &f.store
    cdef int orig = orig_of(word), i, count
    cdef uint64_t keys[4]
    cdef uint64_t host[4]
    cdef uint32_t place
    cdef Conn* c
    cdef Tie* found[KIND + 1]
    cdef Tie* free
    if (
        not word.tcp or e.host[A] == 0 or e.host[B] == 0 or not e.has & HAS_CONN_ID
        or e.conn_id <= NAMELESS or orig < 0
    ):
        return 0
    free = ties_of(&d.numbers, key_of_number(e.conn_id), found)
    if (
        found[IN_USE] != NULL or found[ORPHANED] != NULL
        or place_in(&d.numbers, found[TORN]) != NOBODY
    ):
        return 0
    place = conn_new(s, f.lives_count)
    if (
        place == NOBODY
        or tie_put(&d.numbers, free, key_of_number(e.conn_id), place, IN_USE) == NULL
    ):
        return -1
    note_id(d, e.conn_id)
    if not d.built_since.known:
        d.built_since.known, d.built_since.value = True, f.at
    d.built += 1
    d.events += 1
    f.lives_count += 1
    c = conn_at(s, place)
    for i in range(4):
        host[i] = host_of(f, e.host[i])
    keys[0] = real
    count = tuples_of(f, e, keys)
    if (
        set_start(s, c, e, host, f.to_words[e.words], f.to_ways[e.origin])
        or set_at(s, c, f.at) or set_tuples(s, c, keys, count) or open_last(s, d, place)
    ):
        return -1
    c.device = <uint16_t>d.name
    c.event, c.orig, c.direction = event, <uint8_t>orig, word.direction
    for i in range(count):
        if open_tuple(f, d, keys[i], place):
            return -1
    if d.open > f.open_most:
        bound_open(f, d)
    return 1


cdef inline int open_tuple(Flow* f, Dev* d, uint64_t key, uint32_t place) noexcept nogil:
    """A tuple is in use by a connection."""
    cdef Tie* found[KIND + 1]
    cdef Tie* free = ties_of(&d.ties, key, found)
    cdef uint32_t waits
    waits = place_in(&d.ties, found[WATCH])
    if waits != NOBODY:
        on_built(f, waits)
    if found[IN_USE] != NULL:
        found[IN_USE].place = place
    elif tie_put(&d.ties, free, key, place, IN_USE) == NULL:
        return -1
    return 0


cdef void on_built(Flow* f, uint32_t last) noexcept nogil:
    """`Denials.on_built`"""
    cdef Store* s = &f.store
    cdef uint32_t i = s.waits[last].next
    cdef Denial* d
    cdef int64_t after
    while True:
        after = f.at - s.waits[i].at
        d = who_waits(s, &s.waits[i])
        if d != NULL and 0 <= after <= f.ahead:
            built_later(d, seconds_of(after))
        if i == last:
            return
        i = s.waits[i].next


cdef void bound_open(Flow* f, Dev* d) noexcept nogil:
    """`Device.bound_open`"""
    cdef int64_t i = d.open // 8
    if i == 0:
        i = 1
    f.forgotten += i
    while i:
        open_close(&f.store, d, first_open(&f.store, d))
        i -= 1


cdef int teardown(
    Flow* f, const Event* e, const Word* word, uint64_t real, int64_t event
) noexcept nogil:
    """`Lives.teardown`"""
    cdef Dev* d = f.way.dev
    cdef Store* s = &f.store
    cdef uint32_t place, waits
    cdef Conn* c
    cdef Memory* memory
    cdef Tie* found[KIND + 1]
    cdef Tie* free
    cdef int k, taken
    cdef int64_t now
    cdef bint known = False
    if (
        not word.tcp or e.host[A] == 0 or e.host[B] == 0 or not e.has & HAS_CONN_ID
        or not word.sure
    ):
        return 0
    free = ties_of(&d.numbers, key_of_number(e.conn_id), found)
    if found[IN_USE] == NULL:
        return orphaned(f, e, word, real, event, found)
    place = found[IN_USE].place
    c = conn_at(s, place)
    if f.at < c.at - f.wait:
        return 0
    for k in range(c.count):
        known |= tuple_of(s, c, k) == real
    if not known:
        return 0
    if d.orphans:
        taken = settle_orphans(f, d, f.at)
        if taken <= 0:
            return taken
        free = ties_of(&d.numbers, key_of_number(e.conn_id), found)
    d.teardowns += 1
    d.events += 1
    if not d.torn_since.known:
        d.torn_since.known, d.torn_since.value = True, f.at
    no_longer_open(d, c)
    if (
        set_end(s, c, e, f.to_words[e.words], f.to_ways[e.origin])
        or set_ended_at(s, c, f.at) or set_torn_at(s, c, f.at)
    ):
        return -1
    c.how, c.by = word.how[c.orig][c.direction], word.by[c.orig][c.direction]
    c.event = event
    memory = d.brief if word.brief[c.orig][c.direction] else d.long_
    now = d.now.value if d.now.known else f.at
    if number_torn(d.torn, found, free, key_of_number(e.conn_id), place, f.at):
        return -1
    for k in range(c.count):  # `Device.close`, `Device.remember`
        if s.only_copies:
            no_tuple(d, tuple_of(s, c, k), place)
        elif tuple_ended(memory, tuple_of(s, c, k), place, True, &waits, now):
            return -1
        elif waits != NOBODY:
            on_teardown(f, waits, place, f.at)
    release(s, place)
    return 1


cdef void on_teardown(Flow* f, uint32_t last, uint32_t place, int64_t at) noexcept nogil:
    """`Denials.on_teardown`, of a firewall that logs no states"""
    cdef Store* s = &f.store
    cdef Conn* c = conn_at(s, place)
    cdef uint32_t i = s.waits[last].next
    cdef Wait* w
    cdef Denial* d
    while True:
        w = &s.waits[i]
        if -f.wait <= at - w.at <= min(f.wait, NS) and c.at <= w.at:
            d = who_waits(s, w)
            if d != NULL:
                torn_later(
                    s, d, c.row, place, c.orig if w.number >= 0 else 1 - c.orig,
                    seconds_of(w.at - at),
                )
        if i == last:
            return
        i = w.next


cdef int permit(Flow* f, const Event* e, const Word* word, int64_t event) noexcept nogil:
    """`LogTracker._permit`"""
    cdef Dev* d = f.way.dev
    cdef uint64_t key, mark
    cdef Slot* slot
    if not word.tcp or e.host[A] == 0 or e.host[B] == 0:
        return 0
    key = real_of(f, e)
    mark = mark_of(e.ts, key, e.has & HAS_HIT_COUNT, e.hit_count, word.permitted)
    if recall(d.lines, mark) != NULL:
        return 0
    d.events += 1
    slot = remember(d.lines, mark, d.now.value)
    if slot == NULL:
        return -1
    slot.c, slot.a, slot.b = f.way.path, 0, event
    if f.store.only_copies:
        return 1
    slot = remember(d.permits, key, f.at)
    if slot == NULL:
        return -1
    slot.a = f.at
    slot.b = <int64_t>f.to_words[e.words] << 32 | f.to_ways[e.origin]
    slot.c = e.line if e.has & HAS_LINE else -1
    settle_due(&f.store, d)
    return 1

# --- denials -------------------------------------------------------------------------------------

cdef int deny(Flow* f, const Event* e, const Word* word, const Ahead* keys, int64_t event) noexcept nogil:
    """`Denials.deny`, of a line that is no copy"""
    cdef Dev* d = f.way.dev
    cdef int64_t row, now = d.now.value
    cdef Slot* slot
    cdef int taken
    if e.host[A] == 0 and e.host[B] == 0:
        return 0
    if d.orphans:
        taken = settle_orphans(f, d, now)
        if taken <= 0:
            return taken
    if recall(d.lines, keys.mark) != NULL:
        return 0
    row = f.denials_count
    slot = remember(d.lines, keys.mark, now)
    if slot == NULL:
        return -1
    f.denials_count += 1
    slot.c, slot.a, slot.b = f.way.path, row, event
    d.events += 1
    d.denials += 1
    if f.store.only_copies:
        return 1
    return refused(f, e, word, keys, row)


cdef inline int refused(
    Flow* f, const Event* e, const Word* word, const Ahead* keys, int64_t row
) noexcept nogil:
    """The row of a denial; 1, or -1: no memory."""
    cdef Dev* d = f.way.dev
    cdef Store* s = &f.store
    cdef Denial* out
    cdef uint32_t place = denial_new(s)
    if place == NOBODY or fresh_add(d, row, place):
        return -1
    out = denial_at(s, place)
    out.lines_slice = head_of(d.lines)
    out.form = word.form
    write_refusal(f, e, &out.refusal, row)
    if not word.tcp or e.host[A] == 0 or e.host[B] == 0 or (
        e.has & (HAS_A_P | HAS_B_P)
    ) != (HAS_A_P | HAS_B_P):
        if say(f, &out.refusal, word.tcp):
            return -1
    elif precede(f, keys, place, row, d.now.value):
        return -1
    settle_due(s, d)
    return 1


cdef inline void write_refusal(Flow* f, const Event* e, Refusal* out, int64_t row) noexcept nogil:
    """What the line itself says."""
    cdef Dev* d = f.way.dev
    cdef int i
    out.event = e[0]
    out.event.words, out.event.origin = f.to_words[e.words], f.to_ways[e.origin]
    for i in range(4):
        out.event.host[i] = host_of(f, e.host[i])
    out.row, out.device, out.copy_row, out.log_row = row, d.name, -1, -1
    out.lag_s = out.reach_s = out.failover_s = NAN
    out.permit_line, out.permit_words, out.permit_origin = -1, NO_CODE, NO_CODE
    out.why, out.seen, out.side, out.pending = 0, UNKNOWN, NO_SIDE, 0
    out.icmp = 0
    out.spare = 0
    if d.failover.known:
        out.failover_s = seconds_of(max(0, f.at - d.failover.value))


cdef inline int precede(
    Flow* f, const Ahead* keys, uint32_t place, int64_t row, int64_t now
) noexcept nogil:
    """Join a denial to what preceded it, and let it wait for what follows; -1: no memory."""
    cdef Dev* d = f.way.dev
    cdef Denial* out = denial_at(&f.store, place)
    cdef Refusal* r = &out.refusal
    cdef Slot* slot
    before(f, d, keys, out)
    if out.conn != NOBODY:
        hold(&f.store, out.conn)
        r.seen = YES
    else:
        if why_unknown(f, d, r):
            return -1
        r.seen = NO if r.why == 0 else UNKNOWN
        r.reach_s = seconds_of(reach(d, f.at))
    if wait_for(d.watch, keys.real, f.at, row, place, now) or wait_for(
        d.watch, keys.back, f.at, ~row, place, now
    ):
        return -1
    if empty(d.permits):
        return 0
    slot = recall(d.permits, keys.real)
    if slot != NULL and -f.wait <= f.at - slot.a <= f.wait:
        r.permit_words, r.permit_origin = (
            <uint32_t>(slot.b >> 32), <uint32_t>(slot.b & NO_CODE)
        )
        r.permit_line = slot.c
    return 0


cdef inline void before(Flow* f, Dev* d, const Ahead* keys, Denial* out) noexcept nogil:
    """`denials._before`"""
    cdef Store* s = &f.store
    cdef int way
    cdef Conn* c
    cdef Known known[2]
    cdef int64_t at = f.at, ended_at = 0, rebuilt = 0
    cdef uint32_t ended = NOBODY, found
    cdef uint8_t side = 0
    cdef bint just_now, again = False
    known[0], known[1] = known_of(d, keys.real), known_of(d, keys.back)
    for way in range(2):
        found = ended_before(s, &known[way], at + f.wait)
        if found != NOBODY:
            c = conn_at(s, found)
            if ended == NOBODY or c.ended_at > ended_at:
                ended, ended_at, side = found, c.ended_at, c.orig ^ way
    for way in range(2):
        if known[way].open == NOBODY:
            continue
        c = conn_at(s, known[way].open)
        just_now = ended != NOBODY and c.at >= at - NS and ended_at >= c.at - f.wait
        if c.at <= at and not just_now:
            out.conn, out.refusal.log_row = known[way].open, c.row
            out.refusal.side, out.refusal.pending = c.orig ^ way, 1
            return
        if c.at - at <= f.ahead:
            again, rebuilt = True, max(c.at, at)
    if ended != NOBODY:
        out.conn, out.refusal.log_row, out.refusal.side = ended, conn_at(s, ended).row, side
        out.refusal.lag_s = seconds_of(at - ended_at)
    if again:
        built_later(out, seconds_of(rebuilt - at))


cdef inline uint32_t ended_before(
    const Store* s, const Known* known, int64_t latest
) noexcept nogil:
    """`Device.find_ended`"""
    cdef uint32_t one = known.brief, two = known.long_
    if one != NOBODY and conn_at(s, one).ended_at > latest:
        one = NOBODY
    if two != NOBODY and conn_at(s, two).ended_at > latest:
        two = NOBODY
    if one == NOBODY or two == NOBODY:
        return two if one == NOBODY else one
    return two if conn_at(s, two).ended_at > conn_at(s, one).ended_at else one


cdef int say(Flow* f, Refusal* out, bint tcp) noexcept with gil:
    try:
        out.why = (<Follower>f.follower).out.note_why(
            refusals.UNREADABLE if tcp else refusals.NOT_TCP
        )
    except MemoryError:
        return -1
    return 0


cdef int why_unknown(Flow* f, Dev* d, Refusal* out) noexcept nogil:
    """`Device.why_unknown`; its text is asked for where there is one that was not told before."""
    cdef int64_t at = f.at, age, unit
    cdef bint begun = d.built_since.known and d.torn_since.known
    age = max(0, at - max(d.since, d.built_since.value)) if begun else 0
    if not d.shared and begun and (age >= d.idle or silent(d, at)):
        if not (
            silent(d, at) or
            (d.lost > 5 and d.lost * 50 > d.teardowns)
            or d.ids_missing > (0.1 if d.other_ids else 0.9) * <double>(d.ids + d.ids_missing)
            or reach(d, at) < d.idle
        ):
            out.why = 0
            return 0
        f.why_dev = NULL
        return ask_why(f, d, out)
    unit = unit_of(age)
    if (
        f.why_dev != d or f.why_unit != unit or f.why_age != age // unit
        or f.why_built != d.built_since.known or f.why_torn != d.torn_since.known
    ):
        if ask_why(f, d, out):
            return -1
        f.why_dev, f.why_unit, f.why_age, f.why = d, unit, age // unit, out.why
        f.why_built, f.why_torn = d.built_since.known, d.torn_since.known
    out.why = f.why
    return 0


cdef inline int64_t unit_of(int64_t age) noexcept nogil:
    """What a duration is told in (`devices._span`): it reads the same while this many fit it."""
    if age < 120 * NS:
        return NS
    if age < 7200 * NS:
        return 60 * NS
    return 3600 * NS if age < 172_800 * NS else 86_400 * NS


cdef int ask_why(Flow* f, Dev* d, Refusal* out) noexcept with gil:
    try:
        out.why = (<Follower>f.follower).out.note_why((<object>d.state).why_unknown(f.at))
    except MemoryError:
        return -1
    return 0


cdef inline bint silent(const Dev* d, int64_t at) noexcept nogil:
    """`Device._silence` beyond the bound"""
    return d.now.known and at - d.now.value > GAP


cdef inline int64_t reach(const Dev* d, int64_t at) noexcept nogil:
    """`Device.reach`"""
    cdef int64_t begin = d.since
    if silent(d, at):
        return 0
    if d.brief.forgot and d.brief.since_ns > begin:
        begin = d.brief.since_ns
    if d.long_.forgot and d.long_.since_ns > begin:
        begin = d.long_.since_ns
    return max(0, at - begin)


cdef inline void note_id(Dev* d, int64_t number) noexcept nogil:
    """`Device.note_id`"""
    cdef int64_t top = d.id_top.value
    if not d.numbered:
        return
    d.ids += 1
    if not d.id_top.known:
        d.id_top.known, d.id_top.value = True, number
    elif number > top:
        d.ids_missing += min(<int64_t>(<uint64_t>number - <uint64_t>top - 1), 10_000)
        d.id_top.value = number
    elif top - number > 1_000_000:
        d.id_top.value = number
    elif d.ids_missing:
        d.ids_missing -= 1


cdef inline double seconds_of(int64_t ns) noexcept nogil:
    return ns / 1e9 if ns < EXACT else <double>(<long double>ns / <long double>1e9)
