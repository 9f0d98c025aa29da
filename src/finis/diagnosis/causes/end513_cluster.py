"""A cluster unit dropped its stub.

## What happened
A unit of a cluster removed its stub of a connection that another unit owns.

## Evidence
The teardown reason (`Cluster flow with CLU closed on owner` and others).

## Look-alikes
A real end, which the owner logs.

## Harm
None by itself.

## What to change
Nothing; read the owner's log.

## References
Cisco ASA syslog 302014; Cisco ASA syslog 302023
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class ClusterStub(FirewallStated):
    id, name = "END513", "cluster-stub"
    title = "a cluster unit dropped its copy of the connection"
    reasons = ("cluster",)
    harm = Harm.HARMLESS
    harm_why = "the unit that owns the connection logs its real end"
    remedy = {
        "ASA": "cluster exec show conn address {server} shows the owner",
    }
    references = (
        "Cisco ASA syslog 302014",
        "Cisco ASA syslog 302023",
    )
