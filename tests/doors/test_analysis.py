"""The one code path of every door: read, judge, edit, and never fail."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.config import load
from mailtriage.doors.analysis import Analysis, Analyst, direction, fail_open
from mailtriage.mail.model import Client, Envelope, Mail
from mailtriage.mail.read import read_message
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.tags.apply import header_names
from mailtriage.tags.model import Deletion, Status
from mailtriage.tags.vocabulary import NAMES
from mailtriage.triage.customer import CustomerList, FixedCustomers
from mailtriage.triage.model import Direction, Tier

CONFIG = """
[networks]
outbound = ["192.0.2.0/24", "2001:db8::/32"]
[mailboxes."help@desk.example"]
[mailboxes."sales@desk.example"]
skills = ["sales"]
"""

POLICY = """
skill = "{name}"
signal = [{{ id = "{name}-word", weight = 3, words.any = ["{word}"] }}]
"""

FORGED = b"""\
From: anna@customer.example
X-Mailtriage-Skill: sales
x-mailtriage-skill: sales
X-Mailtriage: v=1;
Subject: My invoice

Please send me the invoice again, I cannot find it in my mailbox any more.
"""
CUSTOMER = Client("198.51.100.7")
DELETIONS = (
    Deletion("x-mailtriage-skill", 2),
    Deletion("x-mailtriage-skill", 1),
    Deletion("x-mailtriage", 1),
)


class BrokenCustomers:
    """A customer list with a bug."""

    def tier(self, keys: tuple[str, ...]) -> tuple[Tier, str]:
        raise RuntimeError(f"no tier for {keys}")


MakeAnalyst = Callable[..., Analyst]


@pytest.fixture
def analyst(tmp_path: Path) -> MakeAnalyst:
    (tmp_path / "mailtriage.toml").write_text(CONFIG)
    for name, word in (("billing", "invoice"), ("sales", "offer")):
        (tmp_path / "policies").mkdir(exist_ok=True)
        (tmp_path / "policies" / f"{name}.toml").write_text(POLICY.format(name=name, word=word))
    config = load([tmp_path / "mailtriage.toml"]).config
    matcher = Matcher(load_policies([tmp_path / "policies"])[0])

    def make(customers: CustomerList | None = None) -> Analyst:
        return Analyst(config, matcher, customers or FixedCustomers({}))

    return make


def analyse(
    analyst: Analyst,
    raw: bytes = FORGED,
    *,
    recipients: tuple[str, ...] = ("help@desk.example",),
    client: Client = CUSTOMER,
) -> Analysis:
    envelope = Envelope("anna@customer.example", recipients)
    return analyst.analyse(
        lambda: read_message(raw, envelope=envelope, client=client), header_names(raw)
    )


def test_a_mail_is_judged_and_gets_its_edits(analyst: MakeAnalyst) -> None:
    found = analyse(analyst())
    assert (found.status, found.triage.skill, found.detail) == (Status.OK, "billing", "")
    assert found.edits.delete == DELETIONS
    assert tuple(name for name, _ in found.edits.insert) == NAMES
    assert found.mail is not None
    assert found.milliseconds > 0


@pytest.mark.parametrize(
    ("recipients", "skill"),
    [
        (("help@desk.example",), "billing"),
        (("sales@desk.example",), "general"),
        (("x@other.example", "sales@desk.example"), "general"),
        (("help@desk.example", "sales@desk.example"), "billing"),
        (("nobody@desk.example",), "billing"),
        ((), "billing"),
    ],
)
def test_the_first_service_mailbox_says_which_skills_there_are(
    analyst: MakeAnalyst, recipients: tuple[str, ...], skill: str
) -> None:
    assert analyse(analyst(), recipients=recipients).triage.skill == skill


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"From: anna@customer.example\n\n",
        b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIIB\n",
        b"Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0=\n",
    ],
)
def test_a_mail_without_readable_text_is_tagged_unread(analyst: MakeAnalyst, raw: bytes) -> None:
    found = analyse(analyst(), raw)
    assert found.status is Status.UNREAD
    assert dict(found.edits.insert)["X-Mailtriage-Status"] == "unread"


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (Client("198.51.100.7"), Direction.INBOUND),
        (Client("2001:db9::1"), Direction.INBOUND),
        (Client(""), Direction.INBOUND),
        (Client("not an address"), Direction.INBOUND),
        (Client("192.0.2.9"), Direction.OUTBOUND),
        (Client("2001:db8::1"), Direction.OUTBOUND),
        (Client("198.51.100.7", login="agent"), Direction.OUTBOUND),
        (Client("", protocol="local"), Direction.OUTBOUND),
    ],
)
def test_the_direction_of_a_client(
    analyst: MakeAnalyst, client: Client, expected: Direction
) -> None:
    assert direction(analyst().config, client) is expected


def test_outbound_mail_only_loses_forged_fields(analyst: MakeAnalyst) -> None:
    found = analyse(analyst(), client=Client("192.0.2.9"))
    assert found.edits.delete == DELETIONS
    assert found.edits.insert == ()
    assert found.triage.skill == "billing"


def test_a_fault_lets_the_mail_pass_with_forged_fields_gone(analyst: MakeAnalyst) -> None:
    found = analyse(analyst(BrokenCustomers()))
    assert found.status is Status.ERROR
    assert found.edits.delete == DELETIONS
    fields = dict(found.edits.insert)
    assert (fields["X-Mailtriage-Status"], fields["X-Mailtriage-Skill"]) == ("error", "general")
    assert fields["X-Mailtriage-Score"] == "040"


def test_the_detail_of_a_fault_names_its_place_and_quotes_nothing(analyst: MakeAnalyst) -> None:
    found = analyse(analyst(BrokenCustomers()))
    assert found.detail.startswith("RuntimeError ")
    assert found.detail.rpartition(":")[2].isdigit()
    assert "anna" not in repr((found.detail, found.edits, found.triage))


def test_a_fault_on_outbound_mail_adds_nothing_either(analyst: MakeAnalyst) -> None:
    found = analyse(analyst(BrokenCustomers()), client=Client("192.0.2.9"))
    assert (found.status, found.edits.insert) == (Status.ERROR, ())
    assert found.edits.delete == DELETIONS


def test_a_fault_while_reading_lets_the_mail_pass_too(analyst: MakeAnalyst) -> None:
    def read() -> Mail:
        raise RecursionError("in the middle of a secret")

    found = analyst().analyse(read, header_names(FORGED))
    assert (found.status, found.mail) == (Status.ERROR, None)
    assert found.edits.delete == DELETIONS
    assert "secret" not in found.detail


def test_the_limits_are_those_of_the_configuration(analyst: MakeAnalyst) -> None:
    made = analyst()
    assert made.limits.max_scan_bytes == made.config.milter.max_scan_bytes


@pytest.mark.parametrize("status", [Status.TIMEOUT, Status.OVERLOAD, Status.ERROR])
def test_fail_open_is_neutral_and_says_why(status: Status) -> None:
    found = fail_open(["X-Mailtriage"], status)
    assert found.edits.delete == (Deletion("x-mailtriage", 1),)
    assert dict(found.edits.insert)["X-Mailtriage-Status"] == status
    assert fail_open(["To"], status, direction=Direction.OUTBOUND).edits.insert == ()
