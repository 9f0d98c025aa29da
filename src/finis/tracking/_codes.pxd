# Numbers the kernel shares with Python: terms, states, endings, history, and the limits.
# `_kernel.pyx` asserts what can drift; the rest is held by tests/tracking/test_kernel.py.

# terms.Flag
cdef enum:
    F_FIN = 0x01
    F_SYN = 0x02
    F_RST = 0x04
    F_PSH = 0x08
    F_ACK = 0x10

# terms.Quirk
cdef enum:
    NO_SEQ = 1 << 0
    NO_WIN = 1 << 1
    NO_TTL = 1 << 2
    NO_IP_ID = 1 << 3
    NO_PAYLOAD = 1 << 4
    HAS_TS = 1 << 5
    HAS_WSCALE = 1 << 6
    HAS_MSS = 1 << 7
    SACK_PERMITTED = 1 << 8
    DF = 1 << 10
    BAD_CHECKSUM = 1 << 13
    COPY = 1 << 18
    RELATIVE_SEQ = 1 << 20
    TRUNCATED_HEADER = 1 << 22

# terms.Kind
cdef enum:
    K_UNKNOWN, K_SYN, K_SYN_ACK, K_ACK, K_DATA, K_FIN, K_RST, K_KEEP_ALIVE, K_KEEP_ALIVE_ACK
    K_WINDOW_PROBE, K_CHALLENGE_ACK, K_WINDOW_UPDATE, K_DUP_ACK, K_OUT_OF_WINDOW, K_STRAY

# terms.Role
cdef enum:
    ROLE_SYN = 1 << 0
    ROLE_SYN_ACK = 1 << 1
    ROLE_FIN = 1 << 2
    ROLE_LAST_DATA = 1 << 3
    ROLE_LAST_ACK = 1 << 4
    ROLE_RST = 1 << 5
    ROLE_ANSWERED = 1 << 6
    ROLE_ACKS_FIN = 1 << 7
    ROLE_RECENT = 1 << 8
    ROLE_ALERT = 1 << 9
    ROLE_RETRANSMISSION = 1 << 10
    ROLE_HANDSHAKE_ACK = 1 << 11

# terms.RstClass
cdef enum:
    C_NONE, C_ABORT, C_NO_STATE, C_REFUSAL, C_DATA_AFTER_CLOSE, C_NO_STATE_ACK, C_BAD_ACK
    C_REPEAT, C_SUSPECT, C_UNKNOWN

# terms.Answers
cdef enum:
    A_NONE, A_SYN, A_SYN_ACK, A_ACK, A_DATA, A_FIN, A_KEEP_ALIVE, A_CHALLENGE_ACK, A_UNSEEN

# terms.Accept
cdef enum:
    X_NONE, X_EXACT, X_IN_WINDOW, X_OUTSIDE, X_UNKNOWN

# terms.Ended
cdef enum:
    E_OPEN, E_CLOSED, E_CLOSING, E_HALF_CLOSED, E_RESET, E_REFUSED, E_UNANSWERED

# terms.Notify
cdef enum:
    N_UNSEEN, N_NO, N_LIKELY, N_YES

# terms.Alert
cdef enum:
    AL_NONE, AL_LIKELY, AL_RECORD, AL_CLOSE_NOTIFY, AL_WARNING, AL_FATAL

# states.State
cdef enum:
    SILENT, SYN_SENT, SYN_ACK_SENT, PARTIAL, OPEN, FIN_SENT, FIN_ACKED, RESET, FIN_RESET

# states.Stimulus
cdef enum:
    ON_SYN, ON_SYN_ACK, ON_ACK, ON_HANDSHAKE_ACK, ON_FIN, ON_RST, ON_SYN_ACKED, ON_FIN_ACKED
    ON_PEER_FIN
    STIMULI

# endings
cdef enum:
    FROM_RESP = 1
    S_SYN = 2
    S_FIN = 4
    S_RST = 8
    S_ACK = 16
    S_DATA = 32
    S_ALERT = 64
    S_REPEAT = 128
    S_OUTSIDE = 256

# history, as bits
cdef enum:
    H_S = 1 << 0
    H_H = 1 << 1
    H_A = 1 << 2
    H_D = 1 << 3
    H_F = 1 << 4
    H_R = 1 << 5
    H_I = 1 << 6
    H_Q = 1 << 7
    H_C = 1 << 8
    H_T = 1 << 9
    H_W = 1 << 10
    H_G = 1 << 11

cdef enum:
    NONE = 255
    NO_SCALE = 255
    MAX_HOLES = 4
    MAX_SYMBOLS = 16
    MAX_HISTORY = 24
    RECENT = 8
    U16 = 0xFFFF
    COPY_NS = 1000000
    STALE = 1 << 26
    FAR = 1 << 30
    MAX_PAYLOAD = 1 << 24
    NOWHERE = 0x7FFFFFFF  # no index
    SECOND = 1000000000
    ANSWER_S = 3

cdef enum:  # Zeek's endpoint states
    INACTIVE, Z_SYN_SENT, Z_SYN_ACK_SENT, Z_PARTIAL, ESTABLISHED, CLOSED, Z_RESET

cdef enum:  # endings.CONN_STATES
    OTH, S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR
