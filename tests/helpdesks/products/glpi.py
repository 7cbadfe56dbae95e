"""GLPI, re-stated from glpi-project/glpi, branch main of 2025 and 2026 (11), with our rules.xml.

The rules run as an administrator has them who imported and switched on rules.xml behind the rules
that GLPI comes with. Not re-stated: users, rights and profiles, who may open tickets by mail.
"""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from pathlib import Path
from typing import Final

from tests.helpdesks.product import Product, Taken, Ticket

RULES: Final = Path(__file__).parents[3] / "config/helpdesks/glpi/rules.xml"

ROOT: Final = "Root entity"
ENTITIES: Final = frozenset({"billing", "billing-de", "technical", "delivery"})
"""TAGs of entities that this organisation has."""

_LEVELS: Final = {"5": "Very high", "4": "High", "3": "Medium", "2": "Low", "1": "Very low"}
_UUID: Final = "5f0c1eab7d2046d1a0c3b9e2d4f68170"

# src/Rule.php, PATTERN_IS, REGEX_MATCH and REGEX_NOT_MATCH.
_IS, _MATCHES, _DOES_NOT = "0", "6", "7"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, of GLPI or of rules.xml."""

    kind: str
    criteria: tuple[tuple[str, str, str], ...]
    """Field, condition, pattern: all of them have to fit."""
    actions: tuple[tuple[str, str, str], ...]
    """Type, field, value."""


# resources/Rules/RuleMailCollector.xml: those that are switched on, in their order.
_REFUSE: Final = (("assign", "_refuse_email_no_response", "1"),)
_OWN_RULES: Final = (
    Rule(
        "RuleMailCollector",
        (
            (
                "message_id",
                _MATCHES,
                r"/GLPI(_[a-z0-9]+)?(-[a-z]+)?(-[0-9]+)?(\/[a-z_]+)?(\.[0-9]+\.[0-9]+)?@.+/i",
            ),
        ),
        _REFUSE,
    ),
    Rule("RuleMailCollector", (("auto-submitted", _MATCHES, "/^(?!.*no).+$/i"),), _REFUSE),
)
_CATCH_ALL: Final = Rule(
    "RuleMailCollector", (("subject", _MATCHES, "/.*/"),), (("assign", "entities_id", "0"),)
)


def shipped_rules() -> tuple[Rule, ...]:
    """Those of rules.xml, as src/RuleCollection.php, processImportRules, reads them."""
    return tuple(
        Rule(
            each.findtext("sub_type", ""),
            tuple(
                (
                    found.findtext("criteria", ""),
                    found.findtext("condition", ""),
                    found.findtext("pattern", ""),
                )
                for found in each.iter("rulecriteria")
            ),
            tuple(
                (
                    found.findtext("action_type", ""),
                    found.findtext("field", ""),
                    found.findtext("value", ""),
                )
                for found in each.iter("ruleaction")
            ),
        )
        for each in ET.parse(RULES).getroot().iter("rule")
    )


def take(raw: bytes, _recipient: str) -> Taken:
    """A new mail: src/MailCollector.php, buildTicket."""
    headers = headers_of(raw)
    found = collector_rules(headers)
    if "_refuse_email_no_response" in found:
        return Taken(accepted=False, robot=True)
    level = ticket_rules(headers).get("priority", "")
    return Taken(priority=_LEVELS.get(level, ""), queue=found["entities_id"])


def headers_of(raw: bytes) -> dict[str, str]:
    """src/MailCollector.php, getHeaders and getAdditionnalHeaders.

    Of other fields only those that begin with "X-", "Auto-Submitted" and "Received" are kept, in
    the mail's order, behind the fixed ones; two of one name are joined with a line feed. Values are
    decoded (RFC 2047), and a line feed that was encoded is taken to survive that.
    """
    mail = message_from_bytes(raw)
    addressed = [address.lower() for _, address in getaddresses([str(mail.get("To", ""))])]
    copies = [address.lower() for _, address in getaddresses([str(mail.get("Cc", ""))])]
    sender = getaddresses([str(mail.get("From", ""))])[0][1]
    found = {
        "from": sender.lower(),
        "subject": _value(mail, "Subject"),
        "to": addressed[0] if addressed else "",
        "message_id": _value(mail, "Message-ID"),
        "tos": ", ".join(addressed),
        "ccs": ", ".join(copies),
        "references": _value(mail, "References"),
        "in_reply_to": _value(mail, "In-Reply-To"),
    }
    extra: dict[str, str] = {}
    for name, value in mail.items():
        if re.match(r"X-|Auto-Submitted|Received", name, re.IGNORECASE):
            key, text = name.lower(), _decoded(str(value)).strip()
            extra[key] = f"{extra[key]}\n{text}" if key in extra else text
    return found | extra


def _value(mail: Message, name: str) -> str:
    return _decoded(str(mail.get(name, ""))).strip()


def _decoded(value: str) -> str:
    return str(make_header(decode_header(re.sub(r"\r?\n[ \t]+", " ", value))))


def collector_rules(headers: dict[str, str]) -> dict[str, str]:
    """src/RuleMailCollectorCollection.php, prepareInputDataForProcess, and src/RuleCollection.php,
    processAllRules: the first rule that fits is the last one that is asked."""
    whole = "\n".join(f"{name}: {value}" for name, value in headers.items())
    shipped = (rule for rule in shipped_rules() if rule.kind == "RuleMailCollector")
    output: dict[str, str] = {}
    for rule in (*_OWN_RULES, *shipped, _CATCH_ALL):
        groups = _fits(rule, headers | {"_headers": whole})
        if groups is not None:
            _act(rule, groups, output)
            break
    return output


def ticket_rules(headers: dict[str, str]) -> dict[str, str]:
    """src/RuleTicketCollection.php, prepareInputDataForProcess: all rules that fit are carried
    out. Of all the fields that are none of a ticket they see six."""
    names = ("x-priority", "from", "subject", "reply-to", "in-reply-to", "to")
    seen = {f"_{name}": headers[name] for name in names if name in headers}
    output: dict[str, str] = {}
    for rule in shipped_rules():
        if rule.kind == "RuleTicket" and _fits(rule, seen) is not None:
            _act(rule, [], output)
    return output


def _fits(rule: Rule, fields: dict[str, str]) -> list[list[str]] | None:
    """src/RuleCriteria.php, match: groups of each pattern that fits; None when one does not."""
    found: list[list[str]] = []
    for name, condition, pattern in rule.criteria:
        value = fields.get(name, "")
        if condition == _IS:
            if value.lower() != pattern.strip().lower():
                return None
            continue
        matches = list(_pattern(pattern).finditer(value))
        if bool(matches) == (condition == _DOES_NOT):
            return None
        if condition == _MATCHES:
            found.append([match[1] for match in matches if match.re.groups])
    return found


def _pattern(text: str) -> re.Pattern[str]:
    """A pattern in slashes, its flags, and "si", which GLPI appends."""
    body, _, flags = text.strip().removeprefix("/").rpartition("/")
    multiline = re.MULTILINE if "m" in flags else 0
    return re.compile(body, re.DOTALL | re.IGNORECASE | multiline)


def _act(rule: Rule, groups: list[list[str]], output: dict[str, str]) -> None:
    """src/RuleMailCollector.php and src/RuleTicket.php, executeActions; src/RuleAction.php,
    getRegexResultById. An entity that is not found leaves what an action before it has set."""
    for action, name, value in rule.actions:
        if action == "assign":
            output[name] = ROOT if name == "entities_id" else value
        elif action == "regex_result" and name == "_affect_entity_by_tag":
            tags = [value.replace("#0", group[0] if group else "") for group in groups]
            known = [tag for tag in tags if tag in ENTITIES]
            if known:
                output["entities_id"] = known[0]


def joins(raw: bytes, ticket: Ticket) -> bool:
    """src/MailCollector.php, getItemFromHeaders: only what it wrote itself, then the subject. Of a
    follow-up the rules may still refuse what they refuse of new mail."""
    headers = headers_of(raw)
    if "_refuse_email_no_response" in collector_rules(headers):
        return False
    found = _numbered(headers)
    return found is not None and found == int(ticket.number)


def _numbered(headers: dict[str, str]) -> int | None:
    named = [_own_id(headers[name]) for name in ("in_reply_to", "references")]
    uuids = {each[0] for each in named if each and each[0]}
    if uuids and _UUID not in uuids:
        return None  # isResponseToMessageSentByAnotherGlpi
    for each in named:
        if each and each[1]:
            return each[1]
    subject = re.search(r"\[.+#(\d+)\]", headers["subject"])
    return int(subject[1]) if subject else None


def _own_id(value: str) -> tuple[str, int | None] | None:
    """src/MailCollector.php, extractValuesFromRefHeader: uuid and ticket of the first id in the
    field that looks like one of GLPI, in the form of 10.0.7, of 10.0.0, or older."""
    forms = (
        r"GLPI_(?P<uuid>[a-z0-9]+)(-[a-z]+-(?P<id>[0-9]+))?\/[a-z_]+(\.[0-9]+\.[0-9]+)?@.+",
        r"GLPI_(?P<uuid>[a-z0-9]+)(-[a-z]+-(?P<id>[0-9]+))?\.[0-9]+\.[0-9]+@.+",
        r"GLPI(?P<uuid>)(-[a-z]+)?(-(?P<id>[0-9]+))?\.[0-9]+\.[0-9]+@.+",
    )
    for form in forms:
        found = re.search(form, value, re.IGNORECASE)
        if found:
            return found["uuid"], int(found["id"]) if found["id"] else None
    return None


def joins_with_mailanalyzer(raw: bytes, ticket: Ticket) -> bool:
    """tomolimo/mailanalyzer 4.1, src/MailAnalyzer.php, preItemAdd and getMailReferences: asked for
    what GLPI takes for a new ticket. Ids in References alone, of mail in the same receiver."""
    if joins(raw, ticket):
        return True
    headers = headers_of(raw)
    if "_refuse_email_no_response" in collector_rules(headers):
        return False
    first = headers_of(ticket.first)
    stored = {first["message_id"], *re.findall(r"<.*?>", first["references"])}
    return not stored.isdisjoint(re.findall(r"<.*?>", headers["references"]))


def own_reply(ticket: Ticket) -> bytes:
    """The notification "New ticket": src/NotificationTarget.php, getMessageIdForEvent, and
    src/NotificationTargetCommonITILObject.php, getSubjectPrefix."""
    number = int(ticket.number)
    lines = (
        "From: Support <help@desk.example>",
        f"To: {ticket.customer}",
        f"Subject: [GLPI #{number:07d}] New ticket Where is my parcel?",
        f"Message-ID: <GLPI_{_UUID}-Ticket-{number}/new@glpi>",
        "",
        "Your ticket has been opened.",
        "",
    )
    return "\r\n".join(lines).encode()


PRODUCT: Final = Product(
    profile="glpi",
    take=take,
    joins=joins,
    own_reply=own_reply,
    threads="its own Message-IDs, or [GLPI #number] in the subject",
    evidence="source, 11",
)
