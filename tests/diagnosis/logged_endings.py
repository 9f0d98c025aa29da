"""Logs written by hand, for what the lab cannot make: id → (log that shows it, look-alike log).

Message texts are those of Cisco's syslog guide (Secure Firewall ASA Series Syslog Messages, also
the source of `tests/wire/dialects/asa_messages.py`); drop names those of `show asp drop`.  Each is
read as a file, from its first byte to the verdict.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
OUT, IN = "203.0.113.10/50123", "10.1.1.5/443"
PAIR = f"outside:{OUT} to inside:{IN}"
SRC = f"src outside:{OUT} dst inside:{IN}"


def at(seconds: float, message: str, text: str) -> str:
    """One line of an ASA."""
    stamp = (START + timedelta(seconds=seconds)).strftime("%b %d %Y %H:%M:%S")
    return f"<166>{stamp} fw : %ASA-6-{message}: {text}\n"


def built(seconds: float = 0, number: int = 4711, pair: str = PAIR) -> str:
    one, two = pair.split(" to ")
    own = [f"{end} ({end.split(':')[1]})" for end in (one, two)]
    return at(seconds, "302013", f"Built inbound TCP connection {number} for {' to '.join(own)}")


def torn(seconds: float, reason: str, size: int = 900, lived: float | None = None,
         number: int = 4711, pair: str = PAIR) -> str:  # fmt: skip
    whole = int(seconds if lived is None else lived)
    duration = f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
    return at(
        seconds, "302014",
        f"Teardown TCP connection {number} for {pair} duration {duration} bytes {size} {reason}",
    )  # fmt: skip


def connection(reason: str, size: int = 900, lived: float = 125) -> str:
    return built() + torn(lived, reason, size)


def deny(seconds: float, flags: str, src: str = IN, dst: str = OUT, inside: bool = True) -> str:
    """The firewall refuses a segment without connection."""
    side = "inside" if inside else "outside"
    text = f"Deny TCP (no connection) from {src} to {dst} flags {flags}  on interface {side}"
    return at(seconds, "106015", text)


def bypassed(reason: str) -> str:
    """A connection whose TCP state the firewall does not follow."""
    own = f"outside:{OUT} ({OUT}) to inside:{IN} ({IN})"
    return at(0, "302303", f"Built TCP state-bypass connection 4711 from {own}") + at(
        125, "302304",
        f"Teardown TCP state-bypass connection 4711 from {PAIR} duration 0:02:05 bytes 900 "
        f"{reason}",
    )  # fmt: skip


def busy(hours: float = 2.5) -> str:
    """Other connections, one a minute: the log would have shown whatever there was."""
    lines = []
    for minute in range(int(hours * 60)):
        pair = f"outside:203.0.113.77/{20000 + minute} to inside:10.1.1.6/80"
        lines.append(built(60 * minute, 90_000 + minute, pair))
        lines.append(torn(60 * minute + 5, "TCP FINs", 700, 5, 90_000 + minute, pair))
    return "".join(lines)


def conntrack(*events: tuple[float, str]) -> str:
    """Events of one connection: seconds, and what stands before and after its tuples."""
    there = "src=10.1.0.2 dst=192.0.2.10 sport=40001 dport=443"
    back = "src=192.0.2.10 dst=10.1.0.2 sport=443 dport=40001"
    lines = []
    for at, said in events:
        said, _, flag = said.partition(" !")
        unreplied = f"[{flag}] " if flag == "UNREPLIED" else ""
        lines.append(f"[{1796000000 + at:.6f}]\t{said} {there} {unreplied}{back} id=7\n")
    return "".join(lines)


OPENED = (
    (0.0, "    [NEW] tcp      6 120 SYN_SENT !UNREPLIED"),
    (0.01, " [UPDATE] tcp      6 60 SYN_RECV"),
)
OPEN = (*OPENED, (0.02, " [UPDATE] tcp      6 600 ESTABLISHED"))
FIN = (*OPEN, (5.0, " [UPDATE] tcp      6 120 FIN_WAIT"))

LATER = 9000  # seconds: after `busy`
DROPS = "2 packets captured\n"


def drop(number: int, packet: str, name: str) -> str:
    """A packet of a capture of type asp-drop."""
    ends = "10.1.1.5.443 > 203.0.113.10.50123"
    return f"   {number}: 08:14:56.46417{number} {ends}: {packet} Drop-reason: ({name}) text\n"


def attempts(seconds: float, count: int, source: str) -> str:
    """So many denials by rule, one a second."""
    return "".join(
        at(
            seconds + n, "106023",
            f"Deny tcp src outside:{source}/50123 dst inside:10.1.1.{5 + n % 3}/{100 + n} by "
            'access-group "OUT" [0x0, 0x0]',
        )
        for n in range(count)
    )  # fmt: skip


def answers(count: int) -> str:
    """SYN ACKs of one server for addresses that never asked."""
    lines = []
    for n in range(count):
        port = 40000 + n
        target = f"10.1.{1 + n % 9}.{20 + n}"
        lines.append(deny(LATER + n, "SYN ACK", "192.0.2.80/80", f"{target}/{port}", inside=False))
    return "".join(lines)


FINS = connection("TCP FINs")
ENDINGS: dict[str, tuple[str, str]] = {
    "END207": (FINS, connection("TCP Reset-O")),
    "END331": (connection("TCP Reset-O"), FINS),
    "END401": (connection("Connection timeout", lived=3600), connection("SYN Timeout", 0, 30)),
    "END402": (connection("Flow timed out with reset", lived=3600),
               connection("Flow timed out", lived=3600)),
    "END404": (connection("FIN Timeout", lived=700), connection("Flow timed out", lived=3600)),
    "END502": (connection("Deny - Terminate"), connection("Unauth Deny")),
    "END503": (connection("Flow reset by IPS"), connection("IPS fail-close")),
    "END504": (connection("Flow terminated by TCP Intercept", 0, 0),
               connection("SYN Timeout", 0, 30)),
    "END505": (connection("TCP unexpected window size variation"), FINS),
    "END506": (connection("Unauth Deny"), connection("Deny Terminate")),
    "END507": (connection("Failover primary closed"), FINS),
    "END508": (connection("Xlate Clear"), FINS),
    "END412": (conntrack(*FIN, (5.1, " [UPDATE] tcp      6 30 LAST_ACK"),
                         (36, "[DESTROY] tcp      6 LAST_ACK")),
               conntrack(*FIN, (126, "[DESTROY] tcp      6 FIN_WAIT"))),
    "END413": (conntrack(*OPEN, (355, "[DESTROY] tcp      6 ESTABLISHED")),
               conntrack(*OPEN, (601, "[DESTROY] tcp      6 ESTABLISHED"))),
    "END510": (connection("SYN Control", 0, 0), connection("SYN Timeout", 0, 30)),
    "END511": (connection("Parent flow is closed"), connection("Pinhole Timeout", 0)),
    "END512": (connection("Probe completed"), FINS),
    "END513": (connection("Cluster flow with CLU closed on owner"), FINS),
    "END514": (connection("Flow is a loopback"), FINS),
    "END515": (connection("IPS fail-close"), connection("Flow terminated by IPS")),
    "END516": (connection("Tunnel has been torn down"), connection("Route change")),
    "END517": (connection("No valid adjacency"), connection("Route change")),
    "END518": (connection("No interfaces associated with zone"), connection("Route change")),
    "END519": (bypassed("Connection timeout"), connection("Connection timeout", lived=3600)),
    "END520": (connection("Pinhole Timeout", 0), connection("Parent flow is closed")),
    "END602": (connection("Route change"), connection("Tunnel has been torn down")),
    "END902": (connection("Unknown"), FINS),
    "DNY102": (at(1, "106001", f"Inbound TCP connection denied from {OUT} to {IN} flags SYN  on "
                  "interface outside"), attempts(1, 1, "203.0.113.10")),
    "DNY103": (at(1, "710003", f"TCP access denied by ACL from {OUT} to outside:203.0.113.1/22"),
               attempts(1, 1, "203.0.113.10")),
    "DNY104": (at(1, "201011", f"Connection limit exceeded 9/9 for input packet from {OUT} to {IN} "
                  "on interface outside"),
               at(1, "202010", "PAT pool exhausted. Unable to create TCP connection from " + PAIR)),
    "DNY105": (at(1, "106021", "Deny TCP reverse path check from 10.1.1.9 to 10.1.1.5 on interface "
                  "outside"), attempts(1, 1, "10.1.1.9")),
    "DNY106": (at(1, "305013", "Asymmetric NAT rules matched for forward and reverse flows; "
                  f"Connection for tcp {SRC} denied due to NAT reverse path failure"),
               at(1, "305005", f"No translation group found for tcp {SRC}")),
    "DNY107": (at(1, "305005", f"No translation group found for tcp {SRC}"),
               at(1, "305013", "Asymmetric NAT rules matched for forward and reverse flows; "
                  f"Connection for tcp {SRC} denied due to NAT reverse path failure")),
    "DNY108": (at(1, "313004", "Denied ICMP type=3, from laddr 10.9.9.9 on interface inside to "
                  "203.0.113.10: no matching session"), attempts(1, 1, "10.9.9.9")),
    "DNY109": (at(1, "401004", "Shunned packet: 203.0.113.10 ==> 10.1.1.5 on interface outside"),
               attempts(1, 1, "203.0.113.10")),
    "DNY110": (at(1, "420002", f"IPS requested to drop TCP packet from {PAIR}"),
               attempts(1, 1, "203.0.113.10")),
    "DNY111": (at(1, "110003", f"Routing failed to locate next-hop for protocol tcp from {PAIR}"),
               at(1, "106021", "Deny TCP reverse path check from 10.1.1.9 to 10.1.1.5 on interface "
                  "outside")),
    "DNY112": (at(1, "500004", "Invalid transport field for protocol=TCP, from 203.0.113.10/50123 "
                  "to 10.1.1.5/0"), attempts(1, 1, "203.0.113.10")),
    "DNY113": (at(1, "202010", "PAT pool exhausted. Unable to create TCP connection from " + PAIR),
               at(1, "201011", f"Connection limit exceeded 9/9 for input packet from {OUT} to {IN} "
                  "on interface outside")),
    "DNY114": (at(1, "201010", "Embryonic connection limit exceeded 10/10 for input packet from "
                  f"{OUT} to {IN} on interface outside"),
               at(1, "201011", f"Connection limit exceeded 9/9 for input packet from {OUT} to {IN} "
                  "on interface outside")),
    "DNY115": (at(1, "106023", "Deny icmp src outside:192.0.2.9 dst inside:10.1.1.5 "
                  '(type 3, code 4) by access-group "OUT" [0x0, 0x0]'),
               at(1, "106023", "Deny icmp src outside:192.0.2.9 dst inside:10.1.1.5 "
                  '(type 3, code 3) by access-group "OUT" [0x0, 0x0]')),
    "DNY116": (at(1, "313004", "Denied ICMP type=0, from laddr 10.9.9.9 on interface inside to "
                  "203.0.113.10: no matching session"),
               at(1, "313004", "Denied ICMP type=3, from laddr 10.9.9.9 on interface inside to "
                  "203.0.113.10: no matching session")),
    "DNY117": (at(1, "305016", f"Unable to create TCP connection from {PAIR} due to reaching "
                  "per-host PAT port block limit of 4."),
               at(1, "305016", f"Unable to create TCP connection from {PAIR} due to port block "
                  "exhaustion in PAT pool P.")),
    "DNY118": (at(1, "106007", "Deny inbound UDP from 198.51.100.53/53 to 203.0.113.1/49152 due to "
                  "DNS Response"),
               at(1, "106007", "Deny inbound UDP from 198.51.100.53/49152 to 203.0.113.1/53 due to "
                  "DNS Query")),
    "DNY119": (at(1, "209005", "Discard IP fragment set with more than 24 elements: src = "
                  "203.0.113.9, dest = 10.1.1.5, proto = UDP, id = 34"),
               at(1, "106020", "Deny IP teardrop fragment (size = 24, offset = 0) from 203.0.113.9 "
                  "to 10.1.1.5")),
    "DNY601": (deny(1, "SYN FIN"), deny(1, "FIN ACK")),
    "DNY120": (at(1, "710005", "UDP request discarded from 10.1.1.77/138 to inside:10.1.1.255/138"),
               at(1, "710005", "UDP request discarded from 10.1.1.77/138 to inside:10.1.1.1/138")),
    "DNY201": (FINS + deny(125, "ACK"), connection("Flow timed out", lived=3600)
               + deny(7000, "ACK")),
    "DNY202": (FINS + deny(128, "FIN ACK"), FINS + deny(128, "PSH ACK")),
    "DNY204": (FINS + deny(145, "RST"), FINS + deny(145, "ACK")),
    "DNY207": (FINS + deny(125, "RST ACK", OUT, IN, inside=False), FINS + deny(125, "RST")),
    "DNY208": (connection("TCP Reset-O", 0, 1) + deny(2, "SYN ACK"),
               connection("SYN Timeout", 0, 30) + deny(40, "SYN ACK")),
    "DNY209": (FINS + deny(1100, "PSH ACK"), FINS + deny(126, "PSH ACK")),
    "DNY210": (connection("TCP Reset-I", lived=10) + deny(13, "PSH ACK"),
               connection("TCP Reset-O", lived=10) + deny(13, "PSH ACK")),
    "DNY301": (connection("Flow timed out", lived=3600) + deny(7000, "PSH ACK"),
               FINS + deny(126, "PSH ACK")),
    "DNY306": (connection("SYN Timeout", 0, 30) + deny(32, "RST ACK"),
               connection("SYN Timeout", 0, 30) + deny(32, "SYN ACK")),
    "DNY311": (connection("TCP Reset - APPLIANCE") + deny(126, "PSH ACK"),
               FINS + deny(126, "PSH ACK")),
    "DNY312": (connection("Flow closed by inspection") + deny(126, "PSH ACK"),
               FINS + deny(126, "PSH ACK")),
    "DNY316": (connection("Parent flow is closed") + deny(126, "ACK"), FINS + deny(126, "ACK")),
    "DNY317": (connection("Tunnel has been torn down") + deny(126, "PSH ACK"),
               connection("Route change") + deny(126, "PSH ACK")),
    "DNY318": (connection("Parent flow is closed") + deny(125, "PSH ACK"),
               connection("Parent flow is closed") + deny(126, "ACK")),
    "DNY402": (busy() + deny(LATER, "PSH ACK"), deny(1, "PSH ACK")),
    "DNY403": (busy() + deny(LATER, "RST"), FINS + deny(140, "RST")),
    "DNY404": (FINS + deny(155, "RST") + built(156, 4712), FINS + deny(155, "RST")),
    "DNY501": (busy(0.1) + built(310) + deny(370, "PSH ACK"), built() + deny(60, "PSH ACK")),
    "DNY502": (connection("TCP Reset-O", 0, 0) + deny(1, "RST", OUT, IN, inside=False)
               + built(2, 4712), FINS + deny(126, "RST")),
    "DNY503": (DROPS + drop(1, "P 1:301(300) ack 77 win 229", "tcp-seq-past-win"),
               DROPS + drop(1, "P 1:1461(1460) ack 77 win 229", "tcp-mss-exceeded")),
    "DNY504": (at(1, "419001", f"Dropping TCP packet from {PAIR}, reason: MSS exceeded, MSS 1380, "
                  "data 1460"), DROPS + drop(1, "P 1:301(300) ack 77 win 229", "tcp-seq-past-win")),
    "DNY602": ("".join(at(n, "106023", "Deny tcp src outside:203.0.113.99/50123 dst inside:10.1.1."
                          f'{5 + n}/445 by access-group "OUT" [0x0, 0x0]') for n in range(60)),
               attempts(1, 3, "203.0.113.99")),
    "DNY603": (busy() + answers(15), busy() + answers(1)),
    "DNY901": (deny(1, "PSH ACK"), busy() + deny(LATER, "PSH ACK")),
    "DNY999": (DROPS + drop(1, "P 1:301(300) ack 77 win 229", "some-new-reason"),
               DROPS + drop(1, "P 1:301(300) ack 77 win 229", "tcp-seq-past-win")),
    "PAT102": ("".join(built(n, 500 + n, f"outside:203.0.113.10/{6000 + n} to inside:{IN}")
                       + torn(3600 + n, "Connection timeout", 900, 3600, 500 + n,
                              f"outside:203.0.113.10/{6000 + n} to inside:{IN}")
                       for n in range(12)), busy()),
    "PAT201": (busy() + attempts(5000, 300, "203.0.113.99"),
               busy() + "".join(attempts(60 * n, 1, "203.0.113.99") for n in range(140))),
    "PAT202": (attempts(1, 60, "203.0.113.99") + attempts(70, 5, "203.0.113.98")
               + attempts(80, 5, "203.0.113.97"),
               "".join(attempts(20 * n, 6, f"203.0.113.{n}") for n in range(1, 12))),
    "PAT303": (busy() + answers(60), busy() + answers(5)),
}  # fmt: skip


def ftd(seconds: float, message: str, fields: str) -> str:
    """One security event of an FTD about the pair."""
    line = at(
        seconds, message, f"{fields}, SrcIP: 203.0.113.10, DstIP: 10.1.1.5, SrcPort: 50123, "
        "DstPort: 443, IngressInterface: outside, EgressInterface: inside",
    )  # fmt: skip
    return line.replace("%ASA-6-", "%FTD-1-")


def _rule(action: str, packets: str, message: str = "430003", proto: str = "tcp") -> str:
    sent, answered = packets.split("/")
    return ftd(
        10, message, f"AccessControlRuleAction: {action}, AccessControlRuleName: R, Protocol: "
        f"{proto}, ConnectionDuration: 2, InitiatorPackets: {sent}, ResponderPackets: {answered}",
    )  # fmt: skip


def _translated(host: str) -> str:
    """Other connections, whose client is translated."""
    text = f"Built outbound TCP connection 7 for outside:{OUT} ({OUT}) to inside:10.1.1.7/5000"
    end = torn(9000, "TCP FINs", 1, 1, 7, f"outside:{OUT} to inside:10.1.1.7/5000")
    return busy() + at(8999, "302013", f"{text} ({host}/1024)") + end


# (what it is, id, log that shows it, look-alike log)
FURTHER: list[tuple[str, str, str, str]] = [
    ("FTD blocks with reset what had begun", "END501", _rule("Block with reset", "4/2"),
     _rule("Block with reset", "4/0", "430002")),
    ("FTD blocks what had begun", "END506", _rule("Block", "4/7"), _rule("Allow", "4/7")),
    ("FTD blocks UDP", "DNY101", _rule("Block", "1/0", "430002", "udp"),
     _rule("Allow", "1/1", "430003")),
    ("FTD drops for an intrusion rule", "DNY110",
     ftd(5, "430001", "Protocol: tcp, SID: 1, InlineResult: Dropped"),
     ftd(5, "430001", "Protocol: tcp, SID: 1, InlineResult: Would have dropped")
     + _rule("Block", "1/0")),
    ("the log is silent up to the denial", "DNY901",
     busy(1) + deny(9000, "SYN ACK", OUT, "10.1.1.5/50999", inside=False)
     + built(9010, 1, "outside:203.0.113.77/9 to inside:10.1.1.6/80"),
     busy(2.5) + deny(9000, "SYN ACK", OUT, "10.1.1.5/50999", inside=False)),
    ("a SYN ACK to the own PAT address", "DNY603",
     _translated("198.51.100.1") + deny(9100, "SYN ACK", OUT, "198.51.100.1/50999", inside=False),
     _translated("198.51.100.2") + deny(9100, "SYN ACK", OUT, "198.51.100.1/50999", inside=False)),
    ("data to the own PAT address", "DNY901",
     _translated("198.51.100.1") + deny(9100, "PSH ACK", OUT, "198.51.100.1/50999", inside=False),
     _translated("198.51.100.2") + deny(9100, "PSH ACK", OUT, "198.51.100.1/50999", inside=False)),
    ("refused seconds before its Teardown", "DNY501",
     built() + deny(10, "PSH ACK") + torn(13, "TCP Reset-O"),
     built() + deny(12, "PSH ACK") + torn(13, "TCP Reset-O")),
]  # fmt: skip
