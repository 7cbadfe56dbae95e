"""What Zammad does with a mail, on a channel that it trusts and on one that it does not.

Re-stated from zammad/zammad, as read in files of 2021 to 2026 (the newest have a 2026 copyright).
Each function names its file and method. Two settings are Zammad's defaults: the ticket hook
"Ticket#" and the follow-up search "Subject & References". No Zammad was run.
"""

import re
from collections.abc import Mapping
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from functools import cache
from types import ModuleType
from typing import Any, Final

from mailtriage.shipped import shipped_directory
from tests.helpdesks.product import Product, Taken, Ticket

FQDN: Final = "zammad.desk.example"
"""Setting "fqdn": what Zammad's own Message-IDs end in."""
PRIORITIES: Final = {"1 low": "1", "2 normal": "2", "3 high": "3"}
GROUPS: Final = {"Users": "1", "Billing": "2", "Abrechnung": "3"}
"""Names of an installation, and their ids."""
ROUTES: Final = {"billing": "Billing", "billing-de": "Abrechnung"}
ATTRIBUTES: Final = ("triage_language", "triage_tier", "triage_churn")
"""What trust.rb makes."""
SETTINGS: Final = """
[profiles.zammad]
version = "7.0"
[profiles.zammad.map.queue]
billing = "Billing"
billing-de = "Abrechnung"
default = "Users"
"""

Mail = dict[str, Any]


def read(raw: bytes, *, trusted: bool) -> Mail:
    """The mail as a hash of lower-case names, after all filters that matter here."""
    mail = headers(raw)
    trust(mail, trusted=trusted)
    auto_response_check(mail)
    if not trusted:
        database(mail)
    return mail


def headers(raw: bytes) -> Mail:
    """app/models/channel/email_parser/headers_parser.rb, imported_fields: `to_h`, so of two fields
    with one name the last stands; `decoded` takes encoded words apart."""
    fields = BytesHeaderParser().parsebytes(raw).items()
    mail: Mail = {}
    for name, value in fields:
        unfolded = re.sub(r"\r?\n", "", str(value)).strip()
        mail[name.lower()] = str(make_header(decode_header(unfolded)))
    return mail


def trust(mail: Mail, *, trusted: bool) -> None:
    """app/models/channel/filter/trusted.rb, run."""
    if not trusted:
        for name in [name for name in mail if re.match(r"x-zammad", name, re.IGNORECASE)]:
            del mail[name]


def auto_response_check(mail: Mail) -> None:
    """app/models/channel/filter/auto_response_check.rb, run. The header may switch the sending off
    without having the mail taken for automatic."""
    said = mail.get("x-zammad-is-auto-response")
    automatic = _boolean(said) if said is not None else True
    sends = mail.get("x-zammad-send-auto-response")
    may_send = _boolean(sends) if sends is not None else not automatic
    if said is None and not _looks_automatic(mail):
        automatic = False
        may_send = may_send if sends is not None else True
    mail["x-zammad-is-auto-response"] = automatic
    mail["x-zammad-send-auto-response"] = may_send


def _looks_automatic(mail: Mail) -> bool:
    def has(name: str, pattern: str) -> bool:
        return re.search(pattern, mail.get(name, ""), re.IGNORECASE) is not None

    return (
        has("list-unsubscribe", r"...")
        or has("x-loop", r"(yes|true)")
        or has("precedence", r"(bulk|list|junk)")
        or has("auto-submitted", r"auto-(generated|replied)")
        or has("x-auto-response-suppress", r"all")
        or has("message-id", "@" + re.escape(FQDN))
    )


def _boolean(value: str) -> bool:
    """Rails: ActiveModel::Type::Boolean, whose false values these are."""
    return value not in ("", "0", "f", "F", "false", "FALSE", "off", "OFF")


def database(mail: Mail) -> None:
    """app/models/channel/filter/database.rb, run, and in 2026 class FilterProcessor: filters by
    name, `contains` without regard to case, "*" for anything."""
    languages = filters().LANGUAGES
    levels = {word: PRIORITIES[name] for word, name in filters().PRIORITIES.items()}
    groups = {route: GROUPS[name] for route, name in ROUTES.items()}
    for each in sorted(filters().wanted(levels, groups, languages), key=lambda one: one["name"]):
        if all(_matches(mail, *condition) for condition in each["match"].items()):
            _perform(mail, each["perform"])


def _matches(mail: Mail, name: str, condition: Mapping[str, str]) -> bool:
    """app/models/channel/filter/match/contains.rb, match."""
    assert condition["operator"] == "contains"
    pattern = re.escape(condition["value"]).replace(r"\*", ".*")
    value = mail.get(name.lower(), "")
    return bool(value) and re.search(pattern, value, re.IGNORECASE) is not None


def _perform(mail: Mail, changes: Mapping[str, Mapping[str, str]]) -> None:
    """perform_filter_changes, and for tags perform_filter_changes_tags."""
    for name, change in changes.items():
        if name in ("x-zammad-ticket-tags", "x-zammad-ticket-followup-tags"):
            assert change["operator"] == "add"
            tags = [tag for tag in mail.get(name, "").split(",") if tag]
            mail[name] = ",".join(dict.fromkeys([*tags, change["value"]]))
        else:
            mail[name] = change["value"]


def attribute(mail: Mail, name: str, known: Mapping[str, str], *, followup: bool = False) -> str:
    """app/models/channel/email_parser.rb, set_attributes_by_x_headers, for a reference: first the
    name, which must be known, case and all; then the id, which wins."""
    header = f"x-zammad-ticket-{'followup-' if followup else ''}{name}"
    found = str(mail.get(header, ""))
    found = found if found in known else ""
    by_id = {number: word for word, number in known.items()}
    return by_id.get(str(mail.get(f"{header}_id", "")), found)


def tags(mail: Mail, *, followup: bool = False) -> tuple[str, ...]:
    """app/models/channel/email_parser.rb, _process: the ends are trimmed, single tags are not."""
    name = f"x-zammad-ticket-{'followup-' if followup else ''}tags"
    return tuple(str(mail[name]).strip().split(",")) if mail.get(name) else ()


def ignored(mail: Mail) -> bool:
    """app/models/channel/filter/own_notification_loop_detection.rb, and x-zammad-ignore in
    email_parser.rb, _process."""
    bulk = re.search(r"bulk", mail.get("precedence", ""), re.IGNORECASE)
    own = re.search(f"@{re.escape(FQDN)}>", mail.get("message-id", ""), re.IGNORECASE)
    return bool(bulk and own) or mail.get("x-zammad-ignore") == "true"


def acknowledges(raw: bytes, *, trusted: bool = True) -> bool:
    """Whether the trigger "auto reply (on new tickets)" writes to the sender: app/models/ticket.rb,
    perform_triggers. On a channel without trust the trigger asks for the tag, by README.md."""
    mail = read(raw, trusted=trusted)
    return mail["x-zammad-send-auto-response"] is True and "mt-silent" not in tags(mail)


def _taken(raw: bytes, *, trusted: bool) -> Taken:
    mail = read(raw, trusted=trusted)
    found = tags(mail)
    if trusted:
        language = str(mail.get(f"x-zammad-ticket-{ATTRIBUTES[0]}", ""))
    else:
        spoken = [tag.removeprefix("mt-") for tag in found]
        language = next((tag for tag in spoken if tag in filters().LANGUAGES), "")
    return Taken(
        accepted=not ignored(mail),
        robot=mail["x-zammad-is-auto-response"] is True,
        priority=attribute(mail, "priority", PRIORITIES),
        queue=attribute(mail, "group", GROUPS),
        language=language,
        tags=found,
    )


def take(raw: bytes, _recipient: str) -> Taken:
    """On a channel with options[:inbound][:trusted]."""
    return _taken(raw, trusted=True)


def take_untrusted(raw: bytes, _recipient: str) -> Taken:
    """On any other channel, with the filters that filters.py makes."""
    return _taken(raw, trusted=False)


def joins(raw: bytes, ticket: Ticket) -> bool:
    """app/models/channel/filter/follow_up_check.rb, run, with "Subject & References"."""
    mail = read(raw, trusted=True)
    subject = mail.get("subject", "").strip()
    if ticket.number in numbers(subject):
        return True
    first = headers(ticket.first)
    named = " ".join(mail.get(name, "") for name in ("references", "in-reply-to")).split()
    if first.get("message-id") not in named:
        return False
    # Of automatic mail the Message-ID is enough: a bounce must find its ticket.
    if mail["x-zammad-is-auto-response"] is True:
        return True
    # "Re: ", "AW: ", "Re[2]: ". Newer versions take prefixes of up to three letters, too.
    return bool(subject) and re.sub(r"^(..(\[\d+\])?:\s+)+", "", subject) == first.get("subject")


def numbers(subject: str) -> list[str]:
    """app/models/ticket/number/increment.rb, check."""
    return re.findall(r"(?:(?<=\W)|^)Ticket#\s{0,2}(\d{2,48})\b", subject, re.IGNORECASE)


def own_reply(ticket: Ticket) -> bytes:
    """The trigger "auto reply (on new tickets)" as Zammad seeds it. That the number stands at the
    end, in brackets, is the default of its settings; how it is put there was not read."""
    subject = headers(ticket.first).get("subject", "")
    return (
        f"From: Helpdesk <help@desk.example>\r\nTo: {ticket.customer}\r\n"
        f"Subject: Thanks for your inquiry ({subject}) [Ticket#{ticket.number}]\r\n"
        f"Message-ID: <20261123090000.1.{ticket.number}@{FQDN}>\r\n"
        "X-Loop: yes\r\nPrecedence: bulk\r\nAuto-Submitted: auto-generated\r\n"
        "X-Auto-Response-Suppress: All\r\n\r\nThank you.\r\n"
    ).encode()


@cache
def filters() -> ModuleType:
    """config/helpdesks/zammad-untrusted/filters.py, which lies in no package."""
    file = shipped_directory("config") / "helpdesks" / "zammad-untrusted" / "filters.py"
    module = ModuleType("zammad_filters")
    # Not by an import, which would leave its bytecode among the files that are shipped.
    exec(compile(file.read_text(encoding="utf-8"), file, "exec"), module.__dict__)
    return module


PRODUCT: Final = Product(
    profile="zammad",
    take=take,
    joins=joins,
    own_reply=own_reply,
    settings=SETTINGS,
    threads="References and the same subject, or number in the subject",
    evidence="source, 6.x and 7.x",
)
UNTRUSTED: Final = Product(
    profile="zammad-untrusted",
    take=take_untrusted,
    joins=joins,
    own_reply=own_reply,
    threads=PRODUCT.threads,
    evidence=PRODUCT.evidence,
)
PRODUCTS: Final = (PRODUCT, UNTRUSTED)
