"""Names for addresses: hosts files and the firewall's own lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from finis.errors import InputError
from finis.wire import names


def test_hosts_and_asa_lines_mix() -> None:
    text = (
        "# office\n"
        "10.0.0.5 web1 web1.example.org  # front\n"
        "2001:0DB8::0005 web6\n"
        "name 10.0.0.9 exp_srv description the export server\n"
        "name 2001:db8::9 exp6\n"
        "interface GigabitEthernet0/0\n"
        " nameif outside\n"
        "10.0.0.77 web1\n"
    )
    assert names.parse(text) == {
        "web1": "10.0.0.5",
        "web1.example.org": "10.0.0.5",
        "web6": "2001:db8::5",
        "exp_srv": "10.0.0.9",
        "exp6": "2001:db8::9",
    }


def test_load(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_bytes(b"\xef\xbb\xbf10.0.0.5 web1\n\xff\xfe junk\n")
    assert names.load(str(file)) == {"web1": "10.0.0.5"}


@pytest.mark.parametrize("content", [b"", b"no addresses here\n", b"10.0.0.300 bad\n"])
def test_a_file_that_names_nothing_is_unusable(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "hosts"
    file.write_bytes(content)
    with pytest.raises(InputError, match="names an address"):
        names.load(str(file))


def test_a_missing_file_is_unusable(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        names.load(str(tmp_path / "absent"))
    with pytest.raises(InputError):
        names.load(str(tmp_path))
