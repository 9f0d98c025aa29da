"""What evidence is missing, and the commands that would collect it.

The commands are for the next time: they match the two hosts and the server's port, because a
client's port changes with every connection.  Sources: Cisco ASA command reference, `capture`
(buffer at most 33554432 bytes, `type asp-drop`); tcpdump(8).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finis.lazily import regex
from finis.records import dataclass

_ASA_BUFFER_BYTES = 33_554_432
_SNAPLEN_BYTES = 192  # IPv6, TCP with all options, and the head of a TLS record
_PLAIN = regex(r"[A-Za-z0-9_.:%-]{1,255}")


def plain(value: Any, otherwise: str) -> str:
    """The value where it can stand in a command line as it is, else the placeholder.

    Host and interface names come from logs, that is, from strangers; a command that a reader
    pastes into a shell must not carry anything but a name, an address or a number.
    """
    text = "" if value is None else str(value)
    if not _PLAIN.fullmatch(text) or text.startswith("-"):
        return otherwise
    return text


@dataclass(frozen=True, slots=True)
class Where:
    """Whom a capture must match.  All fields are safe to stand in a command (see `plain`)."""

    client: str = "CLIENT"
    server: str = "SERVER"
    server_p: str = ""  # empty: any port
    client_p: str = ""
    client_if: str = ""  # the firewall's interface towards the client, where the log names it
    server_if: str = ""
    client_mapped: str = ""  # as the server's side of the firewall sees the client
    server_mapped: str = ""  # as the client's side of the firewall sees the server
    server_mapped_p: str = ""
    behind_firewall: bool = False
    product: str | None = None  # the firewall's make, where a log tells it

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Where:
        """From a row of connections (facts included); absent columns are left open."""

        def mapped(side: str) -> str:
            value = plain(row.get(f"{side}_mapped_h"), "")
            return "" if value == plain(row.get(f"{side}_h"), "") else value

        return cls(
            client=plain(row.get("orig_h"), "CLIENT"),
            server=plain(row.get("resp_h"), "SERVER"),
            server_p=plain(row.get("resp_p"), ""),
            client_p=plain(row.get("orig_p"), ""),
            client_if=plain(row.get("orig_if"), ""),
            server_if=plain(row.get("resp_if"), ""),
            client_mapped=mapped("orig"),
            server_mapped=mapped("resp"),
            server_mapped_p=plain(row.get("resp_mapped_p"), ""),
            behind_firewall=bool(row.get("has_log")) or row.get("device") is not None,
            product=row.get("product"),
        )

    @classmethod
    def of_denial(cls, row: Mapping[str, Any]) -> Where:
        """From a row of denials: the side with the lower port is taken for the server, unless
        the connection before it tells."""
        src = (plain(row.get("src_h"), "CLIENT"), plain(row.get("src_p"), ""))
        dst = (plain(row.get("dst_h"), "SERVER"), plain(row.get("dst_p"), ""))
        interface = plain(row.get("interface"), "")
        ports = (row.get("src_p") or 0, row.get("dst_p") or 0)
        known = row.get("from_side")
        from_server = known == "resp" if known else 0 < ports[0] < ports[1]
        client, server = (dst, src) if from_server else (src, dst)
        return cls(
            client=client[0],
            client_p=client[1],
            server=server[0],
            server_p=server[1],
            client_if="" if from_server else interface,
            server_if=interface if from_server else "",
            behind_firewall=True,
            product=row.get("product"),
        )

    @property
    def server_seen(self) -> tuple[str, str]:
        """The server's address and port as the client's side of the firewall sees them."""
        return self.server_mapped or self.server, self.server_mapped_p or self.server_p

    @property
    def client_seen(self) -> str:
        """The client's address as the server's side of the firewall sees it."""
        return self.client_mapped or self.client

    def fields(self) -> dict[str, str]:
        """For remedies: {client} {client_p} {client_if} {server} {server_p} {server_if}, and the
        server as the client sees it, {server_seen} {server_seen_p}."""
        seen, seen_p = self.server_seen
        return {
            "server_seen": seen,
            "server_seen_p": seen_p or "PORT",
            "client": self.client,
            "client_p": self.client_p or "PORT",
            "client_if": self.client_if or "CLIENT_IF",
            "server": self.server,
            "server_p": self.server_p or "PORT",
            "server_if": self.server_if or "SERVER_IF",
        }


# What stands where a reason would: the catch-all, and what a rule did with the connection.
NO_REASONS = ("", "unknown", "allow", "trust", "monitor", "fastpath")


def lacking(row: Mapping[str, Any]) -> list[str]:
    """What the inputs do not hold about a connection, in sentences."""
    out = []
    if not row.get("has_packets"):
        out.append("No capture shows the connection.")
    elif row.get("midstream"):
        out.append("The capture lacks the beginning of the connection.")
    if row.get("has_packets") and row.get("cut_end"):
        out.append("The capture ends with the connection's last segment.")
    if row.get("has_packets") and (row.get("n_points") or 0) < 2:
        out.append("It was captured at one point only: what the path did to it is not visible.")
    if not row.get("has_log"):
        out.append("No firewall log line tells its end.")
    elif row.get("teardown") in (None, "unknown"):
        said = (row.get("teardown_reason") or "").lower().partition(",")[0] not in NO_REASONS
        known = "a reason for its end that finis does not know" if said else "no reason for its end"
        out.append(f"The firewall's log gives {known}.")
    return out


def at_firewall(where: Where) -> list[str]:
    """Captures on the firewall's interfaces towards client and server."""
    if where.product != "netfilter":
        return asa_both_sides(where)
    sides = (
        ("client", where.client_if or "CLIENT_IF", where.client, *where.server_seen),
        ("server", where.server_if or "SERVER_IF", where.client_seen, where.server,
         where.server_p),
    )  # fmt: skip
    return [_tcpdump(interface, f"{side}-side", client, server, port)
            for side, interface, client, server, port in sides]  # fmt: skip


def dropped(where: Where, reason: str = "all") -> str:
    """What shows the packets that the firewall discards.  `reason`: that of an ASA."""
    if where.product != "netfilter":
        return asa_drops(where, reason)
    # What both sides send; the rule logs, and leaves it to others to drop.
    ways = [f"tcp {end} {where.server_p}" for end in ("dport", "sport")] if where.server_p else [""]
    return " && ".join(
        f"nft insert rule inet TABLE CHAIN ct state invalid {way or 'meta l4proto tcp'} log prefix "
        "'\"INVALID: \"' flags tcp sequence"
        for way in ways
    )


def asa_both_sides(where: Where) -> list[str]:
    """ASA captures on the interfaces towards client and server: the same connection twice, so
    that what entered and never left can be told."""
    return [
        _asa("finis_client", where.client_if or "CLIENT_IF", where.client, *where.server_seen),
        _asa("finis_server", where.server_if or "SERVER_IF", where.client_seen, where.server,
             where.server_p),
    ]  # fmt: skip


def asa_drops(where: Where, reason: str = "all") -> str:
    """ASA capture of the packets it discards, with its own reason for each.  They are as they came
    in: an end that is translated has another address from each side."""
    client = "any" if where.client_mapped else _host(where.client)
    server = "any" if where.server_mapped else _host(where.server)
    port = "" if where.server_mapped_p not in ("", where.server_p) else _eq(where.server_p)
    return (
        f"capture finis_drops type asp-drop {reason} buffer {_ASA_BUFFER_BYTES} circular-buffer "
        f"match tcp {client} {server}{port}"
    )


def asa_collect() -> list[str]:
    """How to read the ASA captures afterwards, and remove them."""
    names = ("finis_client", "finis_server", "finis_drops")
    return [*(f"show capture {name} dump" for name in names), *(f"no capture {n}" for n in names)]


def tcpdump(where: Where, host: str = "server") -> str:
    """tcpdump on the client or the server, with the addresses that host sees."""
    if host == "client":
        return _tcpdump("any", host, where.client, *where.server_seen)
    return _tcpdump("any", host, where.client_seen, where.server, where.server_p)


def _tcpdump(interface: str, name: str, client: str, server: str, port: str) -> str:
    ports = f" and port {port}" if port else ""
    return (
        f"tcpdump -i {interface} -nn -s {_SNAPLEN_BYTES} -w finis-{name}.pcap "
        f"'tcp and host {client} and host {server}{ports}'"
    )


def both_sides(where: Where) -> list[str]:
    """Whatever shows the connection on both sides of what lies between."""
    if where.behind_firewall:
        return [*at_firewall(where), dropped(where), tcpdump(where, "server")]
    return [tcpdump(where, "client"), tcpdump(where, "server")]


def log_levels(product: str | None = None) -> list[str]:
    """Logging that shows connections beginning and ending; on an ASA unless told otherwise."""
    if product == "netfilter":
        return ["conntrack -E -p tcp -o timestamp,id -b 8388608"]
    return ["logging trap informational", "show logging message 302013", "show logging setting"]


def _asa(name: str, interface: str, client: str, server: str, port: str) -> str:
    return (
        f"capture {name} interface {interface} buffer {_ASA_BUFFER_BYTES} circular-buffer "
        f"match tcp {_host(client)} {_host(server)}{_eq(port)}"
    )


def _host(address: str) -> str:
    return f"host {address}"


def _eq(port: str) -> str:
    return f" eq {port}" if port else ""
