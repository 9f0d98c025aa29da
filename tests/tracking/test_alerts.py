"""What looks like TLS, and like an alert, by size alone."""

import pytest

from finis.tracking.alerts import ALERT_SIZES, TLS_PORTS, starts_like_tls
from finis.wire import payload


@pytest.mark.parametrize(
    ("start", "tls"),
    [("160301", True), ("150303", True), ("170304", True), ("140300", True), ("160305", False),
     ("180303", False), ("160201", False), ("1603", False), ("474554", False)],
)  # fmt: skip
def test_record_headers(start: str, tls: bool) -> None:
    value, count = payload.head(bytes.fromhex(start))
    assert starts_like_tls(value, count) is tls


def test_sizes_agree_with_the_readers() -> None:
    assert ALERT_SIZES.keys() >= payload.ALERT_SIZES
    assert {31, 24, 23, 7} <= ALERT_SIZES.keys()
    assert 32 not in ALERT_SIZES
    assert 443 in TLS_PORTS and 80 not in TLS_PORTS
