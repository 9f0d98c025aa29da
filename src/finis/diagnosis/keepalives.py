"""Keep-alives as advice: where they are set, and how often they must come for a firewall that
forgets silent connections.  What was seen bounds the advice: a connection that was removed as idle
cannot have been silent for longer than it lived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finis.correlation.stories import Proof
from finis.diagnosis.cause import Claim
from finis.diagnosis.settings import IDLE, settings_of
from finis.diagnosis.telling import span

RULE = "RFC 9293 §3.8.4"


def keep_alives(every_s: float | None = None) -> dict[str, str]:
    """Product → how to have it send keep-alives this often, or below a timer not told here."""
    seconds = "SECONDS" if every_s is None else f"{every_s:.0f}"
    below = ", below the firewall's timer" if every_s is None else ""
    millis = "milliseconds" if every_s is None else f"{every_s * 1000:.0f}"
    return {
        "Linux": f"SO_KEEPALIVE in the program, with `sysctl net.ipv4.tcp_keepalive_time={seconds}`"
        f" or TCP_KEEPIDLE of the socket{below}",
        "Windows": f"KeepAliveTime ({millis},"
        " HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters) or TCP_KEEPIDLE of the"
        f" socket{below}",
        "HAProxy": "option clitcpka and option srvtcpka; or timeout client and timeout server"
        " below the firewall's timer",
        "nginx": f"listen … so_keepalive={'TIME' if every_s is None else f'{every_s:.0f}s'};"
        f" proxy_socket_keepalive on{below}",
    }


def lived(row: Mapping[str, Any]) -> float | None:
    """How long a connection lived by its log (a row of connections): as stated, else from line to
    line."""
    stated, begun, ended = (row.get(name) for name in ("log_duration_s", "built_ts", "teardown_ts"))
    if stated is not None or begun is None or ended is None:
        return None if stated is None else float(stated)
    return float((ended - begun).total_seconds())


def bound(lived_s: float | None, product: str | None, proofs: tuple[Proof, ...]) -> list[Claim]:
    """How long the idle timer was at most, where that is less than the product's default."""
    default = max((one.today_s for one in settings_of(product) if one.after == IDLE), default=0)
    if lived_s is None or not 0 < lived_s < default:
        return []
    text = f"Its idle timer is {span(lived_s)} at most, for the connection lived no longer: "
    return [Claim(text + "keep-alives must come more often.", proofs, RULE)]
