"""Hosted helpdesks that get forwarded mail: one table each for routing, loops and threads.

They are known from their documentation alone (tests/helpdesks/products/*.py say which pages). These
tests hold our finished mail to what is written there, and to the worst where nothing is.
"""

import re
from email import message_from_bytes
from pathlib import Path

import pytest

from mailtriage.config import load
from mailtriage.config.profile_file import shipped_profile
from mailtriage.shipped import shipped_directory
from tests.helpdesks.finished import GERMAN, HIGH, LEVELS, NORMAL, desk, finished
from tests.helpdesks.product import Product, Ticket
from tests.helpdesks.products import (
    freshdesk,
    front,
    gmail,
    helpscout,
    hubspot,
    intercom,
    jira,
    zendesk,
)
from tests.support.office import HELP, JOE, letter

PRODUCTS = [
    module.PRODUCT
    for module in (zendesk, freshdesk, helpscout, jira, hubspot, front, intercom, gmail)
]
WE_ACKNOWLEDGE = {"zendesk", "jira-service-management", "front", "intercom", "gmail"}
"""Where both is documented: how an answer finds its ticket, and that the helpdesk can be silent."""

ROUTES = '{ billing-de = "billing-de@desk.example", billing = "billing@desk.example" }'

pages = pytest.mark.parametrize("name", [*(product.profile for product in PRODUCTS), "exchange"])
each = pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.profile)


def ticket_of(product: Product, raw: bytes = NORMAL) -> Ticket:
    """The ticket that a mail of Joe's has opened."""
    return Ticket(first=finished(product.profile, raw), number="4711", customer=JOE)


def answer(to: bytes, *, references: bool = True, sender: str = JOE) -> bytes:
    """What a mail program makes of "reply"; without `references` one that names the last mail only."""
    mail = message_from_bytes(to)
    subject = str(mail["Subject"])
    known = f"{mail.get('References', '')} {mail['Message-ID']}".strip()
    more = f"In-Reply-To: {mail['Message-ID']}\nReferences: {known if references else mail['Message-ID']}"
    raw = letter(
        "Here is what I forgot.\n",
        subject=subject if subject.lower().startswith("re:") else f"Re: {subject}",
        message_id="<m2@customer.example>",
        more=more,
    )
    return raw.replace(f"<{JOE}>".encode(), f"<{sender}>".encode())


@each
def test_nothing_is_added_for_them_and_nothing_repaired(product: Product) -> None:
    """None of them is documented to read a header of its own; a changed References would break the
    sender's DKIM signature on the way."""
    profile = shipped_profile(product.profile)
    assert profile is not None
    assert (profile.tested, profile.routing) == ("documentation", "recipient")
    assert (profile.sent, profile.silence, profile.strips, profile.repair) == ((), (), (), "off")


@each
@pytest.mark.parametrize("raw", LEVELS.values(), ids=LEVELS)
def test_a_customers_mail_becomes_a_ticket(product: Product, raw: bytes) -> None:
    taken = product.take(finished(product.profile, raw), HELP)
    assert taken.accepted
    assert not taken.robot


@each
@pytest.mark.parametrize("raw", [*LEVELS.values(), GERMAN], ids=[*LEVELS, "german"])
def test_the_mail_itself_stays_as_the_sender_signed_it(product: Product, raw: bytes) -> None:
    assert finished(product.profile, raw).endswith(raw)


@each
def test_so_does_an_answer_to_our_acknowledgement(product: Product) -> None:
    answered = answer(desk(product.profile, ack="send").acknowledgement(NORMAL))
    assert finished(product.profile, answered, ack="send").endswith(answered)


@each
@pytest.mark.parametrize(
    ("raw", "address"),
    [(GERMAN, "billing-de@desk.example"), (NORMAL, "billing@desk.example"), (HIGH, HELP)],
    ids=["skill and language", "skill", "no route: where it was sent"],
)
def test_each_skill_has_its_address(product: Product, raw: bytes, address: str) -> None:
    routed = desk(product.profile, route="recipient", routes=ROUTES)
    (recipient,) = routed.recipients(raw)
    assert recipient == address
    queue = product.take(routed.finished(raw), recipient).queue
    assert queue == ("" if address == HELP else address)


@each
def test_who_acknowledges(product: Product) -> None:
    ours = desk(product.profile).acknowledgement(NORMAL)
    tag = message_from_bytes(finished(product.profile, NORMAL))["X-Mailtriage-Ack"]
    if product.profile in WE_ACKNOWLEDGE:
        assert ours
        assert tag == "sent"
    else:
        assert not ours
        assert tag == "delegated"


@each
def test_an_answer_to_our_acknowledgement_joins_the_ticket(product: Product) -> None:
    """Where it is not known to, we do not acknowledge."""
    acknowledgement = desk(product.profile, ack="send").acknowledgement(NORMAL)
    answered = finished(product.profile, answer(acknowledgement), ack="send")
    joined = product.joins(answered, ticket_of(product))
    assert joined == (product.profile in WE_ACKNOWLEDGE | {"freshdesk"})


@each
def test_an_answer_that_has_lost_its_references_opens_another(product: Product) -> None:
    """The price of not repairing, which README.md names."""
    acknowledgement = desk(product.profile, ack="send").acknowledgement(NORMAL)
    answered = finished(product.profile, answer(acknowledgement, references=False), ack="send")
    assert not product.joins(answered, ticket_of(product))


@each
def test_another_mail_of_the_same_customer_is_a_ticket_of_its_own(product: Product) -> None:
    other = letter(subject="Opening hours", message_id="<m3@customer.example>")
    assert not product.joins(finished(product.profile, other), ticket_of(product))


@pytest.mark.parametrize(
    "product", [zendesk.PRODUCT, freshdesk.PRODUCT], ids=["zendesk", "freshdesk"]
)
def test_an_answer_to_the_helpdesks_own_mail_joins(product: Product) -> None:
    ticket = ticket_of(product)
    assert product.own_reply is not None
    own = product.own_reply(ticket)
    quoted = answer(own) + b"> " + own.partition(b"\r\n\r\n")[2]
    assert product.joins(finished(product.profile, quoted), ticket)


@pytest.mark.parametrize(
    "product",
    [zendesk.PRODUCT, freshdesk.PRODUCT],
    ids=["zendesk", "freshdesk"],
)
def test_a_stranger_does_not_get_into_a_ticket_by_its_message_id(product: Product) -> None:
    ticket = ticket_of(product)
    foreign = answer(ticket.first, sender="eve@elsewhere.example")
    assert not product.joins(finished(product.profile, foreign), ticket)


@pytest.mark.parametrize(
    "subject", ["Re: [#4711] Ticket received", "Re: [#Acme-4711] Ticket received"]
)
def test_freshdesks_number_in_a_subject_is_a_follow_up(subject: str) -> None:
    """Also where a mailbox acknowledges by itself."""
    raw = letter(subject=subject)
    assert desk("freshdesk", ack="send").acknowledgement(NORMAL)
    assert not desk("freshdesk", ack="send").acknowledgement(raw)
    assert freshdesk.joins(finished("freshdesk", raw), ticket_of(freshdesk.PRODUCT))


@pytest.mark.parametrize("subject", ["Re: SUP-4711 Where is my parcel?", "SUP-4711"])
def test_jiras_key_in_a_subject_counts_for_those_involved(subject: str) -> None:
    ticket = ticket_of(jira.PRODUCT)
    raw = letter(subject=subject, message_id="<m4@customer.example>")
    assert jira.joins(finished("jira-service-management", raw), ticket)
    foreign = raw.replace(f"<{JOE}>".encode(), b"<eve@elsewhere.example>")
    assert not jira.joins(finished("jira-service-management", foreign), ticket)


@each
def test_our_acknowledgement_is_no_ticket_of_another_helpdesk(product: Product) -> None:
    """Two helpdesks that write to each other. Where its rules were not found, what RFC 3834 asks of
    every responder is assumed."""
    acknowledgement = desk("zendesk").acknowledgement(NORMAL)
    assert product.take(b"Return-Path: <>\r\n" + acknowledgement, HELP).robot


@pytest.mark.parametrize(
    ("product", "mark"),
    [
        (zendesk.PRODUCT, "Auto-Submitted: auto-replied"),
        (zendesk.PRODUCT, "X-Auto-Response-Suppress: All"),
        (zendesk.PRODUCT, "X-Vacation-Message: yes"),
        (zendesk.PRODUCT, "X-Note: I am out of the office"),
        (jira.PRODUCT, "Auto-Submitted: auto-generated"),
        (jira.PRODUCT, "Auto-Submitted: auto-notified"),
        (jira.PRODUCT, "Precedence: bulk"),
        (jira.PRODUCT, "Return-Path: <>"),
        (jira.PRODUCT, "X-JIRA-FingerPrint: 0"),
    ],
    ids=lambda value: value.profile if isinstance(value, Product) else value,
)
def test_documented_marks_of_robots_pass_us_unchanged(product: Product, mark: str) -> None:
    """We take none away, so that its own rules keep working; and add none (the tests above)."""
    taken = product.take(finished(product.profile, letter(more=mark)), HELP)
    assert not taken.accepted
    assert taken.robot


def test_no_rule_of_ours_is_named_like_an_absence() -> None:
    """Zendesk suspends mail with such words in any header, and X-Mailtriage-Why has our ids."""
    files = sorted(shipped_directory("policies").glob("*/*.toml"))
    texts = [file.read_text(encoding="utf-8") for file in files]
    named = {name for text in texts for name in re.findall(r'^id = "([^"]+)"', text, re.MULTILINE)}
    assert len(named) > 100
    assert [name for name in named if zendesk._AWAY.search(f"X-Mailtriage-Why: {name}")] == []


@pytest.mark.parametrize("local_part", ["info", "sales", "billing"])
def test_hubspot_filters_customers_who_write_from_a_role(local_part: str) -> None:
    """Nothing of ours can change that, which README.md says."""
    raw = letter().replace(f"<{JOE}>".encode(), f"<{local_part}@customer.example>".encode())
    assert not hubspot.take(finished("hubspot", raw), HELP).accepted


def _gmail_patterns() -> list[str]:
    text = (shipped_directory("config") / "helpdesks" / "gmail" / "README.md").read_text("utf-8")
    return re.findall(r"^ {7}(X-Mailtriage\S*: .+)$", text, re.MULTILINE)


def test_the_patterns_for_workspace_find_what_they_say() -> None:
    """RE2 is a subset of what Python has; the full header is taken as one text."""
    assert len(_gmail_patterns()) == 3
    urgent = finished("gmail", LEVELS["urgent"]).decode()
    german = finished("gmail", GERMAN).decode()
    found = [
        (bool(re.search(pattern, urgent)), bool(re.search(pattern, german)))
        for pattern in _gmail_patterns()
    ]
    assert found == [(True, False), (False, True), (False, True)]


def test_a_forged_field_is_found_by_none_of_them() -> None:
    more = (
        "X-Mailtriage-Priority: urgent\nX-Mailtriage-Language: de\nx-mailtriage-route: billing-de"
    )
    forged = finished("gmail", letter(more=more)).decode()
    assert [pattern for pattern in _gmail_patterns() if re.search(pattern, forged)] == []


@pages
def test_its_page_says_that_nobody_has_run_it(name: str) -> None:
    """test_recipes.py has what else holds for a page."""
    text = (shipped_directory("config") / "helpdesks" / name / "README.md").read_text("utf-8")
    tested = text.partition("## What was tested")[2]
    assert "Nobody has run" in " ".join(tested.split())


@pages
def test_its_lines_of_configuration_give_each_language_its_own_address(
    name: str, tmp_path: Path
) -> None:
    text = (shipped_directory("config") / "helpdesks" / name / "README.md").read_text("utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    file = tmp_path / "mailtriage.toml"
    trusted = '[authentication]\ntrusted_authserv_ids = ["mx.desk.example"]\n'
    file.write_text(trusted + block, encoding="utf-8")
    loaded = load([file])
    assert loaded.problems == ()
    (mailbox,) = loaded.config.mailboxes.mailboxes
    assert mailbox.profile == name
    assert mailbox.route_to("billing", "de") != mailbox.route_to("billing", "en")
