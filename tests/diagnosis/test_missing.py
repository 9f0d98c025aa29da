"""Commands that would collect what is missing: right in form, and never an injection."""

from typing import Any

import pytest

from finis.diagnosis import missing
from finis.diagnosis.missing import Where, plain
from tests.diagnosis.endings import logged, row, seen

ROW = logged("fins")


def test_asa_captures_name_interface_hosts_and_port() -> None:
    client, server = missing.asa_both_sides(Where.of(ROW))
    assert client == (
        "capture finis_client interface outside buffer 33554432 circular-buffer "
        "match tcp host 203.0.113.147 host 172.17.77.250 eq 443"
    )
    assert server.startswith("capture finis_server interface inside ")
    assert missing.asa_drops(Where.of(ROW), "tcp-not-syn") == (
        "capture finis_drops type asp-drop tcp-not-syn buffer 33554432 circular-buffer "
        "match tcp host 203.0.113.147 host 172.17.77.250 eq 443"
    )


def test_translated_addresses_stand_on_their_side() -> None:
    told = ROW | {"orig_mapped_h": "10.9.9.9", "resp_mapped_h": "198.51.100.9"}
    client, server = missing.asa_both_sides(Where.of(told))
    assert client.endswith("match tcp host 203.0.113.147 host 198.51.100.9 eq 443")
    assert server.endswith("match tcp host 10.9.9.9 host 172.17.77.250 eq 443")


def test_a_translated_port_stands_on_its_side() -> None:
    told = ROW | {"resp_p": 8443, "resp_mapped_h": "198.51.100.9", "resp_mapped_p": 443}
    where = Where.of(told)
    client, server = missing.asa_both_sides(where)
    assert client.endswith("host 198.51.100.9 eq 443") and server.endswith("eq 8443")
    assert "host 198.51.100.9 and port 443'" in missing.tcpdump(where, "client")
    assert "host 172.17.77.250 and port 8443'" in missing.tcpdump(where, "server")
    fields = where.fields()
    assert (fields["server"], fields["server_p"]) == ("172.17.77.250", "8443")
    assert (fields["server_seen"], fields["server_seen_p"]) == ("198.51.100.9", "443")


@pytest.mark.parametrize(
    ("mapped", "hosts"),
    [
        ({}, "host 203.0.113.147 host 172.17.77.250 eq 443"),
        ({"orig_mapped_h": "203.0.113.147"}, "host 203.0.113.147 host 172.17.77.250 eq 443"),
        ({"orig_mapped_h": "10.9.9.9"}, "any host 172.17.77.250 eq 443"),
        ({"resp_mapped_h": "198.51.100.9"}, "host 203.0.113.147 any eq 443"),
        ({"resp_mapped_h": "198.51.100.9", "resp_mapped_p": 80}, "host 203.0.113.147 any"),
    ],
)
def test_discarded_packets_have_the_addresses_of_their_side(
    mapped: dict[str, Any], hosts: str
) -> None:
    assert missing.asa_drops(Where.of(ROW | mapped)).endswith(f" match tcp {hosts}")


def test_what_is_unknown_stays_a_placeholder() -> None:
    where = Where.of(row(orig_h=None, resp_p=None))
    assert missing.tcpdump(where, "server") == (
        "tcpdump -i any -nn -s 192 -w finis-server.pcap "
        "'tcp and host CLIENT and host 172.17.77.250'"
    )
    assert "interface CLIENT_IF " in missing.asa_both_sides(where)[0]


@pytest.mark.parametrize(
    "value",
    ["a b", "x;id", "$(id)", "`id`", "a'b", "-w/etc/passwd", "", "a\nb", "\x1b[2J", "é" * 3,
     "h" * 256, "a|b", "a>b", None],
)  # fmt: skip
def test_nothing_but_names_enters_a_command(value: str | None) -> None:
    assert plain(value, "X") == "X"


@pytest.mark.parametrize("value", ["10.0.0.1", "2001:db8::1", "fe80::1%eth0", "db-1.example", 443])
def test_names_and_numbers_do(value: object) -> None:
    assert plain(value, "X") == str(value)


def test_without_a_firewall_the_hosts_are_asked() -> None:
    commands = missing.both_sides(Where.of(seen()))
    assert [command.split()[0] for command in commands] == ["tcpdump", "tcpdump"]
    assert any(c.startswith("capture ") for c in missing.both_sides(Where.of(ROW)))


def test_what_is_lacking_is_said() -> None:
    assert missing.lacking(seen(cut_end=True, midstream=True)) == [
        "The capture lacks the beginning of the connection.",
        "The capture ends with the connection's last segment.",
        "It was captured at one point only: what the path did to it is not visible.",
        "No firewall log line tells its end.",
    ]
    unheard = logged("unknown", teardown_reason="TCP Proxy FIN Timeout")
    assert missing.lacking(unheard)[1] == (
        "The firewall's log gives a reason for its end that finis does not know."
    )
    for silent in (None, "Unknown", "Allow", "Trust, Intrusion Monitor"):
        told = missing.lacking(logged("unknown", teardown_reason=silent))
        assert told[1] == "The firewall's log gives no reason for its end."
    assert missing.lacking(logged("unknown")) == [
        "No capture shows the connection.",
        "The firewall's log gives no reason for its end.",
    ]
