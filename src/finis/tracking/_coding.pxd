# The C functions of coding.h.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "coding.h" nogil:
    struct Group:
        uint8_t *p

    void store "finis_store" (uint8_t *p, uint64_t value)
    uint64_t load "finis_load" (const uint8_t *p, uint32_t bytes)
    uint32_t code_of "finis_code" (uint64_t value)
    uint32_t code_bytes "finis_code_bytes" (uint32_t code)
    uint32_t code32_of "finis_code32" (uint32_t value)
    uint32_t code32_bytes "finis_code32_bytes" (uint32_t code)
    uint64_t folded "finis_folded" (int64_t value)
    int64_t unfolded "finis_unfolded" (uint64_t value)
    uint32_t folded32 "finis_folded32" (uint32_t difference)
    uint32_t unfolded32 "finis_unfolded32" (uint32_t value)
    Group begin_group "finis_begin" (uint8_t *p, uint32_t front_bytes)
    void put_number "finis_put" (Group *g, uint64_t value)
    uint8_t *end_group "finis_end" (Group *g)
    Group open_group "finis_open" (const uint8_t *p, uint32_t front_bytes)
    uint64_t get_number "finis_get" (Group *g)
