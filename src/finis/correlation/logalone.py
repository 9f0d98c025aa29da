"""Stories that only logs show: no segment to align and no clock to find, so the columns of the log
are the facts.  What comes out is what the general way (`correlate`) makes of the same input, but
that rows of one moment stand in the order of the log.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl

from finis.correlation import clocks, naming
from finis.correlation.evidence import NEVER, near_key
from finis.correlation.facts import FROM_LOG
from finis.correlation.keys import Array
from finis.correlation.merge import Lazy, line_proofs
from finis.correlation.stories import Clock, Stories
from finis.tables import CONNECTIONS, STORY_FACTS, polars_schema

# Facts of stories by the column of tables.LOG_CONNECTIONS that they are here.
COLUMNS = FROM_LOG | {
    "first_ts": "built_ts", "last_ts": "teardown_ts", "duration": "duration_s",
    **{name: name for name in (
        "orig_h", "orig_p", "resp_h", "resp_p", "orig_mapped_h", "orig_mapped_p", "resp_mapped_h",
        "resp_mapped_p", "orientation",
    )},
}  # fmt: skip


def stories(
    log: pl.DataFrame, denials: pl.DataFrame, *, tidy: bool = True, few: bool = False
) -> Stories:
    """`log`, `denials` as for `correlate`.  Not `tidy`: rows stay in the order of `log`, and the
    `conn_id` of each is made alone: at once if there are `few`, else of those that are told."""
    told = clocks_of(log)
    stamp = pl.coalesce("built_ts", "teardown_ts").cast(pl.Int64)
    begin = log.select(stamp.fill_null(0)).to_series()
    if tidy and not begin.is_sorted():
        order = begin.arg_sort()  # stable: of one moment the earlier line
        log, begin = log[order], begin[order]
    schema = polars_schema(CONNECTIONS) | polars_schema(STORY_FACTS)
    known = {name: pl.col(source) for name, source in COLUMNS.items()}
    known |= {"row": pl.int_range(pl.len()), "has_packets": pl.lit(False)}
    known |= {"has_log": pl.lit(True), "n_points": pl.lit(0)}
    table = log.select(
        known.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in schema.items()
    )
    if tidy:
        table = table.with_columns(naming.ids(_fingerprints(log)).alias("conn_id"))
    elif few:
        names = [naming.one(number) for number in _fingerprints(log)]
        table = table.with_columns(pl.Series("conn_id", names, pl.String))
    return Stories(
        table=table,
        denials=_joined(log, denials),
        clocks=told,
        seen={},
        pairings={},
        proofs=Lazy(len(log), partial(line_proofs, log)),
        placed=_placed(log, begin),
        origin=np.full(len(log), -1, np.int64),
        name=None if tidy or few else lambda row: partial(_named, log[row]),
    )


def clocks_of(log: pl.DataFrame) -> list[Clock]:
    """The clocks of the firewalls, which nothing compares."""
    devices = log["device"].unique(maintain_order=True).to_list()
    return [clocks.own(device or "", first=at == 0) for at, device in enumerate(devices)]


def _named(line: pl.DataFrame) -> str:
    return naming.one(_fingerprints(line)[0])


def _fingerprints(log: pl.DataFrame) -> Array:
    stamp = pl.coalesce("built_ts", "teardown_ts").cast(pl.Int64).fill_null(NEVER)
    return naming.of_log(log, log.select(stamp).to_series().to_numpy(), near_key(log))


def _joined(log: pl.DataFrame, denials: pl.DataFrame) -> pl.DataFrame:
    """The denials with the story (row) that each belongs to."""
    if denials.is_empty():
        return denials
    place = log.select(log_row="row", story=pl.int_range(pl.len(), dtype=pl.Int64))
    found = denials.select("log_row").join(place, on="log_row", how="left", maintain_order="left")
    return denials.with_columns(found["story"])


def _placed(log: pl.DataFrame, begin: pl.Series) -> pl.DataFrame:
    return log.select(
        begin.alias("begin"),
        pl.col("row").cast(pl.UInt64).alias("tie"),
        pl.coalesce("teardown_file", "built_file").alias("proof_file"),
        pl.coalesce("teardown_line", "built_line").alias("proof_number"),
        pl.lit(True).alias("proof_is_line"),
    )
