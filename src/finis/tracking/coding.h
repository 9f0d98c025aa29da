/* Numbers in as few bytes as they need, little-endian on any machine.  Reading and writing touch
   eight bytes wherever they begin: buffers have that much to spare. */

#ifndef FINIS_TRACKING_CODING_H
#define FINIS_TRACKING_CODING_H

#include <stdint.h>
#include <string.h>

static const uint64_t finis_low_bytes[9] = {
    0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFF, 0xFFFFFFFFFFFF, 0xFFFFFFFFFFFFFF,
    0xFFFFFFFFFFFFFFFF,
};

static inline uint64_t finis_swapped(uint64_t value) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(value);
#else
    return value;
#endif
}

static inline void finis_store(uint8_t *p, uint64_t value) {
    value = finis_swapped(value);
    memcpy(p, &value, 8);
}

static inline uint64_t finis_load(const uint8_t *p, uint32_t bytes) {
    uint64_t value;
    memcpy(&value, p, 8);
    return finis_swapped(value) & finis_low_bytes[bytes];
}

/* Bytes of a number as a code of three bits: 0 to 6, and 7 for eight. */
static inline uint32_t finis_code(uint64_t value) {
    uint32_t bytes = value ? (71 - (uint32_t)__builtin_clzll(value)) >> 3 : 0;
    return bytes - (bytes >> 3);
}

static inline uint32_t finis_code_bytes(uint32_t code) {
    return code + ((code + 1) >> 3);
}

/* Bytes of a number of 32 bits as a code of two bits: 0, 1, 2 or 4. */
static inline uint32_t finis_code32(uint32_t value) {
    if (!value) /* as most are */
        return 0;
    return 1 + (value > 0xFF) + (value > 0xFFFF);
}

static inline uint32_t finis_code32_bytes(uint32_t code) {
    return (1u << code) >> 1;
}

/* Small numbers of either sign as small ones without. */
static inline uint64_t finis_folded(int64_t value) {
    return (uint64_t)value << 1 ^ (value < 0 ? ~(uint64_t)0 : 0);
}

static inline int64_t finis_unfolded(uint64_t value) {
    return (int64_t)(value >> 1 ^ (value & 1 ? ~(uint64_t)0 : 0));
}

static inline uint32_t finis_folded32(uint32_t difference) {
    return difference << 1 ^ (difference >> 31 ? ~(uint32_t)0 : 0);
}

static inline uint32_t finis_unfolded32(uint32_t value) {
    return value >> 1 ^ (value & 1 ? ~(uint32_t)0 : 0);
}

/* Up to 21 numbers, their codes in front of them. */
struct Group {
    uint8_t *p;
    uint8_t *front;
    uint64_t codes;
    uint32_t shift;
};

static inline struct Group finis_begin(uint8_t *p, uint32_t front_bytes) {
    struct Group g = {p + front_bytes, p, 0, 0};
    return g;
}

static inline void finis_put(struct Group *g, uint64_t value) {
    uint32_t code = finis_code(value);
    finis_store(g->p, value);
    g->p += finis_code_bytes(code);
    g->codes |= (uint64_t)code << g->shift;
    g->shift += 3;
}

static inline uint8_t *finis_end(struct Group *g) {
    uint64_t codes = finis_swapped(g->codes);
    memcpy(g->front, &codes, (g->shift + 7) >> 3);
    return g->p;
}

static inline struct Group finis_open(const uint8_t *p, uint32_t front_bytes) {
    struct Group g = {(uint8_t *)p + front_bytes, (uint8_t *)p, 0, 0};
    g.codes = finis_load(p, front_bytes);
    return g;
}

static inline uint64_t finis_get(struct Group *g) {
    uint32_t bytes = finis_code_bytes(g->codes & 7);
    uint64_t value = finis_load(g->p, bytes);
    g->p += bytes;
    g->codes >>= 3;
    return value;
}

#endif
