"""Ticket numbers in subjects, as helpdesks write them.

A mail with one goes to a ticket that exists, in the helpdesk of this organisation or of the
sender's. Customers put numbers of orders and invoices into subjects just so, and those must be
answered: what might be either is no token.
"""

import re
from typing import Final

MAX_SUBJECT: Final = 1000
"""Characters of a subject that are looked at: RFC 5322 section 2.1.1 allows 998 in a line."""

_NO: Final = r"(?:id|no|nr|num|number|nummer|numer|numero|número|numéro|n[°ºr]?)"

# "[desk #77]" (Request Tracker), "[Project - Bug #12]" (Redmine), "[GLPI #0000123]",
# "[Ticket#2026112310000017]" (OTRS, Znuny, Zammad), and without any name "[#4711]" (osTicket,
# Freshdesk, Faveo), "[#INC-204]" (Freshservice), "[#3CR-ZQ3-2BZY]" (HESK).
_NUMBERED: Final = re.compile(
    r"\[(?:(?P<name>[^\[\]#]{1,60})#\s?\d{2,20}|#(?=[A-Z-]{0,20}\d)[A-Z0-9][A-Z0-9-]{1,30})\s?\]",
    re.IGNORECASE,
)
# What a "#" counts when the word before it is one of these: goods, money and people, no tickets.
_OTHER_NUMBER: Final = re.compile(
    r"(?:(?:order|invoice|receipt|quot|parcel|package|shipment|tracking|delivery|booking|reserv|"
    r"article|item|serial|refer|return|bestell|auftrag|rechnung|sendung|paket|liefer|buchung|"
    r"vertrag|artikel|angebot|commande|factur|colis|livraison|réserv|devis|pedido|env[ií]o|ordin|"
    r"fattur|pacco|spedizion|prenotazion|pakket|zending|levering|boeking|beställ|faktur|leverans|"
    r"bokning|ordre|bestill|pakke|forsendelse|sending|tilau|lasku|paketti|toimitus|varau|"
    r"encomenda|fatura|zam[oó]wieni|paczk|przesyłk)\w*"
    r"|\b(?:customer|client|cliente|kunden?|klant|klient|asiakas|part|rma|po|ref))"
    rf"[\s.:-]*(?:{_NO}\b[\s.:°º-]*)?$",
    re.IGNORECASE,
)

_WORDS: Final = (
    r"(?:ticket|case|request|incident|issue|bug|ärende|sag|sak|vorgang|anfrage|dossier|demande|caso|"
    r"incidencia|solicitud|pratica|richiesta|melding|zaak|zgłoszenie|chamado|tiketti|tapaus|"
    r"palvelupyyntö)"
)
_NUMBER_MARK: Final = rf"[\s-]{{0,3}}{_NO}?\.?\s{{0,2}}[:#]?\s{{0,2}}"

_TOKENS: Final = (
    # "[Ticket ID: 123456]" (WHMCS), "[Case:123456]", "[Bug 12345]" (Bugzilla), "[Ärende 4711]".
    (
        "bracketed-word",
        re.compile(
            rf"\[(?:[^\[\]]{{1,40}}\s)?{_WORDS}{_NUMBER_MARK}\d{{3,20}}\s?\]", re.IGNORECASE
        ),
    ),
    # "Ticket#10012" without brackets (Zammad, ConnectWise), "Ticket-ID: 4711".
    (
        "ticket",
        re.compile(r"(?<![\w-])ticket(?:\s?#\s?|[\s-]?id\s?[:#]?\s?#?)\d{3,20}", re.IGNORECASE),
    ),
    # A number made of the date, as OTRS counts: "Ticketnummer 2026112310000017".
    (
        "ticket-date",
        re.compile(
            rf"(?<![\w-])ticket{_NUMBER_MARK}20\d\d[01]\d[0-3]\d{{5,11}}(?!\d)", re.IGNORECASE
        ),
    ),
    # "Case 00123456" (Salesforce pads them), "Case #4711", "Case number 4711".
    ("case", re.compile(rf"\bcase{_NUMBER_MARK}0\d{{5,9}}(?!\d)", re.IGNORECASE)),
    (
        "case",
        re.compile(r"\bcase[\s-]*(?:#|(?:number|id)\s?[:#]?)\s?\d{4,10}(?!\d)", re.IGNORECASE),
    ),
    # "ref:_00D20AbCd._500203ZyX:ref" and "thread::7eXIWx3fMyyDbkXKBx7EIAI::" (Salesforce).
    ("salesforce", re.compile(r"\bref:[_!]{0,2}00D\w{1,30}[._!]{1,2}\w{5,40}")),
    ("salesforce", re.compile(r"\bthread::[\w-]{10,60}::")),
    ("servicenow", re.compile(r"\b(?:(?:INC|RITM|SCTASK|PRB)\d{7,10}|Ref:MSG\d{7,12})\b")),
    ("autotask", re.compile(r"\bT20\d{6}\.\d{4}\b")),
    # "##RE-4711##" (ManageEngine), "[## 4711 ##]" (Zoho Desk).
    ("manageengine", re.compile(r"##\s?(?:[A-Z]{2,4}-)?\d{2,12}\s?##")),
    ("kayako", re.compile(r"\[![A-Z]{3}-\d{3}-\d{5}\]")),
    ("liveagent", re.compile(r"\[[A-Z]{3}-[A-Z]{5}-\d{3}\]")),
    # "[JIRA] Commented: (SUP-204) Printer on fire". Without "[JIRA]" it may be an article number.
    ("jira", re.compile(r"\[jira\][^()]{0,40}\([A-Z][A-Z0-9_]{1,9}-\d{1,7}\)", re.IGNORECASE)),
)


def ticket_token(subject: str) -> str | None:
    """The name of the form ("bracketed-number", "salesforce") in which a subject holds the number
    of a ticket; None when it holds none."""
    text = subject[:MAX_SUBJECT]
    for found in _NUMBERED.finditer(text):
        if not _OTHER_NUMBER.search(found["name"] or ""):
            return "bracketed-number"
    return next((name for name, token in _TOKENS if token.search(text)), None)
