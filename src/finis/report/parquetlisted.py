"""Connections of logs as Parquet, straight from packed rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import IO, TYPE_CHECKING

import numpy as np

from finis.diagnosis import listed
from finis.diagnosis._listed import plain_ids
from finis.report import pages
from finis.report._bits import Coded, spread
from finis.report.formats import GROUP_ROWS
from finis.report.pages import BYTES, Array, Column
from finis.report.parquet import ALIVE, Writer
from finis.tables import CONNECTIONS

if TYPE_CHECKING:
    from finis.diagnosis.listed import Listing

_LISTED = ("name", "again", "reason", "device", "verdict", "has",
           *listed.HOSTS, *listed.NUMBERS.values())  # fmt: skip


def _connections(rows: Array, of: Listing) -> tuple[int, dict[str, Column]]:
    """The columns of LISTED rows; what was not translated is one column twice."""
    told = spread([rows], _LISTED)
    has, bits = told["has"], listed.BIT
    ids = Column(BYTES, len(rows)).plain(plain_ids(told["name"], told["again"]))
    out = {
        "conn_id": ids,
        "device": pages.said(BYTES, Coded(told["device"]), of.devices.__getitem__),
        "teardown_reason": pages.words(told["reason"], of.texts.text),
        "orientation": pages.said(BYTES, Coded(has & bits["guessed"] != 0),
                                  listed.ORIENTATIONS.__getitem__),
    }  # fmt: skip
    verdicts = Coded(told["verdict"])
    for name, words in of.verdicts().items():
        out[name] = pages.said(BYTES, verdicts, words.__getitem__)
    for side in ("orig", "resp"):
        one, other = told[f"{side}_h"], told[f"{side}_mapped_h"]
        out[f"{side}_h"] = pages.hosts(*of.named(one))
        same = np.array_equal(one, other)
        out[f"{side}_mapped_h"] = out[f"{side}_h"] if same else pages.hosts(*of.named(other))
    for name, source in listed.NUMBERS.items():
        if name.endswith("_mapped_p") and _alike(told, name.replace("_mapped", ""), name):
            out[name] = out[name.replace("_mapped", "")]
        else:
            out[name] = pages.numbers(told[source], has, bits[source])
    return len(rows), out


def _alike(of: dict[str, Array], one: str, other: str) -> bool:
    """Do two columns of numbers hold the same?"""
    has, bits = of["has"], listed.BIT
    same = (has & bits[one] != 0) == (has & bits[other] != 0)
    return bool(same.all()) and np.array_equal(of[one], of[other])


def write_connections(listing: Listing, target: IO[bytes]) -> None:
    """tables.CONNECTIONS of logs as one Parquet file, in row groups of some GROUP_ROWS rows.
    Memory holds three of them."""
    writer = Writer(target, "connections", CONNECTIONS)
    with ThreadPoolExecutor(ALIVE, "writing") as pool:
        for rows in listing.blocks(GROUP_ROWS):
            writer.group(partial(_connections, rows, listing), pool)
        writer.end()
