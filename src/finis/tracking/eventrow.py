"""The columns of an event that tracking looks at, as positions in a tuple per line."""

from __future__ import annotations

import math
from typing import Any

COLUMNS = (
    "ts", "device", "file", "line", "msg_id", "kind", "proto", "conn_id", "direction", "a_if",
    "a_h", "a_p", "a_mapped_h", "a_mapped_p", "b_if", "b_h", "b_p", "b_mapped_h", "b_mapped_p",
    "initiator", "duration_s", "bytes", "reason", "reason_by", "teardown", "teardown_side",
    "flags", "user", "acl", "hit_count", "denial_kind", "certainty",
)  # fmt: skip
(
    TS, DEVICE, FILE, LINE, MSG_ID, KIND, PROTO, CONN_ID, DIRECTION, A_IF, A_H, A_P, A_MAPPED_H,
    A_MAPPED_P, B_IF, B_H, B_P, B_MAPPED_H, B_MAPPED_P, INITIATOR, DURATION_S, BYTES, REASON,
    REASON_BY, TEARDOWN, TEARDOWN_SIDE, FLAGS, USER, ACL, HIT_COUNT, DENIAL_KIND,
    CERTAINTY,
) = range(len(COLUMNS))  # fmt: skip

# Flags of a segment in mid-connection as logs write them: nothing opens, closes or resets.
DATA = ("PSH ACK", "ACK PSH", "PSH ACK URG", "PSH URG ACK")
ACKS = ("ACK", "ACK URG", "URG ACK")


def seconds(duration: Any) -> float | None:
    """A stated duration, if it can be one."""
    if isinstance(duration, int | float) and math.isfinite(duration) and 0 <= duration < 1e9:
        return float(duration)
    return None
