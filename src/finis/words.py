"""Numbers in words: durations, stamps, counts, endpoints.  Pure text, no judgement."""

from __future__ import annotations

from datetime import UTC, datetime

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def duration(ns: float) -> str:
    """A span of time to three significant digits (``61 µs``, ``2.49 s``, ``2 min 5 s``)."""
    sign = "-" if ns < 0 else ""
    ns = abs(ns)
    if ns < 1:
        return "0 s"
    for limit, unit, size in (
        (1_000, "ns", 1),
        (1_000_000, "µs", 1_000),
        (SECOND, "ms", 1_000_000),
        (MINUTE, "s", SECOND),
    ):
        if ns < limit * 0.9995:
            value = ns / size
            digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
            text = f"{value:.{digits}f}"
            return f"{sign}{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}"
    for size, unit, small, least in (
        (DAY, "d", HOUR, "h"),
        (HOUR, "h", MINUTE, "min"),
        (MINUTE, "min", SECOND, "s"),
    ):
        if ns >= size * 0.9995:
            whole, rest = divmod(round(ns / small), size // small)
            return f"{sign}{whole} {unit}" + (f" {rest} {least}" if rest else "")
    return f"{sign}{ns / SECOND:.3g} s"


def seconds(value: float | None) -> str:
    """`duration` of seconds; ``unknown`` for None."""
    return "unknown" if value is None else duration(value * SECOND)


def lag(value: float | None) -> str:
    """How long after the teardown; a log's stamps are whole seconds."""
    if value is None:
        return "with no teardown before it"
    if value < 0:
        return f"{seconds(-value)} before the teardown is logged"
    return "in the second of the teardown" if value < 1 else f"{seconds(value)} after the teardown"


def stamp(ns: int | None, *, dated: bool = True, digits: int = 6) -> str:
    """UTC time; only the time of day where the date is unknown."""
    if ns is None:
        return "unknown"
    try:
        when = datetime.fromtimestamp(ns // SECOND, UTC)
    except (OverflowError, OSError, ValueError):
        return "unknown"
    fraction = f".{ns % SECOND:09d}"[: digits + 1] if digits else ""
    clock = f"{when:%H:%M:%S}{fraction}"
    return f"{when:%Y-%m-%d} {clock}" if dated else clock


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 connection``, ``12 345 connections`` with thin groups."""
    text = f"{number:,}".replace(",", "\u202f") if number >= 10_000 else str(number)
    return f"{text} {noun if number == 1 else plural or noun + 's'}"


def endpoint(host: str | None, port: int | None) -> str:
    """``192.0.2.1:443``, ``[2001:db8::1]:443``; ``?`` for what is unknown."""
    host = host or "?"
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{'?' if port is None else port}"


def share(part: int, whole: int) -> str:
    """Percentage that never rounds a remainder away: ``<1 %``, ``>99 %``."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "<1 %"
    if 99 < percent < 100:
        return ">99 %"
    return f"{percent:.0f} %"
