"""The settings that decide how long a firewall remembers a connection, product by product.

A row says after which ends it keeps the entry (words of terms.Teardown), what it is by default, and
what else must be said of it.  Sources: Cisco ASA configuration guides (connection timeouts, `sysopt
connection timewait`, dead connection detection); Linux Documentation/networking/
nf_conntrack-sysctl.rst; RFC 9293 §3.4.2 (TIME-WAIT), RFC 1337 (its assassination).
"""

from __future__ import annotations

from typing import Literal

from finis.records import dataclass, replace
from finis.terms import Teardown, word

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
# From a round trip to an hour, three steps a decade where the field's own numbers lie.
LINGERS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, HOUR)
# Two maximum segment lifetimes (RFC 9293 §3.4.2): afterwards a tuple may lawfully be used again.
LONGEST_LINGER_S = 240.0

FINS = (word(Teardown.FINS),)
RESETS = tuple(
    word(way)
    for way in (
        Teardown.RESET_ORIG,
        Teardown.RESET_RESP,
        Teardown.RESET_DEVICE,
        Teardown.RESET_SIDE_UNKNOWN,
        Teardown.HANDSHAKE_RESET,
        Teardown.REFUSED,
    )
)
IDLE = (word(Teardown.IDLE_TIMEOUT), word(Teardown.IDLE_TIMEOUT_RESET))
HALF_CLOSED = (word(Teardown.FIN_TIMEOUT),)
EMBRYONIC = (word(Teardown.SYN_TIMEOUT),)
SYN_ACKED = (word(Teardown.SYN_ACK_TIMEOUT),)
CLOSING = (word(Teardown.LAST_ACK_TIMEOUT),)
UNACKED = (word(Teardown.UNACKED_TIMEOUT),)

Kind = Literal["linger", "timer", "reset", "dcd"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.  `values`: those tried, in seconds; `option`: the command-line option that
    tries another; `restarts`: a packet that is let through starts the timer again."""

    name: str
    after: tuple[str, ...]
    values: tuple[float, ...]
    option: str = ""
    command: str | None = None  # {value} is replaced
    today_s: float = 0.0
    kind: Kind = "timer"
    restarts: bool = False
    upper: bool = False  # documented to do at most this
    caution: str = ""


LINGER = Setting(
    "linger", FINS + RESETS, LINGERS, "linger", kind="linger",
    caution="An entry kept after a RST or the last FIN is no licence to forward: a late RST that "
    "is let through can end a new connection of the same tuple or a TIME-WAIT (RFC 1337). Only if "
    "the firewall discards what the entry absorbs does nothing change for the hosts.",
)  # fmt: skip

ASA = (
    Setting(
        "timewait", FINS, (15.0,), command="sysopt connection timewait", upper=True,
        caution="Global, off by default. Documented for the normal close-down: whether it keeps a "
        "connection that ended FIN, FIN, RST is not, and one ended by a RST it does not keep. What "
        "it absorbs may be forwarded: the hosts then see segments that are dropped today.",
    ),
    Setting(
        "half-closed", HALF_CLOSED, (900.0, 1800.0, HOUR, 2 * HOUR, 4 * HOUR), "half-closed",
        "timeout half-closed {value}", 600.0, restarts=True,
        caution="`set connection timeout half-closed` does it for one class of traffic only. What "
        "is let through reaches a host that may have closed long ago and may answer with a RST.",
    ),
    Setting(
        "idle", IDLE, (2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY), "idle",
        "timeout conn {value}", HOUR, restarts=True,
        caution="`set connection timeout idle` does it for one class of traffic only. Keep-alives "
        "of the hosts, more often than the timer, cost no entry that is not in use.",
    ),
    Setting(
        "idle-reset", IDLE[:1], (), command="set connection timeout idle {value} reset",
        today_s=HOUR, kind="reset", upper=True,
        caution="Both hosts get a RST when the timer expires: an application that still meant to "
        "use the connection learns it then, not at its next request; it does not keep the "
        "connection, and a host that is cut off at that moment never gets the RST.",
    ),
    Setting(
        "dcd", IDLE, (), command="set connection timeout dcd", kind="dcd", upper=True,
        caution="Both hosts are probed when the timer expires, and the connection is kept as long "
        "as both answer. That a host was alive is known only where it sent something later.",
    ),
    Setting(
        "embryonic", EMBRYONIC, (60.0, 120.0, 240.0), "embryonic",
        "set connection timeout embryonic {value}", 30.0,
        caution="A longer embryonic timer makes SYN floods cheaper by as much.",
    ),
)  # fmt: skip

# Values below the default too: many machines have been tuned to forget sooner.
_KEPT = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 240.0, 300.0, 600.0)
_TIMEOUT = "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_"
NETFILTER = (
    Setting(
        "time-wait", FINS, _KEPT, "linger", _TIMEOUT + "time_wait={value}",
        120.0, restarts=True,
    ),
    Setting(
        "close", RESETS, _KEPT, "linger", _TIMEOUT + "close={value}",
        10.0, restarts=True,
        caution="A late RST whose SEQ fits is forwarded.",
    ),
    Setting(
        "half-closed", HALF_CLOSED, (30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, HOUR), "half-closed",
        _TIMEOUT + "close_wait={value}", 60.0, restarts=True,
        caution="Two timers share this: close_wait (60 s) and fin_wait (120 s); the state in which "
        "the entry was removed says which of them ran out.",
    ),
    Setting(
        "last-ack", CLOSING, _KEPT, "half-closed", _TIMEOUT + "last_ack={value}",
        30.0, restarts=True,
    ),
    Setting(
        "unacknowledged", UNACKED, (600.0, 1800.0, HOUR), "idle",
        _TIMEOUT + "unacknowledged={value}", 300.0, restarts=True,
        caution="`nf_conntrack_tcp_timeout_max_retrans` has the same value and may have been the "
        "one; a host that answers nothing is kept longer by either.",
    ),
    Setting(
        "established", IDLE, (HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, DAY, 5 * DAY, 10 * DAY), "idle",
        _TIMEOUT + "established={value}", 5 * DAY, restarts=True,
    ),
    Setting(
        "embryonic", EMBRYONIC, (30.0, 60.0, 120.0, 240.0), "embryonic",
        _TIMEOUT + "syn_sent={value}", 120.0,
        caution="A longer timer makes SYN floods cheaper by as much.",
    ),
    Setting(
        "syn-recv", SYN_ACKED, (30.0, 60.0, 120.0, 240.0), "embryonic",
        _TIMEOUT + "syn_recv={value}", 60.0,
        caution="A longer timer makes SYN floods cheaper by as much.",
    ),
)  # fmt: skip

# Any other firewall: the same questions, without a command.
OTHER = (
    Setting("half-closed", HALF_CLOSED, (900.0, 1800.0, HOUR), "half-closed", None, 600.0,
            restarts=True),
    Setting("idle", IDLE, (2 * HOUR, 4 * HOUR, 8 * HOUR, DAY), "idle", None, HOUR, restarts=True),
    Setting("embryonic", EMBRYONIC, (60.0, 120.0, 240.0), "embryonic", None, 30.0),
)  # fmt: skip

PRODUCTS = {"ASA": ASA, "netfilter": NETFILTER}
KEEP_ENTRIES = ("netfilter",)  # their log tells the end, and later the removal of the entry
TITLES = {"ASA": "Cisco ASA", "netfilter": "Linux netfilter"}

OPTIONS = tuple(dict.fromkeys(one.option for one in (LINGER, *ASA, *NETFILTER) if one.option))
NAMES = tuple(dict.fromkeys(one.name for one in (*ASA, *NETFILTER) if one.kind == "timer"))


def settings_of(product: str | None) -> tuple[Setting, ...]:
    """The settings of the product whose log this is, the hypothetical linger first: how much longer
    than today after FINs or a RST."""
    general = replace(LINGER, option="") if product in KEEP_ENTRIES else LINGER  # has it already
    return (general, *PRODUCTS.get(product or "", OTHER))


def command(setting: Setting, value_s: float | None, product: str | None) -> str | None:
    """The command that sets it, its value as the product writes it; None: there is none."""
    if setting.command is None:
        return None
    value = setting.today_s if value_s is None else value_s
    whole = round(value)
    text = f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
    return setting.command.format(value=text if product == "ASA" else whole)
