"""Documents that give every key there is: what is left out of them no test looks at.

`test_readers` holds policies and profiles to that; for the configuration it is
tests/config/test_reference.py.
"""

import tomllib
from pathlib import Path
from typing import Any

from mailtriage.reference.settings import read_reference

ROOT = Path(__file__).resolve().parents[2]

CONFIGURATION = """
[profiles.zammad.headers]
language = "X-Zammad-Ticket-Language"
[profiles.zammad.map.queue]
default = "Users"
[mailboxes."help@desk.example".routes]
billing = "billing@desk.example"
[calendars.main.special]
2026-12-31 = "09:00-12:00"
"""

SIGNALS = """
[[signal]]
id = "words"
weight = 2.5
max_hits = 2
where = ["subject", "body", "attachment"]
words.sv = ["faktur*"]
words.any = ["invoice"]
[[signal]]
id = "near"
weight = -2
within = 6
near.en = { a = ["wrong"], b = ["amount*"] }
[[signal]]
id = "regex"
weight = 1.5
regex = 'OCR \\d+'
guard = ["ocr"]
[[signal]]
id = "header"
weight = 1
header = { name = "X-Foo", present = true, contains = ["bar"] }
[[signal]]
id = "recipient"
weight = 1
recipient = ["billing@*"]
[[signal]]
id = "sender"
weight = 1
sender = ["*@partner.example"]
[[signal]]
id = "attachment"
weight = 1
attachment = { type = ["application/pdf"], name = ["*faktura*"] }
[[test]]
name = "one"
subject = "Fel belopp"
body = "Hej"
language = "sv"
sender = "anna@customer.example"
recipient = "help@desk.example"
headers = { List-Id = "<x>" }
attachments = ["faktura.pdf"]
[test.expect]
skill = "billing"
not_skill = "sales"
topic = "invoice"
language = "sv"
skills = ["billing"]
signals = ["words"]
not_signals = ["near"]
priority = "high"
mood = "neutral"
churn = "low"
kind = "human"
thread = "new"
"""

HEADS = {
    "skill": 'format = 1\nskill = "billing"\ndescription = "x"\nthreshold = 3.0\nmargin = 0.5\n',
    "priority": """
        format = 1
        facet = "priority"
        description = "x"
        base = 40
        levels = { urgent = 80, high = 60, normal = 20 }
        adjust = { tier-vip = 15, skill-billing = 5 }
    """,
    "mood": 'format = 1\nfacet = "mood"\ndescription = ""\nlevels = { positive = 2, negative = -2 }\n',
    "churn": 'format = 1\nfacet = "churn"\ndescription = ""\nlevels = { high = 3, medium = 1 }\n',
    "kind": """
        format = 1
        facet = "kind"
        description = "x"
        levels = { machine = 1, bounce = 1, list = 1 }
    """,
    "thread": 'format = 1\nfacet = "thread"\ndescription = "x"\nlevels = { chaser = 1 }\n',
}
MORE = {
    "skill": {"topic": "invoice"},
    "priority": {"floor": 85},
    "kind": {"kind": "machine"},
}
"""Keys that the signals of some facets have besides."""
SHORT = ("mood", "churn", "thread")
"""Facets whose signals are those of a skill without a topic: two of them will do."""

PROFILE = """
base = "generic"
title = "Ours"
tested = "source"
versions = "4.2"
routing = "headers"
encoded_words = true
metacharacters = false
[mailbox]
ack = "send"
subject_style = "marker"
repair = "off"
[inbound]
strip = ["X-Desk-*"]
header_checks = ["X-Desk-*"]
subject_tokens = ["[desk #{number}]"]
message_ids = ["desk-*@*"]
[silence]
X-Desk-Quiet = "yes"
[emit.priority]
header = "X-Desk-Priority"
from = "priority"
value = "p-{}"
map = { urgent = "1", default = "3" }
needs_map = true
unmapped = "leave-out"
since = "4.0"
[emit.queue]
header = "X-Desk-Queue"
from = "route"
map = { billing-de = "Abrechnung" }
[pipe]
command = ["/usr/bin/desk-gate", "--queue={queue:General}"]
"""


def configuration() -> dict[str, Any]:
    """The reference with every setting given."""
    text = (ROOT / "config" / "mailtriage.toml").read_text(encoding="utf-8")
    document = tomllib.loads(read_reference(text).uncommented)
    merge(document, tomllib.loads(CONFIGURATION))
    return document


def policy(of: str) -> dict[str, Any]:
    """A policy with every key; `of` is "skill" or a facet."""
    document = tomllib.loads(HEADS[of] + SIGNALS)
    if of in SHORT:
        del document["signal"][2:], document["test"]
    for signal in document["signal"]:
        signal |= MORE.get(of, {})
    return document


def profile() -> dict[str, Any]:
    """A profile with every key."""
    return tomllib.loads(PROFILE)


def merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    """Lay one document over another, table by table."""
    for key, value in more.items():
        if isinstance(value, dict):
            merge(into.setdefault(key, {}), value)
        else:
            into[key] = value
