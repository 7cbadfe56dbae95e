"""A mail as it reaches a helpdesk: after a real analysis and our edits, with one profile."""

import json
import tempfile
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from mailtriage.acks.preview import preview
from mailtriage.acks.templates import Texts
from mailtriage.acks.tokens import Tokens
from mailtriage.config import Loaded, load
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.mail.fields import split_fields
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.tags.apply import apply_edits, header_names
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.model import Tier
from tests.support.office import HELP, JOE, SECRET, letter, shipped_matcher, shipped_texts


@dataclass(frozen=True, slots=True)
class Desk:
    """An installation with one mailbox that feeds the helpdesk of one profile."""

    loaded: Loaded
    analyst: Analyst
    texts: Texts

    def analyse(self, raw: bytes, *, rcpt: str = HELP, sender: str = JOE) -> Analysis:
        """What is made of a mail that comes from outside."""
        read = partial(
            read_message,
            raw,
            envelope=Envelope(sender, (rcpt,)),
            client=Client("198.51.100.7", "mail.customer.example"),
        )
        return self.analyst.analyse(
            read, header_names(raw), body=raw[split_fields(raw)[1] :], quote=True
        )

    def finished(self, raw: bytes, *, rcpt: str = HELP, sender: str = JOE) -> bytes:
        """The mail as the helpdesk gets it."""
        return apply_edits(raw, self.analyse(raw, rcpt=rcpt, sender=sender).edits)

    def recipients(self, raw: bytes, *, rcpt: str = HELP, sender: str = JOE) -> list[str]:
        """Who gets the mail in the end, but for the hidden recipient."""
        changes = self.analyse(raw, rcpt=rcpt, sender=sender).edits.reroute
        return [change.new for change in changes if change.old == rcpt] or [rcpt]

    def acknowledgement(self, raw: bytes, *, rcpt: str = HELP, sender: str = JOE) -> bytes:
        """Our acknowledgement of a mail; empty when there is none."""
        plan = self.analyse(raw, rcpt=rcpt, sender=sender).plan
        found = preview(plan, self.texts) if plan is not None else None
        return found.message if found is not None else b""


@cache
def desk(profile: str, settings: str = "", **mailbox: object) -> Desk:
    """An installation for that profile. `settings`: more of mailtriage.toml, such as
    [profiles.NAME]; `mailbox`: keys of the mailbox (`routes` is a string of TOML: a table inline).
    """
    keys = {key: value for key, value in mailbox.items() if key != "routes"}
    lines = [
        "[authentication]",
        'trusted_authserv_ids = ["mx.desk.example"]',
        f'[mailboxes."{HELP}"]',
        f'profile = "{profile}"',
        *(f"{key} = {json.dumps(value)}" for key, value in keys.items()),
        *([f"routes = {mailbox['routes']}"] if "routes" in mailbox else []),
        settings,
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "mailtriage.toml")
        file.write_text("\n".join(lines), encoding="utf-8")
        loaded = load([file])
    texts, customers = shipped_texts(), FixedCustomers({JOE: Tier.STANDARD})
    analyst = Analyst(loaded.config, shipped_matcher(), customers, Tokens(SECRET), texts=texts)
    return Desk(loaded, analyst, texts)


def finished(profile: str, raw: bytes, settings: str = "", **mailbox: object) -> bytes:
    """The mail, sent by Joe to help@desk.example, as the helpdesk of that profile gets it."""
    return desk(profile, settings, **mailbox).finished(raw)


URGENT = letter(
    "Smoke comes out of the charger that you delivered, the house is full of it!\n",
    subject="Charger on fire",
)
HIGH = letter(
    "The internet has been down since yesterday and I cannot work. Please repair it.\n",
    subject="No connection",
)
NORMAL = letter(
    "Could you send me the invoice for October once more? I cannot find the PDF.\n",
    subject="Invoice for October",
)
LOW = letter("Thank you so much, everything arrived safely.\n", subject="Thank you")
GERMAN = letter(
    "Guten Tag, bitte schicken Sie mir die Rechnung für Oktober noch einmal zu. Vielen Dank.\n",
    subject="Rechnung Oktober",
)
LEVELS = {"urgent": URGENT, "high": HIGH, "normal": NORMAL, "low": LOW}
"""A mail of each priority."""
