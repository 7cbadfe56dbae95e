"""The acknowledgement of `mailtriage ack` and `explain` is the one that goes out."""

from functools import partial
from pathlib import Path

import pytest

from mailtriage.acks.compose import ComposeError
from mailtriage.acks.plan import Plan
from mailtriage.acks.preview import preview
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.tags.apply import header_names
from tests.support.office import BASE, HELP, JOE, ONE_MAILBOX, Office, letter, open_office

HOURS = '[calendars.desk]\ntimezone = "Europe/Stockholm"\ncountry = "SE"\n'


def planned(office: Office, raw: bytes, sender: str = JOE) -> Plan:
    read = partial(
        read_message, raw, envelope=Envelope(sender, (HELP,)), client=Client("198.51.100.7")
    )
    found = office.analyst.analyse(read, header_names(raw)).plan
    assert found is not None
    return found


def test_it_is_what_the_desk_sends(tmp_path: Path) -> None:
    with open_office(tmp_path, ONE_MAILBOX + HOURS) as office:
        assert office.analyst.texts is not None
        made = preview(planned(office, letter()), office.analyst.texts)
        office.deliver(office.take(letter()).copy())
        (sent,) = office.send_all()
    assert made is not None
    shown = made.parsed
    for name in ("From", "To", "Subject", "Message-ID", "In-Reply-To", "Content-Language"):
        assert shown[name] == sent[name], name
    assert made.order.to == JOE
    assert made.text.startswith("Hello,\n")
    assert made.by is not None
    assert made.by.tzname() in ("CET", "CEST")
    assert made.by.timestamp() == made.order.by
    assert f"{made.by:%H:%M}" in made.text


def test_the_text_is_read_as_the_customer_reads_it(tmp_path: Path) -> None:
    raw = letter(
        "Guten Tag,\nich warte seit zwei Wochen auf mein Paket und finde die Rechnung nicht.\n",
        subject="Wo bleibt mein Paket?",
    )
    with open_office(tmp_path) as office:
        assert office.analyst.texts is not None
        made = preview(planned(office, raw), office.analyst.texts)
    assert made is not None
    assert made.parsed["Content-Language"] == "de"
    assert "\r" not in made.text
    assert "=C3" not in made.text


@pytest.mark.parametrize(
    ("mode", "raw", "made"),
    [
        ("send", letter(), True),
        ("deferred", letter(), True),
        ("delegate", letter(), False),
        ("off", letter(), False),
        ("send", letter(more="Auto-Submitted: auto-replied"), False),
    ],
)
def test_only_what_would_be_sent_is_shown(
    tmp_path: Path, mode: str, raw: bytes, *, made: bool
) -> None:
    with open_office(tmp_path, f'{ONE_MAILBOX}ack = "{mode}"\n') as office:
        assert office.analyst.texts is not None
        assert (preview(planned(office, raw), office.analyst.texts) is not None) is made


def test_a_mailbox_that_cannot_write_is_told(tmp_path: Path) -> None:
    toml = BASE + '[mailboxes."help@desk.example"]\nfrom = "hjälp@desk.example"\n'
    with open_office(tmp_path, toml) as office:
        assert office.analyst.texts is not None
        with pytest.raises(ComposeError, match="cannot send mail"):
            preview(planned(office, letter()), office.analyst.texts)
