"""Answers of servers reach a client without their translation, and the client resets them.

## What happened
A client talks with a service address; a device in between (Kubernetes' kube-proxy, a load balancer,
netfilter NAT) translates it to a server. A segment of the server that connection tracking holds to
be invalid, for example out of its window, is passed on untranslated. The client knows no such
connection and answers with a RST, which breaks the real one at the server.

## Evidence
While a client's address and port has a connection with one address, segments of *another* address
and the same port arrive at it from nowhere, and the client resets them as a host without state;
three times or more.

## Look-alikes
A port used again for another server begins with a SYN. Backscatter meets ports that are not in use.

## Harm
Harmful: connections in use are reset, at the server's side first.

## What to change
Drop invalid packets instead of passing them on, or make connection tracking liberal about windows.

## References
Kubernetes issues 74839 and 117924; netfilter: nf_conntrack_tcp_be_liberal.
"""

from __future__ import annotations

import polars as pl

from finis.diagnosis.cause import Claim
from finis.diagnosis.patterns._api import EXAMPLES, Pattern, PatternFinding
from finis.diagnosis.patterns._rows import moment
from finis.diagnosis.patterns._whole import Whole
from finis.terms import Confidence, Harm

MIN_TIMES = 3
# Where the log or another point tells the server's own address, the client's is the mapped one.
AS_KNOWN = pl.coalesce("resp_mapped_h", "resp_h")
STATELESS = ["no-state", "no-state-ack", "bad-ack"]


class UntranslatedAnswers(Pattern):
    id = "PAT402"
    name = "untranslated-answers"
    title = "answers of servers reach a client untranslated, which resets them"
    of_connections_alone = True
    fewest = MIN_TIMES
    harm = Harm.HARMFUL
    confidence = Confidence.LIKELY
    remedy = {
        "Linux": "nft add rule inet filter forward ct state invalid drop (iptables: -A FORWARD -m"
        " conntrack --ctstate INVALID -j DROP); or sysctl"
        " net.netfilter.nf_conntrack_tcp_be_liberal=1",
        "Kubernetes": "kube-proxy: tcpBeLiberal in its conntrack settings, or a release that drops"
        " INVALID",
    }
    references = ("Kubernetes issues 74839, 117924", "netfilter: nf_conntrack_tcp_be_liberal")
    not_this = ("a port used again for another server: that begins with a SYN",)

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        ends = [
            connections.filter(
                pl.col("midstream")
                & pl.col("established").fill_null(False).not_()
                & pl.col(f"{side}_rst_class").is_in(STATELESS)
            ).select(
                "row", "first_ts", host=f"{side}_h", port=f"{side}_p", other=f"{peer}_h",
                other_p=f"{peer}_p",
            )
            for side, peer in (("orig", "resp"), ("resp", "orig"))
        ]  # fmt: skip
        stray = pl.concat(ends).collect()
        if stray.height < MIN_TIMES:
            return []
        real = (
            connections.filter(pl.col("midstream").not_() & pl.col("established"))
            .join(
                stray.lazy().select("host").unique(), left_on="orig_h", right_on="host", how="semi"
            )
            .group_by(host="orig_h", port="orig_p")
            .agg(
                service=AS_KNOWN.first(),
                services=AS_KNOWN.n_unique(),
                begin=pl.col("first_ts").min(),
                end=pl.col("last_ts").max(),
            )
            .filter(pl.col("services") == 1)  # else it is not clear whom the port belongs to
            .collect()
        )
        during = (pl.col("first_ts") >= pl.col("begin")) & (
            pl.col("first_ts") <= pl.col("end") + pl.duration(seconds=60)
        )
        found = (
            stray.join(real, on=["host", "port"])
            .filter(during & (pl.col("other") != pl.col("service")))
            .unique("row")
            .group_by("host")
            .agg(
                n=pl.len(),
                services=pl.col("service").unique(),
                servers=pl.col("other").unique(),
                first=pl.col("first_ts").min(),
                last=pl.col("first_ts").max(),
                stories=pl.col("row").sort().head(EXAMPLES),
            )
            .filter(pl.col("n") >= MIN_TIMES)
        )
        found = found.with_columns(
            pl.Series(name, [_texts(hosts, whole) for hosts in found[name]],
                      pl.List(pl.String))
            for name in ("services", "servers")
        )  # fmt: skip
        found = whole.named(found, "host").sort(["n", "host"], descending=[True, False])
        return [
            cls.finding(
                f"{row['host']} reset {row['n']} answers that reached it untranslated",
                connections=row["n"],
                first_ts=moment(row["first"]),
                last_ts=moment(row["last"]),
                hosts=(row["host"], *row["servers"][:5]),
                claims=(
                    Claim(
                        f"Its own connections were with {', '.join(row['services'][:3])}; the"
                        f" answers came from {', '.join(row['servers'][:3])}."
                    ),
                ),
                stories=tuple(row["stories"]),
            )
            for row in found.iter_rows(named=True)
        ]


def _texts(hosts: pl.Series, whole: Whole) -> list[str]:
    """Hosts in order of text."""
    return whole.named(pl.DataFrame({"host": hosts}), "host")["host"].sort().to_list()
