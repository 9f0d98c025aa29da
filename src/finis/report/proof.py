"""Claims and alternatives as lines: the sentence, the rule it rests on, where to check it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finis.report.document import Line, Span

if TYPE_CHECKING:
    from finis.diagnosis.cause import Alternative, Claim


def claim_lines(claims: list[Claim]) -> list[Line]:
    """One line per claim, its rule and proofs at the end."""
    return [_claim(claim) for claim in claims]


def _claim(claim: Claim) -> Line:
    parts: list[Span | str] = [claim.text]
    if claim.rule:
        parts.append(Span(f" ({claim.rule})", "dim"))
    if claim.proofs:
        parts.append(Span(" [" + ", ".join(str(proof) for proof in claim.proofs) + "]", "proof"))
    return tuple(parts)


def alternative_lines(alternatives: list[Alternative]) -> list[Line]:
    """One line per alternative, with what would decide."""
    return [
        (
            other.text.rstrip(".") + ".",
            Span(f" To decide: {other.decide}" if other.decide else "", "dim"),
        )
        for other in alternatives
    ]
