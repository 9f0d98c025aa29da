# Part of `_follow.pyx`: the state of one firewall.

# --- the state of a firewall ---------------------------------------------------------------------

cdef object told(Maybe maybe):
    return maybe.value if maybe.known else None


cdef int tell(Maybe* maybe, value) except -1:
    maybe.known = value is not None
    maybe.value = value if maybe.known else 0
    return 0


cdef class ClockState:
    cdef Time t
    cdef public object stepped_from

    def __cinit__(self):
        memset(&self.t, 0, sizeof(Time))
        self.stepped_from = 0

    @property
    def now(self):
        return told(self.t.now)

    @now.setter
    def now(self, value):
        tell(&self.t.now, value)

    @property
    def suspect(self):
        return told(self.t.suspect)

    @suspect.setter
    def suspect(self, value):
        tell(&self.t.suspect, value)

    @property
    def shift(self):
        return self.t.shift

    @shift.setter
    def shift(self, value):
        self.t.shift = value

    def move(self, stamp):
        return LogClock.move(self, stamp)

    def _bound(self, stamp):
        LogClock._bound(self, stamp)


cdef class FastCounts:
    """`Counts`; the frequent ones are counted in `Dev`."""

    cdef State state
    cdef public object copies, epochs, gaps, longest_gap, unreadable

    def __cinit__(self, State state):
        self.state = state
        self.copies = self.epochs = self.gaps = self.unreadable = 0
        self.longest_gap = (0, 0)

    @property
    def events(self):
        return self.state.d.events

    @events.setter
    def events(self, value):
        self.state.d.events = value

    @property
    def built(self):
        return self.state.d.built

    @built.setter
    def built(self, value):
        self.state.d.built = value

    @property
    def teardowns(self):
        return self.state.d.teardowns

    @teardowns.setter
    def teardowns(self, value):
        self.state.d.teardowns = value

    @property
    def late(self):
        return self.state.d.late

    @late.setter
    def late(self, value):
        self.state.d.late = value

    @property
    def lost(self):
        return self.state.d.lost

    @lost.setter
    def lost(self, value):
        self.state.d.lost = value

    @property
    def denials(self):
        return self.state.d.denials

    @denials.setter
    def denials(self, value):
        self.state.d.denials = value


cdef class State:
    """The state of `devices.Device`, packed."""

    cdef Dev d
    cdef Flow* f
    cdef readonly object name, options, budget, shared, firewall, clocks, held, counts
    cdef readonly object lingering, states
    cdef readonly OpenNumbers open
    cdef readonly OpenTuples open_tuples
    cdef readonly Orphans orphans
    cdef readonly Endings ended, expired
    cdef readonly TornNumbers torn
    cdef readonly Lines lines
    cdef readonly Watched watch
    cdef readonly Permits permits
    cdef readonly Translations xlates
    cdef public object since_why

    def __cinit__(self, name, options, budget, shared, firewall, Follower follower):
        memset(&self.d, 0, sizeof(Dev))
        self.f = &follower.f
        self.name, self.options, self.budget, self.shared = name, options, budget, shared
        self.clocks, self.held = {}, {}
        self.firewall, self.states = firewall, {}
        self.lingering = Lingering(follower)
        self.d.numbered, self.d.stateful = firewall.numbered, firewall.states
        self.d.name, self.d.shared = follower.note_device(name), shared
        self.d.state = <void*>self
        self.d.numbers.near = SEED_A
        self.d.ties.pace, self.d.numbers.pace = PACE, NUMBERS_PACE
        self.counts = FastCounts(self)
        self.since_why = "the log starts"
        self.open, self.open_tuples = OpenNumbers(self, follower), OpenTuples(self, follower)
        self.orphans = Orphans(self, follower)
        most = options.lines_most
        ended_s, expired_s = int(options.ended_s * NS), int(options.expired_s * NS)
        self.ended = Endings(self, follower, BRIEF, ended_s, options.ended_most, 2)
        self.expired = Endings(self, follower, LONG, expired_s, options.ended_most, 4)
        self.torn = TornNumbers(self, follower, TORN, 120 * NS, most)
        self.lines = Lines(self, follower, OWN, 120 * NS, most)
        self.watch = Watched(self, follower, WATCH, int(options.ahead_s * NS), most)
        self.permits = Permits(self, follower, OWN, int(options.wait_s * NS), most)
        self.xlates = Translations(self, follower, OWN, 60 * NS, most)
        self.d.brief, self.d.long_ = &self.ended.m, &self.expired.m
        self.d.torn, self.d.lines = &self.torn.m, &self.lines.m
        self.d.watch, self.d.xlates = &self.watch.m, &self.xlates.m
        self.d.permits = &self.permits.m
        self.torn.m.numbered.ties = &self.d.ties
        follower.number_device(self.d.name, &self.torn.m.numbered)
        self.d.next_tick = LEAST
        budget.members += [self.ended, self.expired]

    def __dealloc__(self):
        free(self.d.orphan_order.items)
        free(self.d.fresh.items)
        free(self.d.order.items)
        ties_free(&self.d.ties)
        ties_free(&self.d.numbers)

    @property
    def now(self):
        return told(self.d.now)

    @now.setter
    def now(self, value):
        tell(&self.d.now, value)

    @property
    def first_ns(self):
        return told(self.d.first)

    @first_ns.setter
    def first_ns(self, value):
        tell(&self.d.first, value)

    @property
    def last_ns(self):
        return told(self.d.last)

    @last_ns.setter
    def last_ns(self, value):
        tell(&self.d.last, value)

    @property
    def failover(self):
        return told(self.d.failover)

    @failover.setter
    def failover(self, value):
        tell(&self.d.failover, value)

    @property
    def built_since(self):
        return told(self.d.built_since)

    @built_since.setter
    def built_since(self, value):
        tell(&self.d.built_since, value)

    @property
    def torn_since(self):
        return told(self.d.torn_since)

    @torn_since.setter
    def torn_since(self, value):
        tell(&self.d.torn_since, value)

    @property
    def id_top(self):
        return told(self.d.id_top)

    @id_top.setter
    def id_top(self, value):
        tell(&self.d.id_top, value)

    @property
    def next_tick(self):
        return self.d.next_tick

    @next_tick.setter
    def next_tick(self, value):
        self.d.next_tick = value

    @property
    def since(self):
        return self.d.since

    @since.setter
    def since(self, value):
        self.d.since = value

    @property
    def ids(self):
        return self.d.ids

    @ids.setter
    def ids(self, value):
        self.d.ids = value

    @property
    def ids_missing(self):
        return self.d.ids_missing

    @ids_missing.setter
    def ids_missing(self, value):
        self.d.ids_missing = value

    @property
    def other_ids(self):
        return bool(self.d.other_ids)

    @other_ids.setter
    def other_ids(self, value):
        self.d.other_ids = value


class FastDevice(State, Tracked):
    """`devices.Device`, packed."""

    def key(self, *ends):
        if len(ends) == 2:
            return key2(ident(ends[0]), port_ident(ends[1]))
        one, one_p, two, two_p = ends
        return key4(ident(one), port_ident(one_p), ident(two), port_ident(two_p))

    def mark(self, ts, key, hits, *words):
        said = <uint64_t><int64_t>hash(words)
        return mark_of(ts, key, hits is not None, hits or 0, said)

    def new_clock(self):
        return ClockState()
