/* What the kernel remembers.  Names are explained in half.py, record.py and reference.py.

   `struct Flow` is what finds a connection and says when it leaves.  The rest is awake or at rest.
   Awake, it is in two parts.  The hot one has what every segment touches and all there is of a
   connection in which nothing unusual happened so far.  The cold one is made when a field of it
   leaves its default: at the first FIN or RST, at a retransmission, a zero window.  `struct Conn`
   is both together, as the readable tracker knows it: see `_store.pxd`.  A limited number is awake,
   those that had segments last; of the others all this lies in a few lines of bytes: see
   `_rest.pxd`, where many interleave with segments not yet followed: see `_notes.pxd`. */

#ifndef FINIS_TRACKING_STATE_H
#define FINIS_TRACKING_STATE_H

#include <stdint.h>
#include <string.h>

enum {
    KEPT = 32,  /* at most 20 pinned, 8 recent and the one just coming in */
    RING = 8,   /* record.RECENT */
    PINS = 8,   /* pinned segments besides the recent ones in the hot part; the rest: More */
    EARLY = 12, /* letters of the history there */
    FIRST = 2,  /* symbols of the ending there */
    LINES = 5,  /* lines of a connection at rest that are known at once */
    LINE = 64,  /* bytes of one */
    SHORT_LINE = 32
};

/* A kept segment without what its connection knows: one cache line.  What does not fit (see
   `_slots.pxd`) lies as a whole row elsewhere, but all that tracking itself asks stays here. */
struct Kept {
    int64_t ts_ns;
    union {
        struct {
            uint64_t head, payload_hash;
        };
        struct { /* no payload bytes */
            uint32_t sack_left, sack_right;
            uint16_t mss, drop;
            uint8_t wscale;
        };
        struct { /* everything else elsewhere */
            uint64_t wide_hash;
            uint32_t wide;
        };
    };
    uint32_t seq, ack, tsval, tsecr, quirks, frame, payload_len;
    uint16_t win, ip_id, file;
    uint16_t marks; /* flags: 9 bits, kind: 4, form: 2 */
    uint8_t overhead; /* ip_len - payload_len */
    uint8_t ttl, alert_desc;
    uint8_t alert_head; /* alert, head_len << 4 */
};

struct Hole {
    uint32_t first, end;
};

/* clang-format off */
#define HALF_HOT                                                                            \
    uint64_t bytes, ip_bytes, head;                                                         \
    int64_t first_seg_ns, last_seg_ns, first_data_ns, last_data_ns;                         \
    uint32_t pkts, nxt, una, isn, low, edge, last_ack, last_len, hist_syn;                  \
    uint16_t win, mss, syns;                                                                \
    union {                                                                                 \
        struct {                                                                            \
            uint16_t isn_known : 1, nxt_known : 1, una_known : 1, edge_known : 1,           \
                win_known : 1, ack_known : 1, sent_syn_ack : 1, sent_ack : 1, scaling : 1,  \
                last_win0 : 1, last_shown : 1, last_fits : 1, provoked : 1, probed : 1;     \
            uint16_t hist_seen : 12, state : 4;                                             \
        };                                                                                  \
        uint32_t bits;                                                                      \
    };                                                                                      \
    uint8_t wscale, ttl_min, ttl_max, head_len, last_alert;                                 \
    int8_t scale; /* of its windows as `scale_of` says, while the connection is plain */

#define HALF_COLD                                                                           \
    uint64_t after_fin, after_own_fin;                                                      \
    int64_t fin_ns, fin_acked_ns, rst_ns, rst_lag_ns;                                       \
    uint32_t rexmit_pkts, rexmit_bytes, keep_alives, probes, challenge, out_of_window,      \
        zero_windows, dup_acks, fin_seq, fin_ack, rst_seq, rst_ack, rst_mark, hist_fin,     \
        hist_rst, hist_bad, hist_again, hist_zero, hist_gap;                                          \
    struct Hole holes[4];                                                                   \
    uint16_t fins, rsts;                                                                    \
    uint8_t rst_class, rst_answers, rst_accept, notify, alert, alert_desc, rst_ttl,         \
        quiet_since_fin, rst_mark_known, since_rst, n_holes;

#define CONN_HOT                                                                            \
    uint64_t orig_hi, orig_lo, resp_hi, resp_lo;                                            \
    uint16_t orig_p, resp_p, vlan, point;                                                   \
    uint32_t cold;                                                                          \
    uint64_t conn;                                                                          \
    int64_t first_ns, last_ns, max_gap_ns, max_gap_at_ns, established_ns;                   \
    uint32_t first_frame, last_frame;                                                       \
    uint32_t relative;                                                                      \
    uint16_t file, last_file;                                                               \
    uint8_t plain;   /* bits by side: its plain segments need the hot part only */          \
    uint8_t odd;     /* its numbers do not rule copies out, see `_plain.pxd` */             \
    uint8_t n_history, n_ending;                                                            \
    union {                                                                                 \
        struct {                                                                            \
            uint8_t orientation : 2, established : 1, midstream : 1, simultaneous : 1,      \
                answered : 1, reuse_unanswered : 1;                                         \
        };                                                                                  \
        uint8_t traits;                                                                     \
    };

#define CONN_COLD                                                                           \
    int64_t closing_gap_ns, reuse_gap_ns;                                                   \
    struct Undo undo;                                                                       \
    uint32_t pending_seq;                                                                   \
    uint32_t more;                                                                          \
    uint8_t ended, first_fin, first_rst, conn_state, reset_by, closing, refused, doubtful,  \
        pending;
/* clang-format on */

struct Undo {
    int64_t last_ns, max_gap_ns, max_gap_at_ns, first_seg_ns, last_seg_ns;
    uint32_t last_frame, zero_windows, hist_syn;
    uint16_t last_file, hist_seen;
    uint8_t ttl_min, ttl_max, last_win0, n_history, n_ending, doubtful;
};

struct HalfHot {
    HALF_HOT
};

struct HalfCold {
    HALF_COLD
};

struct ConnHot {
    CONN_HOT
};

struct ConnCold {
    CONN_COLD
};

/* What `bits` has where these are set. */
static inline uint32_t finis_bit_letter(uint16_t seen) {
    struct HalfHot x;
    x.bits = 0;
    x.hist_seen = seen;
    return x.bits;
}

#define FINIS_BIT(name)                                                                     \
    static inline uint32_t finis_bit_##name(void) {                                         \
        struct HalfHot x;                                                                   \
        x.bits = 0;                                                                         \
        x.name = 1;                                                                         \
        return x.bits;                                                                      \
    }
FINIS_BIT(win_known)
FINIS_BIT(ack_known)
FINIS_BIT(edge_known)
FINIS_BIT(sent_ack)
FINIS_BIT(last_win0)
FINIS_BIT(last_shown)
FINIS_BIT(last_fits)

struct Half {
    union {
        struct {
            HALF_HOT
        };
        struct HalfHot hot;
    };
    union {
        struct {
            HALF_COLD
        };
        struct HalfCold cold_part;
    };
};

/* What the table, the lists and the queue of finished ones need of a connection: one cache line. */
struct Flow {
    uint32_t orig, resp; /* IPv4 addresses; else `orig` is the number of its `struct Ends` */
    uint16_t orig_p, resp_p, vlan, point;
    uint32_t before, after; /* neighbours in the list it waits in */
    int64_t touched_ns;
    uint64_t conn;
    uint32_t lines[LINES]; /* at rest: where; awake: `lines[0]` is the hot part */
    uint8_t waiting;       /* which list */
    uint8_t n_kept;
    uint8_t n_lines; /* 0: awake */
    uint8_t wide : 1, /* its addresses are not those of IPv4 */
        short_line : 1, /* the last line is a short one */
        noted : 1; /* at rest as its segments, see `struct Notes` */
};

struct Ends { /* in the same pool as short lines */
    uint64_t orig_hi, orig_lo, resp_hi, resp_lo;
};

/* The first line of a connection that is at rest with segments not yet followed, which lie coded in
   the lines after it: what the next one is likely to be, by side (by side and with or without data),
   and what it may be without more than this being known.  Of a SYN alone there is a `struct Kept`
   instead. */
struct Notes {
    uint32_t seq[2]; /* SND.NXT */
    uint32_t una[2];
    uint32_t tsval[2];
    uint32_t frame;
    uint16_t win[2], ip_id[2];
    uint16_t file;
    uint16_t size; /* bytes in the other lines, of which */
    uint16_t base; /* are the connection as it was before, 0: there was none */
    uint16_t quirks[4];
    uint8_t ttl[2], overhead[2];
    int8_t last[4];     /* latest ACK and latest data: which of `n`, -1: a pinned one, 127: none */
    uint8_t n;          /* recent segments, from those that the connection had before on */
    uint8_t lasting;    /* bits: which of the first 8 are kept for good */
    uint8_t n_lasting;  /* pinned ones kept for good */
    uint8_t acked : 2,  /* by side: it sent an ACK besides SYNs */
        pushed : 2,     /* by side: its latest data had PSH */
        odd : 1;        /* as in CONN_HOT */
};

/* The whole of a connection, while the general code is at work on it. */
struct Conn {
    union {
        struct {
            CONN_HOT
        };
        struct ConnHot hot;
    };
    union {
        struct {
            CONN_COLD
        };
        struct ConnCold cold_part;
    };
    struct Half halves[2];
    uint32_t kept[KEPT]; /* slots */
    uint16_t kept_role[KEPT];
    uint8_t kept_side[KEPT], kept_sym[KEPT];
    uint16_t ending[16];
    uint8_t history[24];
    uint8_t n_kept;
};

/* Kept segments that are not among the recent ones, oldest first.  `role` holds the side too. */
struct Hot {
    union {
        struct {
            CONN_HOT
        };
        struct ConnHot hot;
    };
    uint32_t flow; /* whose it is */
    uint32_t ring[RING]; /* the recent ones: from `ring_at` on, around */
    uint32_t pins[PINS];
    uint16_t ring_role[RING];
    uint16_t pins_role[PINS];
    uint8_t ring_sym[RING];
    uint8_t pins_sym[PINS];
    uint8_t ring_n, ring_at, n_pins;
    uint8_t used; /* since the others were last looked through for one to put to rest */
    uint8_t history[EARLY];
    uint16_t ending[FIRST];
    struct HalfHot halves[2];
} __attribute__((aligned(64)));

struct Cold {
    struct ConnCold conn;
    struct HalfCold halves[2];
    uint16_t ending[16 - FIRST];
    uint8_t history[24 - EARLY];
};

enum {
    COLD_WORDS = sizeof(struct Cold) / 8
};

struct More { /* pins beyond those of the hot part */
    uint32_t pins[KEPT - PINS - RING];
    uint16_t pins_role[KEPT - PINS - RING];
    uint8_t pins_sym[KEPT - PINS - RING];
};

/* Eight roles at a time. */
typedef uint16_t finis_roles __attribute__((vector_size(16)));

/* Take `role` from those that have it, with `of` as their side. */
static inline void finis_take_role(uint16_t *roles, uint16_t role, uint16_t mask, uint16_t wanted) {
    finis_roles all;
    memcpy(&all, roles, sizeof(all));
    all &= ~((finis_roles)((all & mask) == wanted) & role);
    memcpy(roles, &all, sizeof(all));
}

/* The same where roles and sides stand apart, of `n` segments; what follows up to the next eighth may
   be changed, too. */
typedef uint8_t finis_sides __attribute__((vector_size(8)));

static inline void finis_unpin(uint16_t *roles, const uint8_t *sides, int n, uint16_t role,
                               uint16_t side) {
    for (int i = 0; i < n; i += 8) {
        finis_roles all;
        finis_sides who;
        memcpy(&all, roles + i, sizeof(all));
        memcpy(&who, sides + i, sizeof(who));
        all &= ~((finis_roles)(__builtin_convertvector(who, finis_roles) == side) & role);
        memcpy(roles + i, &all, sizeof(all));
    }
}

/* Roles that hold the side as their highest bit into roles, with `more`, and sides. */
static inline void finis_part_roles(const uint16_t *held, uint16_t more, uint16_t *roles,
                                    uint8_t *sides) {
    finis_roles all;
    finis_sides who;
    memcpy(&all, held, sizeof(all));
    who = __builtin_convertvector(all >> 15, finis_sides);
    all = (all & 0x7FFF) | more;
    memcpy(roles, &all, sizeof(all));
    memcpy(sides, &who, sizeof(who));
}

/* And back, without `less`: the first `n`, 0 for others. */
static inline void finis_join_roles(uint16_t *held, const uint16_t *roles, const uint8_t *sides,
                                    uint16_t less, int n) {
    const finis_roles number = {0, 1, 2, 3, 4, 5, 6, 7};
    finis_roles all;
    finis_sides who;
    memcpy(&all, roles, sizeof(all));
    memcpy(&who, sides, sizeof(who));
    all = (all & (uint16_t)~less) | (__builtin_convertvector(who, finis_roles) << 15);
    all &= (finis_roles)(number < (uint16_t)n);
    memcpy(held, &all, sizeof(all));
}

static inline int finis_has_role(const uint16_t *roles, uint16_t mask, uint16_t wanted) {
    finis_roles all;
    uint64_t found[2];
    memcpy(&all, roles, sizeof(all));
    all = (finis_roles)((all & mask) == wanted);
    memcpy(found, &all, sizeof(found));
    return (found[0] | found[1]) != 0;
}

/* A row of finis.tables.OBSERVATION. */
struct Observation {
    uint64_t orig_hi, orig_lo, resp_hi, resp_lo, conn;
    int64_t first_ns, last_ns, max_gap_ns, max_gap_at_ns, closing_gap_ns, established_ns,
        reuse_gap_ns;
    uint64_t bytes[2], ip_bytes[2], after_fin[2], after_own_fin[2];
    int64_t first_seg_ns[2], last_seg_ns[2], first_data_ns[2], last_data_ns[2], fin_ns[2],
        fin_acked_ns[2], rst_ns[2], rst_lag_ns[2];
    uint64_t head[2];
    uint32_t first_frame, last_frame, tail_at, tail_n;
    uint32_t pkts[2], rexmit_pkts[2], rexmit_bytes[2], keep_alives[2], probes[2], challenge[2],
        out_of_window[2], zero_windows[2], dup_acks[2], isn[2], una[2], nxt[2], fin_seq[2],
        fin_ack[2], rst_seq[2], rst_ack[2];
    uint16_t ending[16];
    uint8_t history[24];
    uint16_t orig_p, resp_p, point, vlan, file, last_file;
    uint16_t syns[2], fins[2], rsts[2], mss[2];
    uint8_t orientation, established, midstream, simultaneous, ended, first_fin, first_rst,
        conn_state, reset_by, reuse_unanswered;
    uint8_t isn_known[2], nxt_known[2], wscale[2], rst_class[2], rst_answers[2], rst_accept[2],
        notify[2], alert[2], alert_desc[2], head_len[2], ttl_min[2], ttl_max[2], rst_ttl[2],
        last_win0[2];
};

#endif
