"""A second path from the client to the server that passes no firewall."""

from __future__ import annotations

from finis.lab.scenario import Lab

NEAR, FAR = "02:00:00:00:03:0a", "02:00:00:00:03:0b"


def second_path(lab: Lab, back: bool = False) -> None:
    """What the client sends to the server takes an extra cable; the way back is unchanged.

    With `back` it is the other way round.
    """
    client, server = lab.network.client, lab.network.server
    client.run("ip", "link", "add", "eth1", "address", NEAR, "type", "veth",
               "peer", "name", "eth1", "address", FAR, "netns", server.path)  # fmt: skip
    for space in (client, server):
        space.run("ip", "link", "set", "eth1", "up")
        space.no_offload("eth1")
        for interface in ("all", "eth1"):
            space.sysctl(f"net.ipv4.conf.{interface}.rp_filter", 0)
    host, peer, mac = (client, lab.address, FAR)
    if back:
        host, peer, mac = (server, lab.network.client_ip, NEAR)
    host.run("ip", "route", "add", f"{peer}/32", "dev", "eth1")
    host.run("ip", "neigh", "add", peer, "lladdr", mac, "dev", "eth1")
