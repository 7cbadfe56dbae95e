"""Rules D: whether the destination is authenticated, and the mail no spam.

Addresses are easily forged (RFC 3834 section 2): an answer to a mail that nobody vouches for may go
to somebody who never wrote. So it is the destination that must be authenticated, not some domain.
D1 and D2, whose results count, are in `authentication`; D8, ARC, repairs what D3 to D6 find.
"""

from typing import Final

from mailtriage.acks.authentication import (
    dkim_passes,
    dmarc_passes,
    sealed_authentication,
    spf_passes,
)
from mailtriage.acks.destinations import is_form
from mailtriage.acks.domains import aligned, vouches
from mailtriage.acks.model import Authentication, Case, Destination, Rule
from mailtriage.mail.address import parse_mailboxes
from mailtriage.triage.model import Direction, Tier

_SPF_RESULTS: Final = frozenset({
    "fail", "neutral", "none", "permerror", "policy", "softfail", "temperror",
})  # fmt: skip


def may_repeat_subject(case: Case) -> bool:
    """Whether the sender's subject may stand in the acknowledgement: only when it goes back to who
    wrote it, by strict means, for a subject is a way to have words delivered to others."""
    return case.config.ack.repeat_subject == "authenticated" and is_authenticated(case)


def is_authenticated(case: Case) -> bool:
    """Whether the destination is the writer's own, by strict means: not a web form's word for it,
    and no leniency."""
    return (
        case.destination.source != "reply-to"
        and not _is_refused(case.authentication)
        and _is_authenticated(case, case.authentication)
    )


def _is_refused(authentication: Authentication) -> bool:
    return authentication.dmarc is not None and authentication.dmarc.result == "fail"


def _is_authenticated(case: Case, found: Authentication) -> bool:
    where = case.destination
    if where.source == "from":
        return dmarc_passes(found, where.domain) or dkim_passes(found, where.domain)
    if spf_passes(found, where.domain):
        return True
    return dkim_passes(found, where.domain) and _is_author(case, where)


def _is_author(case: Case, where: Destination) -> bool:
    """Whether the reverse-path is the author's own, as far as From: tells.

    A signature covers From:, not the reverse-path. Whoever has a mailbox at a large provider can
    have a mail of his own signed there, and send it from elsewhere with the reverse-path of any
    other user: that one would be answered.
    """
    author = case.mail.from_address.lower()
    local, _, domain = author.rpartition("@")
    return local == where.local_part.lower() and vouches(domain, where.domain)


def _is_repaired(case: Case) -> bool:
    """Whether a forwarder that we trust saw the destination authenticated (rule D8)."""
    sealed = sealed_authentication(case.mail, case.config, case.authentication)
    return any(not _is_refused(found) and _is_authenticated(case, found) for found in sealed)


def _is_known_customer(case: Case) -> bool:
    """Whether level = "lenient" lets this one be answered all the same (rule D5).

    Never against the word of the domain itself. `last_ack` and the conversation only ever get more,
    so that the desk need not ask again.
    """
    if case.config.authentication.level != "lenient" or case.triage.tier is Tier.UNKNOWN:
        return False
    spf, conversation = case.authentication.spf, case.history.conversation
    if spf is not None and spf.result == "fail":
        return False
    return case.history.last_ack > 0 or (conversation is not None and conversation.same_sender)


def _failure(case: Case) -> tuple[str, str] | None:
    """The rule that the authentication of the destination fails by, and its detail."""
    found = case.authentication
    if _is_form(case):
        return None  # the administrator vouches for it; rule I4 has the rest
    if not found.trusted:
        configured = case.config.authentication.trusted_authserv_ids
        if not configured:
            return "D7", "not-configured"
        return "D7", "below-received" if found.covered_by else ""
    if not _is_refused(found) and _is_authenticated(case, found):
        return None
    if _is_repaired(case):
        return None
    if _is_refused(found):
        return "D4", ""
    return _weakness(case)


def _weakness(case: Case) -> tuple[str, str] | None:
    found = case.authentication
    one_each = {"spf": found.spf, "dmarc": found.dmarc}
    results = {name: one.result for name, one in one_each.items() if one is not None}
    signatures = {one.result for one in found.dkim}
    every = {*results.values(), *signatures}
    if "pass" in every:
        return "D3", _who_passes(results, signatures)
    if _is_known_customer(case):
        return None
    if every - {"none"} == {"temperror"}:
        return "D6", ""
    spf = results.get("spf", "none")
    return "D5", f"spf-{spf}" if spf in _SPF_RESULTS else "spf-unknown"


def _who_passes(results: dict[str, str], signatures: set[str]) -> str:
    if results.get("spf") == "pass":
        return "spf"
    return "dkim" if "pass" in signatures else "dmarc"


def _is_form(case: Case) -> bool:
    return is_form(case.mail.client, case.authentication, case.config)


def _fails(case: Case, rule: str) -> str | None:
    failure = _failure(case)
    return failure[1] if failure is not None and failure[0] == rule else None


def _spam(case: Case) -> str | None:
    return case.authentication.spam or None


def _own_domain(case: Case) -> str | None:
    """Whether From: claims to be of ours, and nothing says that it is."""
    if _is_form(case):
        return None
    ours = {address.rpartition("@")[2] for address in _own_addresses(case)}
    found = case.authentication
    for field in case.mail.headers.fields("From"):
        for author in parse_mailboxes(field.raw):
            domain = author.address.rpartition("@")[2]
            if any(aligned(domain, own) for own in ours) and not _vouches(found, domain):
                return ""
    return None


def _own_addresses(case: Case) -> set[str]:
    boxes = case.config.mailboxes
    senders = {box.sender for box in boxes.mailboxes if box.sender}
    return {*boxes.by_address, *senders, *case.config.ack.own_addresses}


def _vouches(found: Authentication, domain: str) -> bool:
    """As DMARC asks, for domains that publish no policy as well (RFC 7489 section 3.1)."""
    spf = found.spf
    by_spf = spf is not None and spf.result == "pass" and vouches(spf.domain, domain)
    return by_spf or dkim_passes(found, domain) or dmarc_passes(found, domain)


def _outbound(case: Case) -> str | None:
    return "" if case.triage.direction is Direction.OUTBOUND and not _is_form(case) else None


def _network(case: Case) -> str | None:
    return "" if case.history.to_network >= case.config.ack.limits.per_network else None


RULES: Final[tuple[Rule, ...]] = (
    # Mail of our own side first: nobody has authenticated it, and that is as it should be.
    Rule("D11", "it is mail of the organisation itself, on its way out", _outbound),
    Rule(
        "D3",
        "what is authenticated is another address than the one to be answered",
        lambda case: _fails(case, "D3"),
    ),
    Rule("D4", "the domain of From: disowns the mail (DMARC)", lambda case: _fails(case, "D4")),
    Rule("D5", "nobody vouches for the sender", lambda case: _fails(case, "D5")),
    Rule("D6", "the sender could not be checked just now", lambda case: _fails(case, "D6")),
    Rule(
        "D7",
        "no server that we trust says who sent it (authentication.trusted_authserv_ids)",
        lambda case: _fails(case, "D7"),
    ),
    Rule("D9", "the spam scanner thinks little of it", _spam),
    Rule("D10", "From: claims to be of our own domain, and is not authenticated", _own_domain),
    Rule("D12", "its client network has had its share of this hour", _network, uses_history=True),
)
