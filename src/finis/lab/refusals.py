"""What netfilter refuses as invalid, as its kernel would log it.

A rule hands the packets to a log group (the kernel's own log is shared by the whole machine, and
closed to namespaces); tcpdump reads them there, and each becomes the line that the LOG target
writes (net/netfilter/nf_log_syslog.c), stamped as `journalctl -o short-unix` does.
"""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

from finis.lab.spaces import Space

GROUP = 7
_STAMP = re.compile(r"(\d+\.\d+) IP \(.*\bttl (\d+), id (\d+),.* length (\d+)\)")
_ENDS = re.compile(r"\s+([\d.]+)\.(\d+) > ([\d.]+)\.(\d+): Flags \[([^\]]*)\].*?(?: win (\d+))?,")
_FLAGS = {"U": "URG", ".": "ACK", "P": "PSH", "R": "RST", "S": "SYN", "F": "FIN"}


class Refusals:
    """Listens in the firewall's namespace from its making to `close`, then writes `log`."""

    def __init__(self, space: Space, inside: str, log: Path) -> None:
        rule = f"insert rule inet lab pass ct state invalid log group {GROUP} queue-threshold 1"
        space.run("nft", *rule.split())
        self._inside, self._log = inside, log
        self._tap = space.start(
            "tcpdump", "-Z", "root", "-l", "--immediate-mode", "-tt", "-n", "-v", "-S",
            "-i", f"nflog:{GROUP}", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self._tap.stderr is not None
        while b"listening" not in (line := self._tap.stderr.readline()) and line:
            pass

    def close(self) -> None:
        """Stop and write the lines."""
        self._tap.send_signal(signal.SIGINT)
        said, _ = self._tap.communicate(timeout=5)
        self._log.write_text("".join(lines(said.decode(), self._inside)))


def lines(said: str, inside: str) -> list[str]:
    """The LOG lines of what tcpdump said, two lines a packet.  `inside`: address of the host there;
    what comes from it comes in by that interface."""
    out, head = [], None
    for line in said.splitlines():
        if (found := _STAMP.match(line)) is not None:
            head = found
        elif head is not None and (ends := _ENDS.match(line)) is not None:
            stamp, ttl, number, length = head.groups()
            src, sport, dst, dport, bits, win = ends.groups()
            way = ("inside", "outside") if src == inside else ("outside", "inside")
            flags = " ".join(name for bit, name in _FLAGS.items() if bit in bits)
            out.append(
                f"{stamp} fw-lab kernel: DROP INVALID: IN={way[0]} OUT={way[1]} SRC={src} "
                f"DST={dst} LEN={length} TOS=0x00 PREC=0x00 TTL={ttl} ID={number} DF PROTO=TCP "
                f"SPT={sport} DPT={dport} WINDOW={win or 0} RES=0x00 {flags} URGP=0\n"
            )
            head = None
    return out
