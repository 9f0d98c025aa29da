"""How a connection stood when it was last seen: the columns that only the end can fill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finis.terms import Alert, Ended, Notify
from finis.tracking import endings
from finis.tracking.alerts import starts_like_tls

if TYPE_CHECKING:
    from finis.tracking.connection import Connection
    from finis.tracking.half import Half

NONE = 255


def conclude(conn: Connection) -> None:
    """Fill `ended`, `conn_state`, `notify` and trim the ending."""
    conn.ended = _ended(conn)
    if conn.ended not in (Ended.REFUSED, Ended.UNANSWERED):
        conn.strip()
    a, b = conn.halves
    conn.conn_state = endings.conn_state(
        endings.zeek_endpoint(a.state, 0, a.isn_known, b.isn_known),
        endings.zeek_endpoint(b.state, 1, b.isn_known, a.isn_known),
        bool(a.bytes or b.bytes),
        bytes(conn.history),
    )
    for half in conn.halves:
        half.notify = _notify(conn, half)


def _ended(conn: Connection) -> Ended:
    a, b = conn.halves
    if conn.reset_by != NONE:
        return Ended.REFUSED if conn.refused else Ended.RESET
    if a.fin_acked_ns and b.fin_acked_ns:
        return Ended.CLOSED
    if conn.doubtful:
        return Ended.RESET  # perhaps acceptable, and nothing came after it
    if a.fin_ns and b.fin_ns:
        return Ended.CLOSING
    if a.fin_ns or b.fin_ns:
        return Ended.HALF_CLOSED
    if (a.isn_known or b.isn_known) and not conn.answered:
        return Ended.UNANSWERED
    return Ended.OPEN


def _notify(conn: Connection, half: Half) -> Notify:
    """close_notify (RFC 8446 §6.1): readable, likely by the side's last data before its FIN, or
    visibly something else.  Without TLS, or without that data, nothing can be said."""
    if half.alert == Alert.CLOSE_NOTIFY:
        return Notify.YES
    if half.last_len == 0:
        return Notify.UNSEEN
    likely = conn.tls_likely()
    if half.last_alert == Alert.RECORD or (half.last_fits and likely):
        return Notify.LIKELY
    if half.last_alert in (Alert.WARNING, Alert.FATAL):
        return Notify.NO
    records = any(starts_like_tls(one.head, one.head_len) for one in conn.halves)
    if half.last_shown and (records or (likely and conn.midstream)):
        return Notify.NO
    return Notify.UNSEEN
