"""What servers that we trust found out about who sent a mail (RFC 8601), and for which domains."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from mailtriage.acks.border import own_part, received_by
from mailtriage.acks.domains import to_ascii, vouches
from mailtriage.acks.model import Authentication, MethodResult
from mailtriage.acks.results import Result, Results, domain_of, parse_results
from mailtriage.acks.spam import spam_verdict
from mailtriage.config.sections import Config
from mailtriage.mail.model import Headers, Mail

MAX_FIELDS: Final = 20
"""Authentication-Results fields that are looked at, from the top."""
MAX_ARC_SETS: Final = 50  # RFC 8617 section 4.2.1

_QUOTES: Final = re.compile(r'["\\\s]')
_SPECIALS: Final = re.compile(r'["();\\\s]')
_TAG: Final = re.compile(rb"\s*([a-z]{1,8})\s*=\s*([^\s;]{1,255})\s*\Z", re.IGNORECASE)


def read_authentication(mail: Mail, config: Config) -> Authentication:
    """What they found out about the mail. Never raises.

    Nothing counts of a forged field that no border server removed (RFC 8601 section 5), when it
    stands below a stranger's Received:, or below a genuine field that has a result of that method.
    """
    own = own_part(mail.headers, config.authentication)
    spam = spam_verdict(mail.headers, own, config.ack.spam_score)
    found = list(_trusted_fields(mail, own, config.authentication.trusted_authserv_ids))
    if found:
        return _authentication(found, mail, spam)
    covered_by = _covered_by(mail.headers, own, config.authentication.trusted_authserv_ids)
    return Authentication(spam=spam, covered_by=covered_by)


def spf_passes(authentication: Authentication, domain: str) -> bool:
    """Whether the client may send with reverse-paths of exactly this domain (RFC 7208)."""
    spf = authentication.spf
    return spf is not None and spf.result == "pass" and _same(spf.domain, domain)


def dkim_passes(authentication: Authentication, domain: str) -> bool:
    """Whether the domain, one above or one below it signed the mail (RFC 6376)."""
    return any(one.result == "pass" and vouches(one.domain, domain) for one in authentication.dkim)


def dmarc_passes(authentication: Authentication, domain: str) -> bool:
    """Whether From: is of exactly this domain, and the domain vouches for that (RFC 7489)."""
    dmarc = authentication.dmarc
    return dmarc is not None and dmarc.result == "pass" and _same(dmarc.domain, domain)


def sealed_authentication(
    mail: Mail, config: Config, authentication: Authentication
) -> Iterator[Authentication]:
    """What forwarders that we trust found out before they changed or redirected the mail.

    Newest first: the ARC-Authentication-Results of each set (RFC 8617 section 4.1), as long as the
    domains of the seals are among trusted_arc_sealers. Below a stranger's seal nothing counts: he
    may have put a genuine chain on top of a mail of his own. Nothing at all unless one of our own
    servers says that the chain is intact.
    """
    arc, trusted = authentication.arc, config.authentication.trusted_arc_sealers
    if arc is None or arc.result != "pass" or not trusted:
        return
    seals = _arc_fields(mail.headers, "ARC-Seal")
    results = _arc_fields(mail.headers, "ARC-Authentication-Results")
    for instance in sorted(seals, reverse=True):
        if _sealer(seals[instance]) not in trusted or instance not in results:
            return
        parsed = parse_results(results[instance].partition(b";")[2])
        if parsed is not None:
            yield _authentication([parsed], mail)


def _trusted_fields(mail: Mail, own: int, trusted: tuple[str, ...]) -> Iterator[Results]:
    """What fields of trusted servers say, top first."""
    if not trusted or "Authentication-Results" not in mail.headers:
        return
    looked_at = 0
    for index, header in enumerate(mail.headers):
        if index >= own or looked_at >= MAX_FIELDS:
            return
        if header.name.lower() == "authentication-results":
            looked_at += 1
            parsed = parse_results(header.raw)
            if parsed is not None and parsed.authserv_id in trusted:
                quotes = _quotes_specials(header.raw, mail.envelope.sender)
                yield Results(parsed.authserv_id, ()) if quotes else parsed


def _covered_by(headers: Headers, own: int, trusted: tuple[str, ...]) -> str:
    """The server whose Received: hides the first field that has the right authserv-id, if one has.

    Forged, perhaps; or that server is ours, and nobody has said so.
    """
    if not trusted or own == len(headers):
        return ""
    server = ""
    for index, header in enumerate(headers):
        if index == own:
            server = received_by(header.raw) or "unknown"
        elif index > own and header.name.lower() == "authentication-results":
            parsed = parse_results(header.raw)
            return server if parsed is not None and parsed.authserv_id in trusted else ""
    return ""


def _quotes_specials(raw: bytes, sender: str) -> bool:
    """Whether a field repeats a reverse-path that could end the comment or value it stands in, as
    "x) dmarc=pass header.from=bank.example ("@evil.example would: servers copy it there."""
    local = sender.rpartition("@")[0]
    if not _SPECIALS.search(local):
        return False
    return _QUOTES.sub("", local) in _QUOTES.sub("", raw.decode("utf-8", "replace"))


def _authentication(found: list[Results], mail: Mail, spam: str = "") -> Authentication:
    identity, other = "smtp.mailfrom", "smtp.helo"
    if not mail.envelope.sender:
        identity, other = other, identity
    arc = _one(_topmost(found, "arc"), "header.as-d")
    return Authentication(
        trusted=True,
        # What is known of the HELO name alone says nothing about a reverse-path.
        spf=_one(_topmost(found, "spf", unless_only=(identity, other)), identity),
        dkim=tuple(MethodResult(one.result, _signer(one)) for one in _topmost(found, "dkim")),
        dmarc=_one(_topmost(found, "dmarc"), "header.from"),
        arc=arc and MethodResult(arc.result, arc.domain or _top_sealer(mail.headers)),
        spam=spam,
    )


def _topmost(
    found: Iterable[Results], method: str, unless_only: tuple[str, str] | None = None
) -> list[Result]:
    """The results of a method in the topmost field that has any; with `unless_only` (wanted,
    other), those do not count that are for the other property alone."""
    for field in found:
        results = [one for one in field.results if one.method == method]
        if unless_only is not None:
            wanted, other = unless_only
            results = [r for r in results if r.value(wanted) is not None or r.value(other) is None]
        if results:
            return results
    return []


def _one(results: list[Result], name: str) -> MethodResult | None:
    """The one result of a method that knows only one: when a field has several, the worst."""
    if not results:
        return None
    worst = min(results, key=lambda one: (one.result != "fail", one.result == "pass"))
    domains = {domain_of(one.value(name)) for one in results if one.result == worst.result}
    return MethodResult(worst.result, domains.pop() if len(domains) == 1 else "")


def _signer(result: Result) -> str:
    signer = result.value("header.d")
    return domain_of(result.value("header.i") if signer is None else signer)


def _same(one: str, other: str) -> bool:
    return bool(one) and to_ascii(one) == to_ascii(other)


def _arc_fields(headers: Headers, name: str) -> dict[int, bytes]:
    """Field bodies by their instance; those left out that claim an instance twice."""
    found: dict[int, bytes] = {}
    twice: set[int] = set()
    for header in headers.fields(name)[:MAX_ARC_SETS]:
        instance = _tags(header.raw).get(b"i", b"")
        if instance.isdigit():
            number = int(instance)
            twice.update({number} & found.keys())
            found[number] = header.raw
    return {number: raw for number, raw in found.items() if number not in twice}


def _top_sealer(headers: Headers) -> str:
    seals = _arc_fields(headers, "ARC-Seal")
    return _sealer(seals[max(seals)]) if seals else ""


def _sealer(raw: bytes) -> str:
    return to_ascii(_tags(raw).get(b"d", b"").decode("utf-8", "replace"))


def _tags(raw: bytes) -> dict[bytes, bytes]:
    """The short tags of a tag list (RFC 6376 section 3.2); what no domain could be is left out."""
    matches = (_TAG.match(part) for part in raw[:4096].split(b";"))
    return {match[1].lower(): match[2] for match in matches if match}
