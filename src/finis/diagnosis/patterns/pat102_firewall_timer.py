"""The value of a firewall's timer, read from when it removes connections.

## What happened
The firewall removes connections that are idle, half-closed or incomplete for too long. The shortest
of these lived exactly as long as the timer: they carried nothing after their first moments.

## Evidence
At least eight connections removed for the same reason, of which four or more lived equally long
(within two seconds) and none shorter. That common length is the timer, or a little more.

## Look-alikes
If no connection was silent from the start, the shortest life says nothing, and their lengths are
spread: no value is given then. Different timers per class of traffic show as the shortest one.

## Harm
Depends: the timer is harmful to applications whose connections stay silent longer (DNY301).

## What to change
Keep-alives more often than an idle timer, or a longer timer for the service that needs it.
Keep-alives change nothing about the timers of handshakes and of half-closed connections.

## References
RFC 5382 REQ-5 (timers of translating devices).
"""

from __future__ import annotations

import polars as pl

from finis.diagnosis.cause import Claim
from finis.diagnosis.keepalives import keep_alives
from finis.diagnosis.patterns._api import Pattern, PatternFinding
from finis.diagnosis.patterns._rows import earliest, moment, timer
from finis.diagnosis.patterns._whole import TOP_HOSTS, Whole
from finis.terms import Confidence, Harm, Teardown, word

MIN_REMOVED = 8
MIN_EQUAL = 4
EQUAL_S = 2.0  # the log states durations in whole seconds
TIMERS = {
    word(Teardown.IDLE_TIMEOUT): "idle timer",
    word(Teardown.BYPASS_IDLE): "idle timer (state bypass)",
    word(Teardown.IDLE_TIMEOUT_RESET): "idle timer (with reset)",
    word(Teardown.FIN_TIMEOUT): "half-closed timer",
    word(Teardown.SYN_TIMEOUT): "embryonic timer",
    word(Teardown.SYN_ACK_TIMEOUT): "timer of handshakes the client does not complete",
}

FIREWALLS = {
    "ASA": "`show run timeout`; `set connection timeout` for a class that needs longer",
    "netfilter": "`sysctl -a | grep nf_conntrack_tcp_timeout`; a `ct timeout` policy for a "
    "service that needs longer",
}
# Half the timer: one keep-alive may be lost.
SHARE = 0.5


def _remedy(ended: str, value_s: float) -> dict[str, str]:
    """What to change about the timer behind this reason.  Keep-alives end no silence of a handshake
    or of a side that has closed."""
    if ended == word(Teardown.SYN_ACK_TIMEOUT):
        return {"client": "look why clients do not complete handshakes (END103, PAT302)",
                **FIREWALLS}  # fmt: skip
    if ended == word(Teardown.SYN_TIMEOUT):
        found = "look why SYNs go unanswered for so long (END102, END103, PAT302)"
        return {"server": found, **FIREWALLS}
    if ended == word(Teardown.FIN_TIMEOUT):
        found = "close the socket when the peer has closed (look for CLOSE-WAIT)"
        return {"application": found, **FIREWALLS}
    every_s = max(1.0, value_s * SHARE)
    often = f"keep-alives more often than the timer found, say every {timer(every_s)}"
    return {"host": often, **FIREWALLS, **keep_alives(every_s)}


class FirewallTimer(Pattern):
    id = "PAT102"
    name = "firewall-timer"
    title = "the value of a firewall's timer"
    of_connections_alone = True
    fewest = MIN_REMOVED
    harm = Harm.DEPENDS
    confidence = Confidence.LIKELY
    remedy = FIREWALLS | {
        "host": "keep-alives more often than an idle timer; none helps against the other timers",
    }
    references = ("RFC 5382 REQ-5",)
    not_this = ("connections that were busy: their lengths would be spread",)

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        removed = connections.filter(pl.col("teardown").is_in(list(TIMERS))).filter(
            pl.col("log_duration_s") > 0
        )
        timer_of = ["device", "teardown"]
        grouped = (
            removed.group_by(timer_of)
            .agg(
                total=pl.len(),
                value=pl.col("log_duration_s").min(),
                harmless=(pl.col("harm") == word(Harm.HARMLESS)).fill_null(False).all(),
                first=pl.col("teardown_ts").min(),
                last=pl.col("teardown_ts").max(),
            )
            .filter(pl.col("total") >= MIN_REMOVED)
            .collect()
        )
        if grouped.is_empty():
            return []
        removed = removed.join(
            grouped.lazy().select(*timer_of, "value"), on=timer_of, nulls_equal=True
        )
        equal = removed.filter(pl.col("log_duration_s") <= pl.col("value") + EQUAL_S)
        many = equal.group_by(timer_of).len("equal").filter(pl.col("equal") >= MIN_EQUAL).collect()
        hosts = removed.drop_nulls("resp_h").select(*timer_of, "resp_h").unique().collect()
        grouped = grouped.join(many, on=timer_of, nulls_equal=True)
        for beside in (
            hosts.group_by(timer_of).agg(hosts="resp_h"),
            earliest(equal, timer_of),
        ):
            grouped = grouped.join(beside, on=timer_of, how="left", nulls_equal=True)
        grouped = grouped.with_columns(pl.col("hosts").fill_null([])).sort(
            ["teardown", "total", "device"], descending=[False, True, False]
        )
        return [
            cls.finding(
                f"{TIMERS[row['teardown']]} of {row['device'] or 'the firewall'}:"
                f" about {timer(row['value'])}",
                harm=Harm.HARMLESS if row["harmless"] else Harm.DEPENDS,
                remedy=_remedy(row["teardown"], row["value"]),
                connections=row["total"],
                first_ts=moment(row["first"]),
                last_ts=moment(row["last"]),
                hosts=_first(hosts, whole),
                claims=(
                    Claim(
                        f"{row['equal']} of {row['total']} connections it removed so lived"
                        f" {timer(row['value'])}, none shorter."
                    ),
                ),
                stories=tuple(row["stories"]),
            )
            for row, hosts in zip(grouped.iter_rows(named=True), grouped["hosts"], strict=True)
        ]


def _first(hosts: pl.Series, whole: Whole) -> tuple[str, ...]:
    """The first of these hosts, in order of text."""
    counted = pl.DataFrame({"host": hosts, "n": [1] * len(hosts)})
    return tuple(whole.named(whole.leading(counted, "host", TOP_HOSTS), "host")["host"].to_list())
