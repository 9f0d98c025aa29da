"""A second path from the client to the server that passes no firewall."""

from __future__ import annotations

from finis.lab.scenario import Lab

NEAR, FAR = "02:00:00:00:03:0a", "02:00:00:00:03:0b"


def second_path(lab: Lab) -> None:
    """What the client sends to the server takes an extra cable; the way back is unchanged."""
    client, server = lab.network.client, lab.network.server
    client.run("ip", "link", "add", "eth1", "address", NEAR, "type", "veth",
               "peer", "name", "eth1", "address", FAR, "netns", server.path)  # fmt: skip
    for space in (client, server):
        space.run("ip", "link", "set", "eth1", "up")
        space.no_offload("eth1")
        for interface in ("all", "eth1"):
            space.sysctl(f"net.ipv4.conf.{interface}.rp_filter", 0)
    client.run("ip", "route", "add", f"{lab.address}/32", "dev", "eth1")
    client.run("ip", "neigh", "add", lab.address, "lladdr", FAR, "dev", "eth1")
