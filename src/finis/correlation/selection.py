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
    hits = matches(table, text.strip())
    if len(hits) == 1:
        return int(hits["row"][0])
    if not len(hits):
        raise UsageError(f"no connection fits {text!r}: `finis connections` lists them all")
    lines = [
        f"  {row['conn_id']}  {endpoint(row['orig_h'], row['orig_p'])} → "
        f"{endpoint(row['resp_h'], row['resp_p'])}  {row['first_ts'] or ''}  {row['cause'] or ''}"
        for row in hits.head(LISTED).to_dicts()
    ]
    more = f"\n  … and {len(hits) - LISTED} more" if len(hits) > LISTED else ""
    raise UsageError(
        f"{text!r} fits {len(hits)} connections; name one by its id:\n" + "\n".join(lines) + more
    )


def matches(table: pl.DataFrame, text: str) -> pl.DataFrame:
    """All rows that fit; an id fits before anything else does."""
    import polars as pl

    by_id = table.filter(pl.col("conn_id") == text)
    if len(by_id):
        return by_id
    if text.isdigit() and len(by_number := table.filter(pl.col("fw_conn_id") == int(text[:18]))):
        return by_number
    parts = [part for part in _BETWEEN.split(text) if part and part.lower() != "tcp"]
    ends = [_ENDPOINT.match(part) for part in parts]
    if not 1 <= len(parts) <= 2 or not all(ends):
        bare = _bare_address(text)
        return table.filter(_touches(bare, None)) if bare else table.clear()
    where = pl.lit(True)
    for end in ends:
        if end is not None:
            port = end.group("port")
            where &= _touches(end.group("v6") or end.group("host"), int(port) if port else None)
    return table.filter(where)


def _bare_address(text: str) -> str | None:
    import ipaddress

    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _touches(host: str, port: int | None) -> pl.Expr:
    """Either side, real or mapped, is this host (and port)."""
    import polars as pl

    host = _bare_address(host) or host
    hits = []
    for side in ("orig", "resp", "orig_mapped", "resp_mapped"):
        hit = pl.col(f"{side}_h") == host
        hits.append(hit if port is None else hit & (pl.col(f"{side}_p") == port))
    return pl.any_horizontal(expr.fill_null(False) for expr in hits)
