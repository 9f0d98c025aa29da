"""The columns that rules use, as expressions with names that read like the question asked.

A null ("not observable") makes a condition false; `no()` is the exception: it is true unless the
thing is known to be there, for conditions of the form "and nothing says otherwise".

An expression never changes, and to make one costs more than to evaluate it over a few rows: what
many rules ask is made once.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import Literal

import polars as pl

from finis.terms import Confidence, Harm

SideName = Literal["orig", "resp"]

# Ids that many causes must beat: what packets say of an ordinary end.
ORDERLY = ("END201", "END202", "END203")
ORDERLY_WEAK = ("END205", "END207")
FIN_THEN_RST = ("END302", "END303", "END304")
ABORTS = ("END305", "END306")

TLS_PORTS = (443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 5986, 6443, 8443, 9443)
LARGEST_ALERT_BYTES = 85  # TLS 1.2 CBC with SHA-384, without extra padding
# A TLS Finished on the wire: verify_data 12, header 4 and 5, tag 16 (RFC 5246 §7.4.9; the MD5 and
# CCM_8 suites no less); 50 in TLS 1.3 (RFC 8446 §4.4.4).
LEAST_FINISHED_BYTES = 37
FAREWELL_S = 1.0  # who says farewell in TLS closes next: at once, or when the peer has answered
REUSE_S = 240.0  # two maximum segment lifetimes of RFC 9293 §3.4.2: the longest TIME-WAIT
ANSWERED_S = 0.25  # a round trip, and what a host needs for its answer
REPEATED_S = 1.0  # the least that three repetitions take: 0.2, 0.4 and 0.8 s in Linux
REORDERING_S = 0.001  # what comes later than this is not merely out of order
TTL_STEP = 2  # a route may change by a hop or so in mid-connection; an origin differs by more
FALSE = pl.lit(False)


def no(condition: pl.Expr) -> pl.Expr:
    """True unless the condition is known to hold."""
    return ~condition.fill_null(FALSE)


@cache
def positive(column: str) -> pl.Expr:
    return pl.col(column) > 0


@cache
def _among(column: str, words: tuple[str, ...]) -> pl.Expr:
    return pl.col(column).is_in(words)


def ended(*words: str) -> pl.Expr:
    return _among("ended", words)


def teardown(*words: str) -> pl.Expr:
    """The firewall's log gives one of these reasons (words of terms.Teardown)."""
    return _among("teardown", words)


def reset_per_log() -> pl.Expr:
    """By the firewall's log a RST ended it, whatever captures lack."""
    return teardown("reset-orig", "reset-resp", "reset-side-unknown", "handshake-reset")


def packets() -> pl.Expr:
    return pl.col("has_packets")


@cache
def log_only() -> pl.Expr:
    return pl.col("has_log") & no(pl.col("has_packets"))


@cache
def watched() -> pl.Expr:
    """The capture went on long enough to show an answer to its last segment."""
    return no(pl.col("watched_s") < ANSWERED_S)


@cache
def whole() -> pl.Expr:
    """No capture of it was filtered for flags: what it shows no answer to had none."""
    return no(pl.col("flags_only"))


def peaceful() -> pl.Expr:
    """Both FINs seen and acknowledged: whatever the firewall logged came after the end."""
    return ended("closed")


@cache
def show_no_end() -> pl.Expr:
    """No packets, or packets that stop before an ending the log then tells."""
    return no(packets()) | ended("open", "half-closed", "closing", "unanswered")


def confidence(*steps: tuple[pl.Expr, Confidence], otherwise: Confidence) -> pl.Expr:
    """The level of the first step whose condition holds."""
    return _steps([(when, int(level)) for when, level in steps], int(otherwise))


def harm(*steps: tuple[pl.Expr, Harm], otherwise: Harm) -> pl.Expr:
    """The harm of the first step whose condition holds; put harmful ones first."""
    return _steps([(when, int(level)) for when, level in steps], int(otherwise))


def _steps(steps: list[tuple[pl.Expr, int]], otherwise: int) -> pl.Expr:
    value = pl.lit(otherwise)
    for when, level in reversed(steps):
        value = pl.when(when.fill_null(FALSE)).then(pl.lit(level)).otherwise(value)
    return value


class Half:
    """The facts of one side.  `Half("resp").fin` is the column `r_fin`."""

    def __init__(self, side: SideName) -> None:
        self.side = side
        self._short = side[0]

    @property
    def peer(self) -> Half:
        return RESP if self is ORIG else ORIG

    def col(self, name: str) -> pl.Expr:
        """A column named with the short prefix: ``o_…`` or ``r_…``."""
        return pl.col(f"{self._short}_{name}")

    @cached_property
    def pkts(self) -> pl.Expr:
        return pl.col(f"{self.side}_pkts")

    @cached_property
    def bytes(self) -> pl.Expr:
        return pl.col(f"{self.side}_bytes")

    @cached_property
    def sent_nothing(self) -> pl.Expr:
        """No byte of it was captured, and the capture misses none that was acknowledged."""
        return (self.bytes == 0) & no(self.col("gap")) & whole()

    @cached_property
    def fin(self) -> pl.Expr:
        return self.col("fin")

    @cached_property
    def fin_first(self) -> pl.Expr:
        return pl.col("first_fin") == self.side

    @cached_property
    def rst(self) -> pl.Expr:
        return self.col("rsts") > 0

    @cached_property
    def reset_it(self) -> pl.Expr:
        """This side's RST is the one that ended the connection."""
        return pl.col("reset_by") == self.side

    @cached_property
    def no_fin_before_rst(self) -> pl.Expr:
        return no(self.fin) | (self.col("rst_after_own_fin_s") < 0)

    @cached_property
    def rst_after_own_fin(self) -> pl.Expr:
        return self.fin & self.rst & (self.col("rst_after_own_fin_s") >= 0)

    def rst_class(self, *words: str) -> pl.Expr:
        return _among(f"{self.side}_rst_class", words)

    def rst_answers(self, *words: str) -> pl.Expr:
        return _among(f"{self.side}_rst_answers", words)

    def notify(self, *words: str) -> pl.Expr:
        return _among(f"{self.side}_close_notify", words)

    def alert(self, *words: str) -> pl.Expr:
        return _among(f"{self._short}_alert", words)

    def proto(self, *words: str) -> pl.Expr:
        return _among(f"{self._short}_proto", words)

    @cached_property
    def aborted(self) -> pl.Expr:
        """A RST of its own will, with the state of a live socket (RFC 9293 §3.10.5)."""
        return self.rst & self.rst_class("abort")

    @cached_property
    def confirmed_rst(self) -> pl.Expr:
        """Its receiver challenged a RST of this side, and another with the number asked for came:
        a host does that whose segments before it were lost, or not captured (RFC 5961 §3.2)."""
        challenged = (self.col("rsts") > 1) & (self.peer.col("challenge") > 0)
        return challenged & (self.col("rst_accept") == "exact") & self.rst_class("suspect")

    @cached_property
    def silencing_rst(self) -> pl.Expr:
        """Beyond the next number that the capture shows, but its receiver, who had to challenge
        such a RST (RFC 5961 §3.2), never sent anything again, nor did this side."""
        since_s = pl.col("duration") - self.col("rst_s")
        more = self.col("data_after_rst_s") > REORDERING_S
        silent = (self.peer.col("last_seg_s") >= since_s) & no(more)
        open_ = ended("open", "half-closed", "closing") & (self.peer.col("challenge") == 0)
        return self.rst & (self.col("rst_accept") == "in-window") & open_ & silent

    @cached_property
    def stateless_rst(self) -> pl.Expr:
        """A RST of a host that knew no such connection (RFC 9293 §3.10.7.1)."""
        return self.rst & self.rst_class("no-state", "no-state-ack")

    def _alert_sized(self, name: str) -> pl.Expr:
        """So many bytes of this side, one at least, are a TLS alert by their size and no more."""
        size = self.col(name)
        return (size > 0) & (size <= LARGEST_ALERT_BYTES) & self.notify("yes", "likely")

    @cached_property
    def only_alert_after_fin(self) -> pl.Expr:
        """What this side sent after the peer's FIN has the size of a TLS alert and no more."""
        return self._alert_sized("data_after_fin")

    @cached_property
    def only_alert_crossed_fin(self) -> pl.Expr:
        """It sent nothing after the peer's FIN, and what was never acknowledged is no more than
        an alert: a farewell that was under way when the FIN came."""
        return (self.col("data_after_fin") == 0) & self._alert_sized("unacked")

    @cached_property
    def farewell_refused(self) -> pl.Expr:
        """Of a side whose data met a socket that was closed: by its size it was no more than an
        alert."""
        return self.only_alert_after_fin | self.only_alert_crossed_fin

    @cached_property
    def farewell_seen(self) -> pl.Expr:
        """And it speaks TLS: without payload other bytes may have that size."""
        return self.farewell_refused & (self.notify("yes") | self.proto("tls"))

    @cached_property
    def loses_data(self) -> pl.Expr:
        """Data of this side was never acknowledged, and it was more than a TLS farewell."""
        return (self.col("unacked") > 0) & no(self._alert_sized("unacked"))

    @cached_property
    def said_farewell(self) -> pl.Expr:
        """Its last data is a TLS close_notify, by its bytes; or, where what it says is encrypted,
        by its size, which no other data of it has, with its FIN soon after, the handshake behind it
        and nothing of the peer left without an answer."""
        short = no(self.col("alert_again")) & no(self.alert_for_answer) & no(tls_unfinished())
        waited = self.col("fin_s") - self.col("data_s") > FAREWELL_S
        return self.notify("yes") | (self.notify("likely") & short & no(waited))

    @cached_property
    def alert_for_answer(self) -> pl.Expr:
        """The peer's last data, which was no farewell, got an alert that cannot be read for an
        answer, and nothing else."""
        return self.col("alert_alone") & no(self.peer.notify("yes", "likely"))

    @cached_property
    def record_cut(self) -> pl.Expr:
        """Its FIN came before the end of its last TLS record."""
        return positive(f"{self._short}_record_cut")

    @cached_property
    def alien_rst_ttl(self) -> pl.Expr:
        """Its RST carries a TTL that none of its other segments comes near."""
        ttl = self.col("rst_ttl")
        return (
            (ttl > 0)
            & (self.col("ttl_min") > 0)
            & ((ttl < self.col("ttl_min") - TTL_STEP) | (ttl > self.col("ttl_max") + TTL_STEP))
        )


@cache
def tls_unfinished() -> pl.Expr:
    """A ServerHello answered the ClientHello, and the client has sent too little since for a
    Finished; the capture misses nothing of it."""
    short = pl.col("o_after_hello") < LEAST_FINISHED_BYTES
    return short & no(pl.col("o_gap")) & no(pl.col("midstream")) & whole()


ORIG, RESP = Half("orig"), Half("resp")
SIDES = (ORIG, RESP)


@cache
def data_lost() -> pl.Expr:
    """Either side's data was never acknowledged."""
    return ORIG.loses_data | RESP.loses_data
