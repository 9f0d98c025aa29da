"""What each step of a connection means, in a few words, from the facts tracking found."""

from __future__ import annotations

from finis.correlation.stories import Story
from finis.diagnosis import telling
from finis.records import dataclass
from finis.report.document import Style
from finis.report.steps import Step
from finis.terms import Alert, Answers, Flag, Kind, Notify, Role, RstClass, Side
from finis.words import duration

WHO = {Side.ORIG: "orig", Side.RESP: "resp"}

KINDS = {
    Kind.KEEP_ALIVE: "keep-alive probe",
    Kind.KEEP_ALIVE_ACK: "answers the keep-alive",
    Kind.WINDOW_PROBE: "zero-window probe",
    Kind.CHALLENGE_ACK: "challenge ACK: refuses what it got, says where it stands (RFC 5961)",
    Kind.WINDOW_UPDATE: "window update",
    Kind.DUP_ACK: "duplicate ACK",
    Kind.OUT_OF_WINDOW: "outside the receiver's window: must be ignored",
    Kind.STRAY: "belongs to no connection known here",
}

RESETS = {
    RstClass.ABORT: "aborts: a stack that still had the connection gave it up",
    RstClass.NO_STATE: "a host without this connection answers (RFC 9293 §3.10.7.1)",
    RstClass.REFUSAL: "refuses: nobody listens on the port, or it is rejected",
    RstClass.DATA_AFTER_CLOSE: "data came after this side had closed: it resets",
    RstClass.NO_STATE_ACK: "a host without this connection answers (form of lwIP and others)",
    RstClass.BAD_ACK: "rejects an acknowledgement of something it never sent",
    RstClass.REPEAT: "resets again",
    RstClass.SUSPECT: "fits nothing its sender could know: injected or stale",
    RstClass.UNKNOWN: "resets",
}

ANSWERED = {
    Answers.SYN: "answers the SYN",
    Answers.SYN_ACK: "answers the SYN ACK",
    Answers.ACK: "answers the ACK",
    Answers.DATA: "answers the data",
    Answers.FIN: "answers the FIN",
    Answers.KEEP_ALIVE: "answers the keep-alive",
    Answers.CHALLENGE_ACK: "answers the challenge ACK",
    Answers.UNSEEN: "answers a segment not in the capture",
}

ALERTS = {
    Alert.LIKELY: "the size of a TLS alert",
    Alert.RECORD: "a TLS alert, encrypted",
    Alert.CLOSE_NOTIFY: "TLS close_notify",
    Alert.WARNING: "TLS alert (warning)",
    Alert.FATAL: "TLS alert (fatal)",
}


@dataclass(frozen=True, slots=True)
class Told:
    text: str
    style: Style = ""


@dataclass(slots=True)
class _Memory:
    fins: dict[Side, int]
    rsts: set[Side]


def tell(story: Story, walk: list[Step]) -> list[Told]:
    """One meaning per step, in the order of the walk."""
    memory = _Memory({}, set())
    return [_one(story, step, memory) for step in walk]


def _one(story: Story, step: Step, memory: _Memory) -> Told:
    text, style = _plain(story, step, memory)
    if step.fate == "vanished":
        points = " and ".join(story.seen[n].point for n in sorted(step.at))
        named = story.refusing(*step.proofs) is not None
        what = "refused by the firewall" if named else "dropped by the firewall, or missed beyond"
        return Told(f"{text}; {what}: seen at {points} and nowhere after", "harmful")
    if step.fate == "created":
        points = " and ".join(story.seen[n].point for n in sorted(step.at))
        what = "made by the firewall, or missed before"
        return Told(f"{text}; {what}: seen only at {points}", "depends")
    return Told(text, style)


def _plain(story: Story, step: Step, memory: _Memory) -> tuple[str, Style]:
    segment, flags, side = step.segment, step.flags, step.side
    who, again = WHO[side], bool(segment["role"] & Role.RETRANSMISSION)
    kind = Kind(int(segment["kind"]))
    if flags & Flag.RST:
        return _reset(story, step, memory), "depends"
    if kind in KINDS:
        return KINDS[kind], "dim"
    if flags & Flag.SYN:
        if flags & Flag.ACK:
            return (f"{who} accepts" + (" again: its SYN ACK is unanswered" if again else "")), ""
        return (f"{who} asks again: no answer yet" if again else f"{who} asks for a connection"), ""
    if flags & Flag.FIN:
        return _fin(story, step, memory, again), "strong"
    if segment["payload_len"]:
        return _data(story, step, who, again), ""
    if segment["role"] & Role.ACKS_FIN:
        return f"{who} acknowledges the FIN", ""
    if segment["role"] & Role.HANDSHAKE_ACK:
        return "handshake complete", ""
    return "acknowledges", "dim"


def _fin(story: Story, step: Step, memory: _Memory, again: bool) -> str:
    side, other = step.side, Side(1 - step.side)
    if again and side in memory.fins:
        return f"FIN again: {WHO[other]} has not acknowledged it"
    memory.fins[side] = step.ts_ns
    data = int(step.segment["payload_len"])
    lead = f"last {data} bytes, and " if data else ""
    alert = alert_of(story, step)
    if data and alert in ALERTS:
        lead = f"{_alert(story, step, alert)}, and "
    if other not in memory.fins:
        return f"{lead}{WHO[side]} closes first: it will send no more"
    later = duration(step.ts_ns - memory.fins[other])
    return f"{lead}{WHO[side]} closes too, {later} after {WHO[other]}"


def alert_of(story: Story, step: Step) -> Alert:
    """The TLS alert a segment carries: readable, or likely by its size as its side's last data."""
    alert = Alert(int(step.segment["alert"]))
    if alert != Alert.NONE or not step.segment["role"] & Role.LAST_DATA:
        return alert
    seen = [story.seen[n] for n in sorted(step.at)][0 if step.side == Side.ORIG else -1]
    notify = Notify(int(seen.record["notify"][seen.side(step.side)]))
    return Alert.LIKELY if notify == Notify.LIKELY else Alert.NONE


def _alert(story: Story, step: Step, alert: Alert) -> str:
    """In words; what an encrypted one says is guessed of a side's last data only."""
    if alert in (Alert.LIKELY, Alert.RECORD) and step.segment["role"] & Role.LAST_DATA:
        return f"{ALERTS[alert]}: {telling.farewell(story, step.side)}"
    return ALERTS[alert]


def _data(story: Story, step: Step, who: str, again: bool) -> str:
    size = int(step.segment["payload_len"])
    if again:
        return f"{size} bytes again"
    alert = alert_of(story, step)
    return (
        f"{size} bytes: {_alert(story, step, alert)}"
        if alert in ALERTS
        else f"{who} sends {size} bytes"
    )


def _reset(story: Story, step: Step, memory: _Memory) -> str:
    side = step.side
    who = WHO[side]
    if side in memory.rsts:
        return f"{who} resets again"
    memory.rsts.add(side)
    near = [story.seen[n] for n in sorted(step.at)][0 if side == Side.ORIG else -1]
    at = near.side(side)
    kind = RstClass(int(near.record["rst_class"][at]))
    answers = Answers(int(near.record["rst_answers"][at]))
    text = f"{who}: {RESETS[kind]}" if kind in RESETS else f"{who} resets"
    if answers in ANSWERED:
        lag = int(near.record["rst_lag_ns"][at])
        text += f"; {ANSWERED[answers]}" + (f" {duration(lag)} later" if lag >= 0 else "")
    return text
