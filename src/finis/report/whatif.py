"""`whatif`: which denials longer timers would have absorbed, and at what cost.

One part per firewall: the answer, where its denials come from, the curve of lag after the end of
the connection, its product's settings, what each would risk, and what the log cannot show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finis.diagnosis.settings import KEEP_ENTRIES, LONGEST_LINGER_S, TITLES, command
from finis.diagnosis.whatif import FATES, Device, Outcome
from finis.report.document import (
    Block,
    Bullets,
    Code,
    Document,
    Heading,
    Line,
    Para,
    Span,
    Table,
    common_folder,
)
from finis.report.sources import remarks, source_facts, sources_table
from finis.version import VERSION
from finis.words import SECOND, count, duration, seconds, share, stamp

if TYPE_CHECKING:
    from finis.pipeline import Case

Row = dict[str, Any]

BAR = 20  # cells of the longest bar
FULL, HALF = "█", "░"
DEVICES = 12  # told in full; CSV and JSON have all
REASONS = 4
TODAY = {
    "given": "as given with --now",
    "seen": "as many of the connections it ended show, none shorter",
    "bound": "no more than that, for a connection it ended lived no longer",
    "default": "the product's default, assumed; --now says otherwise",
}
ENDS = {
    "fins": "after both FINs",
    "reset-orig": "after a RST of orig",
    "reset-resp": "after a RST of resp",
    "reset-device": "after a RST of the firewall",
    "refused": "after a connection request was refused",
    "reset-side-unknown": "after a RST, unknown of which side",
    "fin-timeout": "after a half-closed timeout",
    "idle-timeout": "after an idle timeout",
    "idle-timeout-reset": "after an idle timeout with RST",
    "syn-timeout": "after a SYN timeout",
    "syn-ack-timeout": "after a handshake that the client did not complete",
    "last-ack-timeout": "after a close whose last ACK did not pass",
    "unacked-timeout": "after a timer of unacknowledged segments",
    "handshake-reset": "after a RST in the handshake",
}


def document(case: Case, devices: list[Device]) -> Document:
    """The report on what the settings of each firewall would have done."""
    out = Document("finis: what if")
    out.add(Heading("What was read"), *sources_table(case.sources))
    said = remarks(case.sources, case.skipped, case.clocks, case.notes)
    if said:
        out.add(Bullets(said, 2))
    if not devices:
        nothing = "Nothing to judge: the log tells of no TCP connection and of no denial."
        out.add(Heading("What if"), Para(Span(nothing, "strong")))
    for device in devices[:DEVICES]:
        out.add(*_device(device))
    if devices[DEVICES:]:
        more = count(len(devices) - DEVICES, "more firewall")
        out.add(Para(Span(f"… and {more} with fewer denials: --format csv has them", "dim")))
    return out.shortened(common_folder([source.path for source in case.sources]))


def _device(device: Device) -> list[Block]:
    blocks: list[Block] = [
        Heading(f"What if {device.name} remembered its connections longer"),
        Para(Span(verdict(device), "strong")),
        Para(Span(_whole(device), "dim")),
    ]
    if not device.denials:
        return blocks
    blocks += [Heading("What the denials follow", 2), _origins(device)]
    blocks += _curve(device)
    blocks += _settings(device)
    blocks += [Heading("What this cannot show", 2), Bullets(limits(device), 2)]
    return blocks


# --- the answer ----------------------------------------------------------------------------------


def verdict(device: Device) -> str:
    """The sentence on top: what was asked, else the setting that absorbs most, else nothing."""
    product = [one for one in device.outcomes if one.setting.kind != "linger"]
    asked = [one for one in device.outcomes if one.wanted_s is not None]
    if asked:
        return " ".join(_asked(one, device) for one in asked)
    if not device.denials:
        return "Nothing to gain: no TCP segment was denied for want of a connection."
    worth = [one for one in product if one.chosen and one.setting.command]
    best = max(worth, key=lambda one: _weight(one.chosen), default=None)
    general = device.outcomes[0].chosen
    if best is not None and best.chosen:
        return f"{_name(best, best.chosen, device)} {_effect(best, best.chosen)}."
    if general:
        effect = _effect(device.outcomes[0], general)
        return (
            f"No setting of {_product(device)} would do it, but an entry kept "
            f"{seconds(general['value_s'])}{' longer' if _keeps(device) else ''} after FINs or a "
            f"RST {effect}."
        )
    return (
        f"Nothing to gain: none of {count(device.denials, 'denial')} of TCP segments without "
        "connection follows, in reasonable time, an end that a setting governs."
    )


def _weight(row: Row | None) -> int:
    return int(row["absorbed"]) if row else 0


def _asked(outcome: Outcome, device: Device) -> str:
    wanted = seconds(outcome.wanted_s)
    if outcome.asked is None:
        return (
            f"{outcome.setting.name} is {seconds(outcome.today_s)} today ({_why(outcome)}): "
            f"{wanted} is not longer and absorbs nothing; what a shorter timer breaks, denials "
            "cannot tell."
        )
    return f"{_name(outcome, outcome.asked, device)} {_effect(outcome, outcome.asked)}."


def _name(outcome: Outcome, row: Row, device: Device) -> str:
    text = command(outcome.setting, row["value_s"], device.product)
    if text:
        return f"`{text}`"
    if outcome.setting.kind == "linger":
        longer = " longer" if _keeps(device) else ""
        return f"An entry kept {seconds(row['value_s'])}{longer} after FINs or a RST"
    return f"{outcome.setting.name} {seconds(row['value_s'])}"


def _effect(outcome: Outcome, row: Row) -> str:
    upper = "at most " if outcome.setting.upper else ""
    text = (
        f"would absorb {upper}{_range(row)} of {count(row['denials'], 'denial')} "
        f"({share(row['absorbed'], row['denials'])})"
    )
    if outcome.setting.kind == "reset":
        return text + f", for a RST to both ends of {count(row['connections'], 'connection')}"
    return text + (
        f", for {_most(row)} at one time (mean {_mean(row)}; today the log shows at most "
        f"{count(row['peak_today'], 'entry', 'entries')})"
    )


def _most(row: Row) -> str:
    return f"up to {count(row['peak_extra'], 'more entry', 'more entries')}"


def _mean(row: Row) -> str:
    value = float(row["mean_extra"])
    if 0 < value < 0.01:
        return "<0.01"
    return f"{value:.2g}" if value < 10 else _number(round(value))


def _range(row: Row) -> str:
    """``12``, or ``9–14`` where the stamps leave it open."""
    low, high = row["at_least"], row["at_most"]
    if row["bound"] == "upper":
        return _number(high)
    return _number(low) if low == high else f"{_number(low)}–{_number(high)}"


def _number(value: int | float) -> str:
    return f"{value:,}".replace(",", "\u202f") if value >= 10_000 else str(value)


def _product(device: Device) -> str:
    return TITLES.get(device.product or "", "this firewall")


def _whole(device: Device) -> str:
    span = device.last_ns - device.first_ns
    return (
        f"{_product(device)}: {count(device.connections, 'connection')}, "
        f"{count(device.denials, 'denial')} of TCP segments without connection, "
        f"{stamp(device.first_ns, digits=0)} – {stamp(device.last_ns, digits=0)} "
        f"({duration(span)})."
    )


# --- tables --------------------------------------------------------------------------------------


def _origins(device: Device) -> Table:
    rows: list[list[Line]] = []
    other = 0
    for end, number in device.governed.items():
        if end in ENDS:
            rows.append(_origin(number, device, ENDS[end]))
        else:
            other += number
    if other:
        rows.append(_origin(other, device, "after an end that no timer decides (inspection, "
                            "failover, an administrator …)"))  # fmt: skip
    rows += [
        _origin(device.fates[fate], device, text)
        for fate, text in FATES.items()
        if device.fates.get(fate)
    ]
    return Table(["", "", "denials"], rows, "rrl", 2)


def _origin(number: int, device: Device, text: str) -> list[Line]:
    return [_number(number), share(number, device.denials), text]


def _curve(device: Device) -> list[Block]:
    outcome = device.outcomes[0]
    steps = outcome.steps.to_dicts()
    head = Heading(f"Kept so {'much longer' if _keeps(device) else 'long'} after FINs or a RST", 2)
    if not outcome.steps["eligible"].max():
        return [head, Para("No denial follows such an end: the curve is flat at nothing.", 2)]
    rows: list[list[Line]] = []
    for row in steps:
        named = outcome.asked is not None and row["value_s"] == outcome.asked["value_s"]
        picked = outcome.chosen is not None and row["value_s"] == outcome.chosen["value_s"]
        rows.append([
            Span(seconds(row["value_s"]), "strong" if named or picked else ""),
            _range(row), _bar(row),
            _number(row["peak_extra"]), _mean(row), _number(row["reused"] + row["ports_reused"]),
            Span("asked" if named else "enough" if picked else "", "strong"),
        ])  # fmt: skip
    table = Table(["kept", "absorbs", "", "most", "mean", "reused", ""], rows, "rrlrrrl", 2)
    legend = (
        f"{FULL} of {count(steps[0]['denials'], 'denial')}"
        + (f", {HALF} possible: the stamps leave it open" if _blurred(steps) else "")
        + "; most, mean: entries more than today; reused: kept entries whose tuple or translated "
        f"port is used again meanwhile. Beyond {seconds(LONGEST_LINGER_S)} none is recommended: a "
        "tuple may be used again then."
    )
    return [head, table, Para(Span(legend, "dim"), 2)]


def _keeps(device: Device) -> bool:
    """Does this firewall keep entries after the end today?"""
    return device.product in KEEP_ENTRIES


def _blurred(steps: list[Row]) -> bool:
    return any(row["at_least"] != row["at_most"] for row in steps)


def _bar(row: Row) -> str:
    whole = max(row["denials"], 1)
    solid: int = round(BAR * row["at_least"] / whole)
    light: int = round(BAR * row["at_most"] / whole) - solid
    return (FULL * solid + HALF * light).ljust(BAR)


def _settings(device: Device) -> list[Block]:
    rows: list[list[Line]] = []
    details: list[Block] = []
    for outcome in device.outcomes[1:] if device.product else device.outcomes:
        today = "off" if outcome.setting.upper else seconds(outcome.today_s)
        told = [row for row in (outcome.asked, outcome.chosen) if row is not None]
        told = told[:1] if told[1:] and told[0]["value_s"] == told[1]["value_s"] else told
        if not told:
            some = (outcome.steps["eligible"] > 0).any()
            why = "not worth it" if some else "no denial"
            rows.append([outcome.setting.name, today, "–", "–", "", "", "", Span(why, "dim")])
            continue
        for row in told:
            then = seconds(row["value_s"]) if row["value_s"] is not None else "on"
            note = "asked" if row is outcome.asked else ""
            bound = "≤ " if outcome.setting.upper else ""
            rows.append([
                Span(outcome.setting.name, "strong"), today, then, bound + _range(row),
                _number(row["peak_extra"]), _mean(row),
                _number(row["reused"] + row["ports_reused"]), note,
            ])  # fmt: skip
        details += _detail(outcome, told[0], device)
    title = f"Settings of {_product(device)}" if device.product in TITLES else "Settings"
    header = ["setting", "today", "then", "absorbs", "most", "mean", "reused", ""]
    return [Heading(title, 2), Table(header, rows, "lrrrrrrl", 2), *details]


def _detail(outcome: Outcome, row: Row, device: Device) -> list[Block]:
    lines: list[Line] = [_passed(row)]
    if outcome.setting.kind == "timer" and not outcome.setting.upper:
        lines.append(f"Today's value of {seconds(outcome.today_s)}: {_why(outcome)}.")
    if row["reused"]:
        lines.append(
            f"{count(row['reused'], 'kept entry', 'kept entries')} would meet a SYN of the same "
            "tuple: unless it gives way (RFC 9293 §3.10.7.4 and RFC 6191 say when), the client "
            "waits or is refused."
        )
    if row["ports_reused"]:
        lines.append(
            f"{count(row['ports_reused'], 'translated port')} that another connection was given "
            "would not have been free: the firewall has to choose another, and runs out sooner."
        )
    if outcome.alive:
        alive = outcome.alive
        lines.append(
            f"Of {count(row['connections'], 'connection')} that would have been probed, both ends "
            f"sent something later on {alive['both']}, one end on {alive['one']}; of "
            f"{alive['none']} nothing later is known. Entries are counted as if all had answered."
        )
    if outcome.setting.caution:
        lines.append(outcome.setting.caution)
    blocks: list[Block] = [Heading(outcome.setting.name, 3), Bullets(lines, 2)]
    text = command(outcome.setting, row["value_s"], device.product)
    return [*blocks, Code([text], 4)] if text else blocks


def _passed(row: Row) -> str:
    """What the absorbed segments are."""
    kinds = [
        count(row[f"absorbed_{form}"], text)
        for form, text in (
            ("rst", "RST"), ("fin", "FIN"), ("syn", "SYN ACK"), ("data", "ACK or data segment"),
        )
        if row[f"absorbed_{form}"]
    ]  # fmt: skip
    named = ", ".join(kinds) or "nothing"
    lead = (
        "At the most it absorbs" if row["bound"] == "upper" else "Absorbed, at their stamped lag:"
    )
    return f"{lead} {named}; after {count(row['connections'], 'end')}."


def _why(outcome: Outcome) -> str:
    return TODAY[outcome.today_why]


def limits(device: Device) -> list[Line]:
    """What the log cannot show."""
    lines: list[Line] = [
        "Only denials that were logged are counted: a rate limit, a log level or lost lines hide "
        "others. An entry that is kept is said to absorb a segment; whether the firewall then "
        "forwards or discards it, and what a host makes of it, the log does not tell.",
        "Entries are counted from Teardown lines: where they are missing the cost is higher.",
    ]
    if device.resolution_s >= 0.001:
        exact = "whole seconds" if device.resolution_s >= 1 else "milliseconds"
        lines.append(
            f"Stamps are {exact}: a lag is known to ± {seconds(device.resolution_s)}, and entries "
            f"kept for less are counted as if all ends of a stamp stood together (at most)."
        )
    if device.fates.get("none before"):
        reasons = list(device.unknown.items())
        told = "; ".join(f"{number}: {why}" for why, number in reasons[:REASONS])
        lines.append(
            f"{count(device.fates['none before'], 'denial')} cannot be held against an end: {told}."
        )
    if device.frames:
        lines.append(f"{count(device.frames, 'denial')} that only a drop capture shows are left "
                     "out: the log does not join them to a teardown.")  # fmt: skip
    if device.others:
        lines.append(f"{count(device.others, 'denial')} of other kinds (rules, limits, UDP, ICMP) "
                     "are left out: no entry would have let them in.")  # fmt: skip
    return lines


# --- JSON ----------------------------------------------------------------------------------------


def facts(case: Case, devices: list[Device]) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "finis": VERSION,
        "sources": [source_facts(source) for source in case.sources],
        "skipped": [{"path": path, "why": why} for path, why in case.skipped],
        "notes": case.notes,
        "devices": [_device_facts(device) for device in devices],
    }


def _device_facts(device: Device) -> dict[str, Any]:
    return {
        "device": device.name,
        "product": device.product,
        "answer": verdict(device),
        "first": stamp(device.first_ns).replace(" ", "T") + "Z",
        "last": stamp(device.last_ns).replace(" ", "T") + "Z",
        "span_s": (device.last_ns - device.first_ns) / SECOND,
        "resolution_s": device.resolution_s,
        "connections": device.connections,
        "denials": device.denials,
        "other_denials": device.others,
        "drop_capture_denials": device.frames,
        "fates": device.fates,
        "follow": device.governed,
        "unknown": device.unknown,
        "settings": [_setting_facts(outcome, device) for outcome in device.outcomes],
        "limits": limits(device),
    }


def _setting_facts(outcome: Outcome, device: Device) -> dict[str, Any]:
    setting, told = outcome.setting, outcome.told
    return {
        "setting": setting.name,
        "command": command(setting, told["value_s"] if told else None, device.product),
        "after": list(setting.after),
        "bound": "upper" if setting.upper else "estimate",
        "today_s": outcome.today_s,
        "today_why": outcome.today_why,
        "asked_s": outcome.wanted_s,
        "enough": outcome.chosen,
        "asked": outcome.asked,
        "alive": outcome.alive or None,
        "caution": setting.caution,
        "curve": outcome.steps.drop("device", "product", "command").to_dicts(),
    }
