"""Packets that an asp-drop capture says were discarded."""

from __future__ import annotations

import numpy as np
import pytest

from finis.tables import SEGMENT, record_dtype
from finis.terms import Flag, Quirk
from finis.tracking import drops
from finis.tracking.events import LogTracker
from finis.wire.source import Points, Source
from tests.tracking.eventlist import START, batches, deny


def capture(*reasons: str) -> tuple[np.ndarray, Source]:
    source = Source(0, "asp.txt", Points(), "asp")
    source.points.id("asp-drop")
    source.drops = ["", *reasons]
    batch = np.zeros(4, record_dtype(SEGMENT))
    batch["quirks"] = int(Quirk.DROPPED)
    batch["quirks"][3] = 0
    batch["quirks"][2] |= int(Quirk.UNDATED)
    batch["src_lo"] = 0xFFFF_0A00_0005
    batch["dst_hi"], batch["dst_lo"] = 0x20010DB8 << 32, 1
    batch["src_p"], batch["dst_p"] = 443, 40000
    batch["flags"] = int(Flag.FIN | Flag.ACK)
    batch["ts_ns"] = START * 10**9
    batch["frame"] = [1, 2, 3, 4]
    batch["drop"] = [1, 0, 9, 1]
    return batch, source


def test_dropped_packets_are_denials() -> None:
    out = drops.denials(*capture("(tcp-not-syn) First TCP packet not SYN"))
    assert out["line"] == [1, 2, 3]  # frame 4 was not dropped
    assert out["msg_id"] == ["tcp-not-syn", "asp-drop", "asp-drop"]
    assert out["kind"] == ["state", "other", "other"]
    assert out["src_h"][0] == "10.0.0.5" and out["dst_h"][0] == "2001:db8::1"
    assert (out["src_p"][0], out["dst_p"][0], out["flags"][0]) == (443, 40000, "FIN ACK")
    assert out["ts"] == [START * 10**9, START * 10**9, None]
    assert set(out["unit"]) == {"frame"} and set(out["interface"]) == {"asp-drop"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("tcp-not-syn", "tcp-not-syn"),
        ("(acl-drop) Flow is denied by configured rule", "acl-drop"),
        ("  (sp-security-failed)", "sp-security-failed"),
        ("", "asp-drop"),
        ("?", "asp-drop"),
    ],
)
def test_reason_name(text: str, name: str) -> None:
    assert drops.reason_name(text) == name


def test_they_stand_beside_the_log_without_being_counted_into_it() -> None:
    tracker = LogTracker()
    tracker.feed_denials(drops.denials(*capture("(tcp-not-syn) x")))
    for batch in batches([deny(0, "i:10.0.0.5/443", "o:2001:db8::1/40000")], 10):
        tracker.feed(batch)
    out = tracker.finish().denials
    assert out["unit"].to_list() == ["frame"] * 3 + ["line"]
    assert out["row"].to_list() == [0, 1, 2, 3]
    assert out["repeats"].to_list()[3] == 1
    assert out["segment_frame"].to_list() == [1, 2, 3, None]
    assert out["seen_before"].to_list() == ["unknown"] * 4
