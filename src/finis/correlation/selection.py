"""Which connection does the user mean?  An id, a host with or without port, or two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finis.errors import UsageError
from finis.lazily import regex
from finis.words import endpoint

if TYPE_CHECKING:
    import polars as pl

_BETWEEN = regex(r"\s*(?:<->|->|→|>|,|\s|(?<=\d)-(?=[\[\w]))\s*")
_ENDPOINT = regex(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d{1,5}))?$")
LISTED = 12


def select(table: pl.DataFrame, text: str) -> int:
    """Row number of the one connection meant.  Raises UsageError where none or several fit; the
    message of the latter lists them."""
    hits = matches(table, text)
    if not len(hits):
        raise none(text)
    if len(hits) > 1:
        raise several(text, len(hits), hits)
    return int(hits["row"][0])


def none(text: str) -> UsageError:
    """What to say where no connection fits."""
    return UsageError(f"no connection fits {text.strip()!r}: `finis connections` lists them all")


def several(text: str, count: int, first: pl.DataFrame) -> UsageError:
    """The same where so many fit, of which these are the first."""
    lines = [
        f"  {row['conn_id']}  {endpoint(row['orig_h'], row['orig_p'])} → "
        f"{endpoint(row['resp_h'], row['resp_p'])}  {row['first_ts'] or ''}  {row['cause'] or ''}"
        for row in first.head(LISTED).to_dicts()
    ]
    more = f"\n  … and {count - LISTED} more" if count > LISTED else ""
    return UsageError(
        f"{text.strip()!r} fits {count} connections; name one by its id:\n"
        + "\n".join(lines) + more
    )  # fmt: skip


def matches(table: pl.DataFrame, text: str) -> pl.DataFrame:
    """All rows that fit in the first way in which any does."""
    for where in ways(text):
        if len(hits := table.filter(where)):
            return hits
    return table.clear()


def ways(text: str) -> list[pl.Expr]:
    """What a text may mean, the likeliest first: an id, a firewall's number, one or two ends."""
    import polars as pl

    text = text.strip()
    out = [pl.col("conn_id") == text]
    if (one := number(text)) is not None:
        out.append(pl.col("fw_conn_id") == one)
    if named := ends(text):
        out.append(pl.all_horizontal(_touches(host, port) for host, port in named))
    return out


def number(text: str) -> int | None:
    """The firewall's number that a text is, None if it is none."""
    text = text.strip()
    return int(text[:18]) if text.isdecimal() else None


def ends(text: str) -> list[tuple[str, int | None]]:
    """The one or two ends that a text names, as host and port; none where it is nothing of the
    kind."""
    parts = [part for part in _BETWEEN.split(text.strip()) if part and part.lower() != "tcp"]
    found = [_ENDPOINT.match(part) for part in parts]
    if not 1 <= len(parts) <= 2 or not all(found):
        bare = _bare_address(text.strip())
        return [] if bare is None else [(bare, None)]
    out = []
    for end in found:
        if end is not None:
            host, port = end.group("v6") or end.group("host"), end.group("port")
            out.append((_bare_address(host) or host, int(port) if port else None))
    return out


def _bare_address(text: str) -> str | None:
    import ipaddress

    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _touches(host: str, port: int | None) -> pl.Expr:
    """Either side, real or mapped, is this host (and port)."""
    import polars as pl

    hits = []
    for side in ("orig", "resp", "orig_mapped", "resp_mapped"):
        hit = pl.col(f"{side}_h") == host
        hits.append(hit if port is None else hit & (pl.col(f"{side}_p") == port))
    return pl.any_horizontal(expr.fill_null(False) for expr in hits)
