"""Hits of a policy as evidence."""

from collections.abc import Iterable

from mailtriage.policies.matcher import Hit
from mailtriage.triage.model import Evidence


def of_hits(facet: str, hits: Iterable[Hit]) -> tuple[Evidence, ...]:
    """One piece of evidence a hit, the weightiest first."""
    ordered = sorted(hits, key=lambda hit: -abs(hit.points))
    return tuple(Evidence(facet, hit.signal.id, round(hit.points, 2), hit.where) for hit in ordered)
