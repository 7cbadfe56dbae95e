"""Updates and surveys with a real Postfix: from the customer's mail to what he hears days later.

Time is made to pass by moving what the desk has written down into the past.
"""

import re
import time
from collections.abc import Iterator
from contextlib import closing
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default

import pytest

from mailtriage.acks.returns import read_return_address
from mailtriage.state.sqlite import immediate, open_database
from tests.support.replies import answer
from tests.support.serve import wait_for
from tests.support.sink import Delivery
from tests.support.site import HELP, VOUCH, Customer, Site, is_ack, running_site, why_not

pytestmark = pytest.mark.e2e

DOMAIN = "triage.desk.example"
TOML = f"""
updates = "send"
survey = "send"
calendar = "always"
[mailboxes."quiet@desk.example"]
calendar = "always"
[return_addresses]
domain = "{DOMAIN}"
[updates]
hours = "00:00-24:00"
quiet = "1m"
[surveys]
after = "1h"
[ack.limits]
cool_down = "0s"
[calendars.always]
timezone = "Europe/Berlin"
""" + "".join(
    f'{day} = "00:00-24:00"\n'
    for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
)
HOURS = 3600.0


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """For all tests of this file."""
    if reason := why_not():
        pytest.skip(reason)
    with running_site(toml=TOML, main=VOUCH) as running:
        yield running


@pytest.fixture(autouse=True)
def logs_of_failures(site: Site, request: pytest.FixtureRequest) -> Iterator[None]:
    """What was logged during a test that failed is shown with it."""
    before, failed = (len(site.service.log()), len(site.postfix.log())), request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        print(site.service.log()[before[0] :], site.postfix.log()[before[1] :][-8000:], sep="\n")


def parsed(delivery: Delivery) -> EmailMessage:
    return BytesParser(policy=default).parsebytes(delivery.content)


def text_of(delivery: Delivery) -> str:
    body = parsed(delivery).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def pass_time(site: Site, seconds: float, *, promised_in: float = 0.0) -> None:
    """So much time passes for all that is kept; `promised_in`: when the promise is over, then."""
    with closing(open_database(site.state)) as connection, immediate(connection):
        for column in ("began", "last_activity", "answered", "acknowledged"):
            connection.execute(
                f"UPDATE conversation SET {column} = {column} - ? WHERE {column} > 0", (seconds,)
            )
        connection.execute("UPDATE mail SET at = at - ?", (seconds,))
        connection.execute("UPDATE ack SET at = at - ?, sent = sent - ?", (seconds, seconds))
        by = time.time() + promised_in
        if promised_in:
            connection.execute("UPDATE conversation SET promised = ?", (by,))
            connection.execute("UPDATE follow_up SET told = ?", (by,))
        connection.execute(
            "UPDATE follow_up SET since = since - :s, due = 0,"
            " plan = json_set(plan, '$.received', json_extract(plan, '$.received') - :s)",
            {"s": seconds},
        )


def kept(site: Site) -> int:
    """Rows that hold an address for what may follow."""
    with closing(open_database(site.state, read_only=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM follow_up").fetchone()[0])


def mails_to(site: Site, customer: Customer, number: int) -> list[Delivery]:
    """All that this customer got from us, once there are so many."""

    def ours() -> list[Delivery]:
        return [one for one in site.world.to(customer.address) if is_ack(one)]

    site.world.wait(lambda _: len(ours()) >= number, 90)
    return ours()


@pytest.fixture(scope="module")
def story(site: Site) -> tuple[Customer, list[Delivery]]:
    """A mail, its acknowledgement, an update, an answer, a survey."""
    customer = site.customer()
    site.write(customer)
    ack = site.wait_for_ack(customer.address)
    site.settle()
    pass_time(site, 9 * HOURS, promised_in=HOURS / 2)
    mails_to(site, customer, 2)
    wait_for(lambda: "kind=update result=sent" in site.service.log(), "the settled update", 60)
    reply = f"To: {customer.address}\r\nFrom: {HELP}\r\nMessage-ID: <agent-1@desk.example>\r\n"
    reply += (
        f"In-Reply-To: {customer.message_id}\r\nSubject: Re: yours\r\n\r\nIt is on its way.\r\n"
    )
    site.agent_writes(reply.encode(), customer.address)
    site.logged("event=desk ", "outcome=answered")
    pass_time(site, 2 * HOURS)
    mails = mails_to(site, customer, 3)
    assert mails[0].content == ack.content
    return customer, mails


def test_before_the_promise_slips_the_customer_is_told(
    site: Site, story: tuple[Customer, list[Delivery]]
) -> None:
    customer, (ack, update, _) = story
    mail, first = parsed(update), parsed(ack)
    moments = re.findall(r"\w+day, \d+ \w+ \d{4} at \d\d:\d\d", text_of(update))
    assert len(set(moments)) == 3, "when it came, what was promised, and what is now"
    assert mail["From"] == first["From"]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Subject"] == f"Re: Where is my parcel {customer.number}?"
    assert mail["In-Reply-To"] == customer.message_id
    assert mail["References"].split() == [customer.message_id, first["Message-ID"]]
    assert not [name for name in mail if name.lower().startswith("list-")]


def test_what_cannot_be_delivered_comes_back_to_an_address_of_its_own(
    site: Site, story: tuple[Customer, list[Delivery]]
) -> None:
    _, (ack, *others) = story
    assert ack.sender == ""
    for mail in others:
        what = read_return_address(site.tokens, DOMAIN, mail.sender)
        assert what is not None
        assert what.kind == "bounce"
        assert "NOTIFY=FAILURE" in mail.parameters


def test_both_are_signed(site: Site, story: tuple[Customer, list[Delivery]]) -> None:
    for mail in story[1]:
        assert site.signer.verdict(mail.content).endswith("succeeded")


def test_after_the_answer_the_customer_is_asked(
    site: Site, story: tuple[Customer, list[Delivery]]
) -> None:
    survey = story[1][2]
    urls = re.findall(r"mailto:(\S+?)\?subject=\S+", text_of(survey))
    found = [read_return_address(site.tokens, DOMAIN, url) for url in urls]
    votes = [what.vote for what in found if what is not None and what.kind == "vote"]
    assert votes == [5, 4, 3, 2, 1]
    refuse = parsed(survey)["List-Unsubscribe"]
    assert refuse.startswith("<mailto:o1.")
    assert "\nList-Unsubscribe-Post" not in survey.content.decode()


def test_then_the_address_is_kept_no_longer(
    site: Site, story: tuple[Customer, list[Delivery]]
) -> None:
    customer, _ = story
    wait_for(lambda: kept(site) == 0, "an empty table", 90)
    with closing(open_database(site.state, read_only=True)) as connection:
        dump = "\n".join(
            str(row)
            for table in ("follow_up", "outbox", "survey", "conversation")
            for row in connection.execute(f"SELECT * FROM {table}")
        )
    assert customer.address not in dump
    assert customer.address not in site.service.log()


def test_an_answer_to_an_update_belongs_to_the_same_conversation(
    site: Site, story: tuple[Customer, list[Delivery]]
) -> None:
    customer, (_, update, _) = story

    def conversations() -> int:
        with closing(open_database(site.state, read_only=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM conversation").fetchone()[0])

    before = conversations()
    mail = answer(customer, update, 77)
    # As programs that keep nothing but the mail that is answered.
    mail = re.sub(rb"References: [^\n]*\n", b"", mail)
    site.write(customer, mail)
    site.settle()
    assert conversations() == before


def test_who_was_answered_hears_of_no_slip(site: Site) -> None:
    customer = site.customer()
    site.write(customer)
    site.wait_for_ack(customer.address)
    reply = f"To: {customer.address}\r\nFrom: {HELP}\r\nMessage-ID: <agent-2@desk.example>\r\n"
    reply += (
        f"In-Reply-To: {customer.message_id}\r\nSubject: Re: yours\r\n\r\nIt is on its way.\r\n"
    )
    site.agent_writes(reply.encode(), customer.address)
    site.settle()
    pass_time(site, 0.5 * HOURS, promised_in=60.0)
    with closing(open_database(site.state, read_only=True)) as connection:
        wait_for(
            lambda: connection.execute("SELECT min(due) FROM follow_up").fetchone()[0] != 0,
            "a look at it",
            60,
        )
    site.settle()
    assert len([one for one in site.world.to(customer.address) if is_ack(one)]) == 1


def test_where_nothing_is_switched_on_nothing_is_kept(site: Site) -> None:
    customer, before = site.customer(), kept(site)
    site.write(customer, customer.mail(to="quiet@desk.example"), to="quiet@desk.example")
    site.wait_for_ack(customer.address)
    assert kept(site) == before
