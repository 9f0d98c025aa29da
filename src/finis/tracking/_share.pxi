# Shares of the connections, and the memory of these.

cdef class Store:
    """Memory of a pool."""

    cdef Pool *pool
    cdef object chunks, pointers

    cdef void set(self, Pool *pool, uint32_t size, uint32_t bits):
        pool.size, pool.bits = size, bits
        self.pool = pool
        self.clear()

    cdef void clear(self):
        self.chunks, self.pointers = [], np.zeros(8, np.uint64)
        self.pool.free = NOWHERE
        self.pool.n_free = self.pool.fresh = 0

    cdef size_t used(self):
        """Bytes that were touched."""
        return <size_t>self.pool.fresh * self.pool.size

    cdef void grow(self):
        """One more chunk.  Memory not yet touched costs nothing."""
        cdef Py_ssize_t count = <Py_ssize_t>1 << self.pool.bits
        if len(self.chunks) == len(self.pointers):
            self.pointers = np.concatenate((self.pointers, np.zeros_like(self.pointers)))
        chunk = np.empty(count * self.pool.size + _ALIGN, np.uint8)
        self.pointers[len(self.chunks)] = (chunk.ctypes.data + _ALIGN - 1) // _ALIGN * _ALIGN
        self.chunks.append(chunk)
        self.pool.chunks = <char **>address(self.pointers)
        self.pool.n_free += <uint32_t>count


cdef class Share:
    """Some of the connections, and the memory of these."""

    cdef Tracker t
    cdef Store flows, ends, lines, hots, colds, slots, blocks
    cdef object table, done

    cdef int begin(self, limits_ns, dict limits, seeds, int most_awake) except -1:
        memset(&self.t, 0, sizeof(Tracker))
        self.t.states = <const uint8_t *>address(_STATES)
        self.t.tls_ports = <const uint8_t *>address(_TLS_PORTS)
        self.t.alert_sizes = <const uint8_t *>address(_ALERT_SIZES)
        self.t.port_ranks = <const uint8_t *>address(_PORT_RANKS)
        self.t.rank = <const uint8_t *>address(_RANK)
        for which, limit in enumerate(limits_ns):
            self.t.queues[which].limit_ns = limit
            self.t.queues[which].first = self.t.queues[which].last = NOWHERE
        self.t.now_ns = -SPAN_NS
        self.t.reuse_ns = limits["reuse_ns"]
        self.t.max_live = limits["max_connections"]
        self.t.max_embryonic = limits["max_embryonic"]
        self.t.max_kept = limits["max_kept"]
        for which, seed in enumerate(seeds):
            self.t.seeds[which] = seed
        set_usual(&self.t)
        self.t.n_awake = min(max(most_awake, 1), 1 << HOT_BITS)
        self.flows, self.ends, self.lines, self.hots = Store(), Store(), Store(), Store()
        self.colds, self.slots, self.blocks = Store(), Store(), Store()
        self.flows.set(&self.t.flows, sizeof(Flow), FLOW_BITS)
        self.ends.set(&self.t.ends, sizeof(Ends), LINE_BITS)
        self.lines.set(&self.t.lines, LINE, LINE_BITS)
        self.hots.set(&self.t.hots, sizeof(Hot), HOT_BITS)
        self.colds.set(&self.t.colds, sizeof(Cold), HOT_BITS)
        self.slots.set(&self.t.slots, sizeof(Kept), SLOT_BITS)
        self.blocks.set(&self.t.blocks, max(sizeof(Segment), sizeof(More)), BLOCK_BITS)
        self.done = np.empty(0, np.uint32)
        self.table = None
        self.make_beds()
        self.set_table(_SMALL_TABLE)
        return 0

    cdef tuple stores(self):
        return (self.flows, self.ends, self.lines, self.colds, self.slots, self.blocks)

    cdef size_t held_bytes(self):
        cdef size_t held = self.table.nbytes + self.hots.used()
        for store in self.stores():
            held += (<Store>store).used()
        return held

    cdef int begin_anew(self) except -1:
        """Nothing refers to the memory any more."""
        for store in self.stores():
            (<Store>store).clear()
        self.make_beds()
        self.set_table(_SMALL_TABLE)
        return 0

    cdef int make_beds(self) except -1:
        """Room for those that are awake."""
        self.hots.clear()
        self.hots.grow()
        self.t.hots.n_free = self.t.n_awake
        self.t.hand = 0
        return 0

    cdef int make_room(self) except -1:
        """What AHEAD segments, or handing on, may need: see `room`."""
        if self.t.flows.n_free < AHEAD:
            self.flows.grow()
            self.set_done(len(self.flows.chunks) << FLOW_BITS)
        if self.t.ends.n_free < 4 * AHEAD:
            self.ends.grow()
        if self.t.lines.n_free < 256 * AHEAD:
            self.lines.grow()
        if self.t.colds.n_free < 2 * AHEAD:
            self.colds.grow()
        if self.t.slots.n_free < KEPT * AHEAD:
            self.slots.grow()
        if self.t.blocks.n_free < 2 * KEPT * AHEAD:
            self.blocks.grow()
        if crowded(&self.t):
            self.set_table(2 * len(self.table))
        return 0

    cdef int set_done(self, Py_ssize_t size) except -1:
        """Room for that many finished connections."""
        done = np.empty(size, np.uint32)
        done[: self.t.n_done] = self.done[: self.t.n_done]
        self.done = done
        self.t.done = <uint32_t *>address(done)
        return 0

    cdef int set_table(self, Py_ssize_t size) except -1:
        """A table of `size` places, a power of two."""
        cdef Py_ssize_t i, n = 0
        cdef uint64_t[::1] entries
        old = self.table
        self.table = np.empty(size, np.uint64)  # in large pages, which np.zeros does not ask for
        self.table[:] = 0
        self.t.table = <uint64_t *>address(self.table)
        self.t.mask = size - 1
        if old is None or not self.t.n_live:
            return 0
        entries, n = old, len(old)
        with nogil:
            for i in range(n):
                if entries[i]:
                    insert(&self.t, entries[i])
        return 0

    cdef tuple take_done(self):
        """Finished connections and their numbers; they are from now on the caller's."""
        cdef Py_ssize_t i, n = self.t.n_done
        index, numbers = self.done[:n].copy(), np.empty(n, np.uint64)
        cdef uint64_t[::1] number = numbers
        for i in range(n):
            number[i] = flow_at(&self.t, self.t.done[i]).conn
        self.t.n_done = 0
        return index, numbers
