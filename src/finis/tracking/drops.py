"""Packets of an asp-drop capture as denials: the firewall itself says that it discarded them."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any

from finis.lazily import regex
from finis.terms import Flag, Quirk

if TYPE_CHECKING:
    import numpy as np

    from finis.wire.source import Source

UNKNOWN = "asp-drop"  # the capture gave no reason
_NAME = regex(r"\(?([A-Za-z][A-Za-z0-9_-]{1,63})\)?")
_WORDS = {
    Flag.SYN: "SYN",
    Flag.FIN: "FIN",
    Flag.RST: "RST",
    Flag.PSH: "PSH",
    Flag.ACK: "ACK",
    Flag.URG: "URG",
}  # in the order of message 106015
_KINDS = {
    "state": "tcp-not-syn tcp-rstfin-ooo flow-being-freed np-socket-closed no-flow",
    "policy": "acl-drop shunned sp-security-failed ips-request l2_acl",
    "spoof": "rpf-violated ip-spoofing land-attack",
    "limit": "tcp-conn-limit conn-limit rate-exceeded tcp-global-buffer-full host-limit",
}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names.split()}


def reason_name(text: str) -> str:
    """The drop's short name: ``tcp-not-syn`` of ``(tcp-not-syn) First TCP packet not SYN``."""
    found = _NAME.match(text.strip())
    return found[1] if found else UNKNOWN


def denials(batch: np.ndarray, source: Source) -> dict[str, list[Any]]:
    """Columns of tables.DENIALS and DENIAL_FACTS for rows of tables.SEGMENT that carry
    Quirk.DROPPED; other rows are ignored.  `ts` is None where the capture's day is unknown."""
    rows = batch[batch["quirks"] & int(Quirk.DROPPED) != 0]
    count = len(rows)
    reasons = [reason_name(text) for text in source.drops]
    names = [
        reasons[i] if 0 < i < len(reasons) and source.drops[i] else UNKNOWN
        for i in rows["drop"].tolist()
    ]
    dated = (rows["quirks"] & int(Quirk.UNDATED) == 0).tolist()
    points = source.points.names
    frames = rows["frame"].tolist()
    return {
        "ts": [ts if ok else None for ts, ok in zip(rows["ts_ns"].tolist(), dated, strict=True)],
        "file": [source.path] * count,
        "line": frames,
        "unit": ["frame"] * count,
        "segment_file": [source.path] * count,
        "segment_frame": frames,
        "msg_id": names,
        "kind": [_KIND_OF.get(name, "other") for name in names],
        "proto": ["tcp"] * count,
        "interface": [points[i] if i < len(points) else None for i in rows["point"].tolist()],
        "src_h": _addresses(rows["src_hi"], rows["src_lo"]),
        "src_p": rows["src_p"].tolist(),
        "dst_h": _addresses(rows["dst_hi"], rows["dst_lo"]),
        "dst_p": rows["dst_p"].tolist(),
        "flags": [_flags(value) for value in rows["flags"].tolist()],
        "count": [1] * count,
        "seen_before": ["unknown"] * count,
        "unknown_why": ["a dropped packet of a capture: no log line tells"] * count,
        "pending_syn": [False] * count,
    }


def _flags(value: int) -> str:
    """As message 106015 prints them: ``FIN ACK``."""
    return " ".join(text for bit, text in _WORDS.items() if value & bit)


def _addresses(high: np.ndarray, low: np.ndarray) -> list[str]:
    texts: dict[tuple[int, int], str] = {}
    out = []
    for pair in zip(high.tolist(), low.tolist(), strict=True):
        text = texts.get(pair)
        if text is None:
            address = IPv6Address(pair[0] << 64 | pair[1])
            text = texts[pair] = str(address.ipv4_mapped or address)
        out.append(text)
    return out
