# Threads that follow.

cdef enum:
    SLOTS = 8  # batches that wait for a thread or that it works on; `captures._api` counts on it


cdef struct Slot:
    Batch batch
    int64_t done  # connections that had finished after it and were not taken
    PyThread_type_lock ready  # free: the batch is to be followed
    PyThread_type_lock over  # free: it was


cdef class Helper:
    """A thread that follows a share, batch after batch.  It holds the interpreter only while memory
    grows."""

    cdef Share share
    cdef Slot slots[SLOTS]
    cdef PyThread_type_lock gate, busy  # `busy`: held by who touches the share
    cdef int turn, next  # the slots that the thread comes to, and that is filled, next
    cdef bint stopped, failed
    cdef int64_t finished  # connections: after the batch that was in the slot claimed last
    cdef list memory  # by slot: of the rows and of what there is to do of them

    def __cinit__(self, Share share):
        cdef int i
        self.share, self.memory = share, [(None, None)] * SLOTS
        self.gate, self.busy = PyThread_allocate_lock(), PyThread_allocate_lock()
        for i in range(SLOTS):
            self.slots[i].ready, self.slots[i].over = (
                PyThread_allocate_lock(), PyThread_allocate_lock()
            )
            if self.slots[i].ready == NULL or self.slots[i].over == NULL:
                raise MemoryError
            PyThread_acquire_lock(self.slots[i].ready, WAIT_LOCK)
        if self.gate == NULL or self.busy == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef int i
        for i in range(SLOTS):
            free_lock(self.slots[i].ready)
            free_lock(self.slots[i].over)
        free_lock(self.gate)
        free_lock(self.busy)

    def work(self):
        """What the thread does."""
        cdef Slot *slot
        with nogil:
            while True:
                slot = &self.slots[self.turn]
                PyThread_acquire_lock(slot.ready, WAIT_LOCK)
                if self.stopped:
                    break
                self.enter()
                self.follow(&slot.batch)
                slot.done = self.share.t.n_done
                PyThread_release_lock(self.busy)
                PyThread_release_lock(slot.over)
                self.turn = (self.turn + 1) % SLOTS

    cdef void enter(self) noexcept nogil:
        """Wait until nobody else touches the share, nor waits for it in `visit`."""
        PyThread_acquire_lock(self.gate, WAIT_LOCK)
        PyThread_release_lock(self.gate)
        PyThread_acquire_lock(self.busy, WAIT_LOCK)

    cdef void follow(self, const Batch *batch) noexcept nogil:
        cdef Py_ssize_t at = 0
        while not self.failed:
            at = run(&self.share.t, batch, at)
            if at == batch.n:
                return
            self.grow()

    cdef void grow(self) noexcept with gil:
        try:
            self.share.make_room()
        except MemoryError:
            self.failed = True

    # What other threads do.

    cdef void claim(self) noexcept nogil:
        """Wait until the slot to be filled next is free; `hand` or `disclaim` comes after it."""
        PyThread_acquire_lock(self.slots[self.next].over, WAIT_LOCK)
        self.finished = self.slots[self.next].done

    cdef void disclaim(self) noexcept nogil:
        PyThread_release_lock(self.slots[self.next].over)

    cdef object todo(self):
        """The room that the slot to be filled next had for it."""
        return self.memory[self.next][1]

    cdef int hand(self, const Batch *batch, tuple memory) except -1:
        """`memory` lasts until the slot is filled again."""
        self.memory[self.next] = memory
        self.slots[self.next].batch = batch[0]
        PyThread_release_lock(self.slots[self.next].ready)
        self.next = (self.next + 1) % SLOTS
        return 0

    cdef void rest(self) noexcept nogil:
        """Wait until there is nothing to do."""
        cdef int i
        for i in range(SLOTS):
            PyThread_acquire_lock(self.slots[i].over, WAIT_LOCK)
            PyThread_release_lock(self.slots[i].over)

    cdef void taken(self) noexcept nogil:
        """The thread has nothing to do, and what had finished was taken."""
        cdef int i
        for i in range(SLOTS):
            self.slots[i].done = 0
        self.finished = 0

    cdef void visit(self) noexcept nogil:
        """Wait until nobody else touches the share; `leave` comes after it."""
        PyThread_acquire_lock(self.gate, WAIT_LOCK)
        PyThread_acquire_lock(self.busy, WAIT_LOCK)

    cdef void leave(self) noexcept nogil:
        PyThread_release_lock(self.busy)
        PyThread_release_lock(self.gate)

    cdef void stop(self) noexcept nogil:
        self.rest()
        self.stopped = True
        PyThread_release_lock(self.slots[self.next].ready)


cdef void free_lock(PyThread_type_lock lock) noexcept:
    if lock != NULL:
        PyThread_free_lock(lock)
