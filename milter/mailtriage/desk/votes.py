"""Whether a mail to a vote's address is the vote of a person.

The address is signed, so whoever writes to it has had our question. But a program may have had it:
an automatic reply, a scanner, a list. And whoever pretends to be somebody may write a thousand
mails. So the mail has to pass what the rules ask of mail that is acknowledged: no mark of a robot
(A, B, C), not from our own side (A6, D11), and a server that we trust vouches for its sender (D3).
"""

from collections.abc import Iterator
from typing import Final

from mailtriage.acks import content, headers, senders
from mailtriage.acks.authentication import (
    dkim_passes,
    dmarc_passes,
    read_authentication,
    sealed_authentication,
    spf_passes,
)
from mailtriage.acks.model import Authentication, Case, Destination
from mailtriage.acks.tokens import Tokens
from mailtriage.config.sections import Config
from mailtriage.mail.model import Mail
from mailtriage.triage.model import Triage

_OWN: Final = frozenset({"A6"})
_ROBOT: Final = frozenset({
    "A1", "A3", "A4", "B1", "B2", "B3", "B4", "B6", "B7", "B8", "B10", "B12", "B13", "C1", "C3",
})  # fmt: skip
_RULES: Final = tuple(
    rule
    for rule in (*senders.RULES, *headers.RULES, *content.RULES)
    if rule.id in _OWN or rule.id in _ROBOT
)
_UNJUDGED: Final = Triage()
"""None of these rules looks at what the mail says."""


def why_no_vote(mail: Mail, config: Config, tokens: Tokens, now: float) -> tuple[str, str]:
    """Why it does not count, in one word (own, robot, unauthenticated), and the rule that says so;
    both empty when it counts. `mail`: its header; the body is not looked at."""
    found = read_authentication(mail, config)
    case = Case(
        mail=mail,
        triage=_UNJUDGED,
        config=config,
        tokens=tokens,
        mailbox=None,
        recipient="",
        destination=Destination(mail.envelope.sender),
        authentication=found,
        now=now,
        key=b"",
    )
    for rule in _RULES:
        if rule.forbids(case) is not None:
            return ("own" if rule.id in _OWN else "robot"), rule.id
    if not is_vouched_for(mail, config, found):
        return "unauthenticated", "D3" if found.trusted else "D7"
    return "", ""


def is_author(mail: Mail, config: Config, found: Authentication) -> bool:
    """Whether such a server says that the address in From: is the writer's. What it says of the
    envelope counts where both have one domain: else anybody with a domain could be anybody."""
    domain = _domain(mail.from_address)
    return any(
        dkim_passes(one, domain)
        or dmarc_passes(one, domain)
        or (_domain(mail.envelope.sender) == domain and spf_passes(one, domain))
        for one in _opinions(mail, config, found)
        if one.dmarc is None or one.dmarc.result != "fail"
    )


def is_vouched_for(mail: Mail, config: Config, found: Authentication) -> bool:
    """Whether a server that we trust says that the domain of the sender, or of the author, sent it;
    or a forwarder that we trust saw that (rule D8). Not against the word of the domain (D4)."""
    sender, author = _domain(mail.envelope.sender), _domain(mail.from_address)
    return any(
        spf_passes(one, sender) or dkim_passes(one, author) or dmarc_passes(one, author)
        for one in _opinions(mail, config, found)
        if one.dmarc is None or one.dmarc.result != "fail"
    )


def _opinions(mail: Mail, config: Config, found: Authentication) -> Iterator[Authentication]:
    yield found
    yield from sealed_authentication(mail, config, found)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
