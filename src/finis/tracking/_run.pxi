# Part of `_follow.pyx`: a batch, line by line.

cdef inline bint on_time(Flow* f, int64_t ts) noexcept nogil:
    """`Device.time` where nothing happens but that time goes on."""
    cdef Time* t = f.way.time
    cdef Dev* d = f.way.dev
    cdef int64_t ahead, now
    if d.held or t.suspect.known or not t.now.known or not d.now.known:
        return False
    ahead = <int64_t>(<uint64_t>ts + <uint64_t>t.shift - <uint64_t>t.now.value)
    if ahead < -STEP or ahead > GAP:
        return False
    now = t.now.value + (ahead if ahead > 0 else 0)
    if max(now, d.now.value) >= d.next_tick:
        return False
    t.now.value = now
    if now > d.now.value:
        d.now.value = now
    if not d.first.known or ts < d.first.value:
        d.first.known, d.first.value = True, ts
    if not d.last.known or ts > d.last.value:
        d.last.known, d.last.value = True, ts
    f.at, f.at_known = ts + t.shift, True
    f.last_ts, f.last_known = ts, True
    return True


cdef int run(Flow* f, Event* events, Py_ssize_t length, Py_ssize_t* place) noexcept nogil:
    """Take lines until one needs Python: what for."""
    cdef Py_ssize_t i = place[0]
    cdef Event* e
    cdef Way* way
    cdef const Word* word
    cdef Ahead* keys
    cdef int taken
    while i < length:
        while f.prepared < length and f.prepared < i + FAR:
            if not prepare(f, &events[f.prepared]):
                return NO_BOOK_CODE
        if i + NEAR < f.prepared:
            load(f, &events[i + NEAR], &f.keys[(i + NEAR) & (RING - 1)])
        e = &events[i]
        keys = &f.keys[i & (RING - 1)]
        way = &f.ways[f.to_ways[e.origin]]
        place[0] = i
        if way.dev == NULL:
            return ORIGIN
        if way != f.way:
            f.way, f.last_known = way, False
            f.timed = False
        if not f.timed:
            if not e.has & HAS_TS:
                f.at_known = f.last_known = False
            elif not (f.last_known and f.last_ts == e.ts) and not on_time(f, e.ts):
                return TIME
        f.timed = False
        if way.dev.ties.due >= RUN:
            sweep_due(&way.dev.ties)
        if way.dev.numbers.due >= RUN:
            sweep_due(&way.dev.numbers)
        word = &f.words[f.to_words[e.words]]
        taken = 0
        if word.kind == NOTHING:
            way.dev.events += 1
            taken = 1
        elif word.kind == XLATE:
            taken = translated(f, e)
        elif word.kind == ASK or not f.at_known:
            taken = 0
        elif way.dev.stateful and word.kind <= TEARDOWN:
            taken = 0
        elif word.kind == BUILT:
            taken = built(f, e, word, keys.real, f.number + i)
        elif word.kind == TEARDOWN:
            taken = teardown(f, e, word, keys.real, f.number + i)
        elif word.kind == DENY:
            taken = deny(f, e, word, keys, f.number + i)
        else:
            taken = permit(f, e, word, f.number + i)
        if taken == 0:
            return REFERENCE
        if taken < 0:
            return NO_MEMORY
        i += 1
    place[0] = i
    return DONE_ALL


cdef inline bint prepare(Flow* f, const Event* e) noexcept nogil:
    """Work out the keys of a line to come, and have the processor load what they lead to."""
    cdef Ahead* keys = &f.keys[f.prepared & (RING - 1)]
    cdef const Word* word
    cdef Dev* d
    if e.words >= <uint64_t>f.word_count or e.origin >= <uint64_t>f.way_count:
        return False
    f.prepared += 1
    word = &f.words[f.to_words[e.words]]
    if not BUILT <= word.kind <= DENY:
        return True
    keys.real = real_of(f, e)
    if word.kind == DENY:
        keys.back = key4(
            ident_of(f, e.host[B]), port_of(e.has & HAS_B_P, e.port[B]),
            ident_of(f, e.host[A]), port_of(e.has & HAS_A_P, e.port[A]),
        )
        keys.mark = mark_of(e.ts, keys.real, e.has & HAS_HIT_COUNT, e.hit_count, word.said)
    elif not word.tcp:
        return True
    d = f.ways[f.to_ways[e.origin]].dev
    if d == NULL:
        return True
    if word.kind == DENY:
        fetch_slot(&d.lines.own, keys.mark)
        if f.store.only_copies:
            return True
        fetch_tie(&d.ties, keys.back)
    else:
        fetch_tie(&d.numbers, key_of_number(e.conn_id))
    fetch_tie(&d.ties, keys.real)
    return True


cdef inline void load(const Flow* f, const Event* e, const Ahead* keys) noexcept nogil:
    """Have the processor load the connection that a line to come is about."""
    cdef Dev* d = f.ways[f.to_ways[e.origin]].dev
    cdef const Word* word = &f.words[f.to_words[e.words]]
    cdef uint32_t place
    if d == NULL:
        return
    if word.kind == TEARDOWN and word.tcp:
        place = find_open(d, e.conn_id)
        if place != NOBODY:
            finis_fetch(conn_at(&f.store, place))
            finis_fetch(<char*>conn_at(&f.store, place) + 64)
    elif word.kind == DENY and not f.store.only_copies:
        fetch_known(&f.store, known_of(d, keys.real))
        fetch_known(&f.store, known_of(d, keys.back))


cdef inline void fetch_known(const Store* s, Known known) noexcept nogil:
    if known.open != NOBODY:
        finis_fetch(conn_at(s, known.open))
    if known.brief != NOBODY:
        finis_fetch(conn_at(s, known.brief))
    if known.long_ != NOBODY:
        finis_fetch(conn_at(s, known.long_))
