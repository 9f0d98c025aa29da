"""Guessing the server from the ports."""

import pytest

from finis.tracking.ports import sender_is_resp


@pytest.mark.parametrize(
    ("server", "client"),
    [(443, 50000), (22, 1023), (2049, 723), (3306, 1024), (8080, 1234), (1022, 40000),
     (27017, 60000), (20000, 50001), (80, 8080)],
)  # fmt: skip
def test_the_likelier_server(server: int, client: int) -> None:
    assert sender_is_resp(server, client)
    assert not sender_is_resp(client, server)


def test_equal_ports_leave_the_first_sender_orig() -> None:
    assert not sender_is_resp(179, 179)
