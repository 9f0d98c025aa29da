"""What all connections together tell, for patterns that need to know of more than they choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

TOP_HOSTS = 20


class Whole:
    """Read from the rows themselves; `diagnosis.logparts` answers the same from counts."""

    def __init__(self, connections: pl.LazyFrame) -> None:
        self.connections = connections

    def span_ns(self) -> list[int]:
        """The first and last stamp, ns, as far as known."""
        ends = self.connections.select(pl.col("first_ts").min(), pl.col("last_ts").max())
        return [ns for ns in ends.cast(pl.Int64).collect().row(0) if ns is not None]

    def any_opened(self) -> bool:
        """Does any host open a connection?"""
        return bool(self.connections.select(pl.col("orig_h").is_not_null().any()).collect().item())

    def opened(self, hosts: pl.Series) -> pl.Series:
        """How many connections each of these hosts opened; null where that was not counted."""
        some = hosts.drop_nulls().unique().implode()
        counted = (
            self.connections.filter(pl.col("orig_h").is_in(some))
            .group_by("orig_h")
            .len("n")
            .collect()
        )
        asked = pl.DataFrame({"orig_h": hosts}).join(
            counted, "orig_h", "left", maintain_order="left"
        )
        return asked["n"].cast(pl.Int64).fill_null(0)

    def asked(self, targets: pl.DataFrame) -> pl.Series:
        """How many connections were opened to each of these (`resp_h`, `resp_p`)."""
        wanted = targets.select("resp_h", "resp_p")
        counted = (
            self.connections.join(wanted.lazy(), ["resp_h", "resp_p"], "semi")
            .group_by("resp_h", "resp_p")
            .len("n")
            .collect()
        )
        found = wanted.join(counted, ["resp_h", "resp_p"], "left", maintain_order="left")
        return found["n"].cast(pl.Int64).fill_null(0)

    def ended_often(self) -> pl.LazyFrame:
        """Connections, those at least of every host that ended as many within a second as PAT205
        asks for."""
        return self.connections

    def named(self, frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
        """With hosts as text in these columns."""
        return frame

    def leading(self, counted: pl.DataFrame, column: str, most: int) -> pl.DataFrame:
        """The rows with the highest `n`, ties in order of what the column says as text."""
        return counted.sort(["n", column], descending=[True, False]).head(most)

    def most_often(self, rows: pl.LazyFrame, column: str, most: int) -> pl.DataFrame:
        """The most frequent values of a column, and how often each comes (`n`)."""
        return self.leading(rows.group_by(column).len("n").collect(), column, most)

    def differing(self, rows: pl.LazyFrame, column: str) -> int:
        """How many values a column has."""
        return int(rows.select(pl.col(column).n_unique()).collect().item())

    def frequent(
        self, rows: pl.LazyFrame, column: str, most: int = TOP_HOSTS
    ) -> list[tuple[str, int]]:
        """The most frequent values of a column as text, and how often each comes."""
        best = self.most_often(rows.filter(pl.col(column).is_not_null()), column, most)
        return self.named(best, column).select(column, "n").rows()

    def top(self, rows: pl.LazyFrame, column: str, most: int = TOP_HOSTS) -> tuple[str, ...]:
        """The most frequent values of a column as text."""
        return tuple(value for value, _ in self.frequent(rows, column, most))

    def likely(self, rows: pl.LazyFrame, columns: Sequence[str], least: int) -> pl.LazyFrame:
        """These denials, perhaps without some whose host, or host and port (`columns`), surely was
        refused or failed to connect less than `least` times."""
        return rows

    def foremost(self, rows: pl.LazyFrame, column: str) -> tuple[Any, int] | None:
        """Of a column that is known in all these denials the most frequent value, and how often it
        comes; None, too, where no value makes up half of them."""
        best = self.most_often(rows, column, 1)
        return best.row(0) if best.height else None

    def rows(self, numbers: Sequence[int]) -> pl.DataFrame:
        """Connections by number (`row`), in order of time."""
        chosen = self.connections.filter(pl.col("row").is_in(list(numbers)))
        return chosen.sort("begin", "tie").collect()
