"""Mail that comes back to our return addresses, through a real Postfix to the desk.

The surveys are rows made by hand; each customer is a new one.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import pytest

from mailtriage.acks.returns import Kind, Return, return_address
from mailtriage.config import load
from mailtriage.state.sqlite import open_database
from tests.support.background import logs_of_a_failure
from tests.support.serve import wait_for
from tests.support.site import Customer, Site, customer_mail, running_site, why_not
from tests.support.smtp import SmtpClient

pytestmark = pytest.mark.e2e

DOMAIN: Final = "triage.desk.example"
TOML: Final = f"""
[return_addresses]
domain = "{DOMAIN}"
"""
DAY: Final = 86_400.0


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """For all tests of this file."""
    if reason := why_not():
        pytest.skip(reason)
    with running_site(toml=TOML) as running:
        wait_for(running.state.exists, "the database")
        yield running


@pytest.fixture(autouse=True)
def log_of_failures(site: Site, request: pytest.FixtureRequest) -> Iterator[None]:
    with logs_of_a_failure(request, site.postfix, site.service):
        yield


@dataclass(frozen=True)
class Survey:
    """A question that one customer was asked, and where the answers go."""

    site: Site
    customer: Customer
    key: bytes

    def address(self, kind: Kind, vote: int = 0) -> str:
        """One of its return addresses."""
        return return_address(self.site.tokens, DOMAIN, Return(kind, self.key, vote))

    def write(self, to: str, *, results: str = "", header: str = "", sender: str = "") -> None:
        """A mail of the customer's to a return address, which Postfix takes."""
        content = customer_mail(self.customer.number, to=to, results=results, header=header)
        reply = self.site.send(
            content, sender=sender or self.customer.address, to=to, client=self.customer.client
        )
        assert reply.code == 250, reply.text

    def vote(self, vote: int, *, results: str = "", header: str = "") -> None:
        """A click on one of the five links, and "send"."""
        self.write(self.address("vote", vote), results=results, header=header)

    def known(self) -> int:
        """The vote that the database has."""
        with database(self.site) as connection:
            found = connection.execute("SELECT vote FROM survey WHERE key = ?", (self.key,))
            return int(found.fetchone()[0])

    def back_in_time(self, seconds: float) -> None:
        """As if the vote had come so much earlier."""
        with database(self.site) as connection:
            connection.execute(
                "UPDATE survey SET voted = voted - :s, changed = changed - :s WHERE key = :key",
                {"s": seconds, "key": self.key},
            )


def database(site: Site) -> closing[sqlite3.Connection]:
    return closing(open_database(site.state))


@pytest.fixture
def survey(site: Site) -> Survey:
    """A customer was asked yesterday."""
    customer = site.customer()
    key = customer.number.to_bytes(16)
    address = site.tokens.pseudonym("address", customer.address)
    with database(site) as connection:
        connection.execute(
            "INSERT INTO survey (key, address, mailbox, skill, language, asked)"
            " VALUES (?, ?, 'help@desk.example', 'billing', 'en', ?)",
            (key, address, time.time() - DAY),
        )
    return Survey(site, customer, key)


def outcomes(site: Site, kind: str) -> list[str]:
    """What became of mails of that kind, in order."""
    lines = [line for line in site.service.log().splitlines() if " event=return " in line]
    return [
        line.partition(" result=")[2].partition(" ")[0]
        for line in lines
        if f" kind={kind} " in line
    ]


def becomes(site: Site, kind: str, before: list[str], *results: str) -> None:
    """The next outcomes of that kind are these."""
    wanted = [*before, *results]
    wait_for(lambda: len(outcomes(site, kind)) >= len(wanted), f"{kind}: {results}")
    assert outcomes(site, kind) == wanted


def test_a_vote_counts_once_and_may_be_corrected_for_a_day(site: Site, survey: Survey) -> None:
    before = outcomes(site, "vote")
    survey.vote(4)
    becomes(site, "vote", before, "counted")
    assert survey.known() == 4
    survey.vote(4)
    becomes(site, "vote", before, "counted", "repeated")
    survey.back_in_time(3600)
    survey.vote(2)
    becomes(site, "vote", before, "counted", "repeated", "changed")
    survey.back_in_time(DAY)
    survey.vote(5)
    becomes(site, "vote", before, "counted", "repeated", "changed", "closed")
    assert survey.known() == 2


def test_votes_that_come_all_at_once_are_a_scanners_and_void(site: Site, survey: Survey) -> None:
    before = outcomes(site, "vote")
    for vote in range(1, 6):
        survey.vote(vote)
    wait_for(lambda: len(outcomes(site, "vote")) == len(before) + 5, "five outcomes")
    assert outcomes(site, "vote").count("counted") == before.count("counted") + 1
    assert survey.known() == -1


FORGED: Final = (
    "Received: from evil by evil.example; Mon, 23 Nov 2026 08:00:00 +0000\n"
    "Authentication-Results: mx.desk.example; dmarc=pass header.from=customer{n}.example\n"
)
"""Written by the sender, below the line of his own server."""


@pytest.mark.parametrize(
    ("results", "header", "outcome"),
    [
        ("none", "", "unauthenticated"),
        ("spf=fail smtp.mailfrom=evil.example; dmarc=fail", "", "unauthenticated"),
        ("spf=pass smtp.mailfrom=elsewhere.example", "", "unauthenticated"),
        ("none", FORGED, "unauthenticated"),
        ("", "Auto-Submitted: auto-replied\n", "robot"),
        ("", "List-Id: <all.customer.example>\n", "robot"),
        ("", "Precedence: bulk\n", "robot"),
    ],
)
def test_no_vote_of_who_may_be_anybody_or_a_program(
    site: Site, survey: Survey, results: str, header: str, outcome: str
) -> None:
    before = outcomes(site, "vote")
    survey.vote(1, results=results, header=header.format(n=survey.customer.number))
    becomes(site, "vote", before, outcome)
    assert survey.known() == 0


def test_the_organisation_does_not_vote_for_itself(site: Site, survey: Survey) -> None:
    before = outcomes(site, "vote")
    to = survey.address("vote", 5)
    content = customer_mail(survey.customer.number, to=to)
    site.agent_writes(content, to, sender=survey.customer.address)
    becomes(site, "vote", before, "own")
    assert survey.known() == 0


def test_an_opt_out_needs_the_address_alone_and_a_vote_counts_after_it(
    site: Site, survey: Survey
) -> None:
    before, votes = outcomes(site, "opt-out"), outcomes(site, "vote")
    survey.write(survey.address("opt-out"), results="none", sender="other@webmail.example")
    becomes(site, "opt-out", before, "kept")
    survey.write(survey.address("opt-out"))
    becomes(site, "opt-out", before, "kept", "repeated")
    with database(site) as connection:
        whom = site.tokens.pseudonym("address", survey.customer.address)
        found = connection.execute("SELECT purpose FROM opt_out WHERE address = ?", (whom,))
        assert found.fetchall() == [("survey",)]
    survey.vote(5)
    becomes(site, "vote", votes, "counted")


def is_undeliverable(survey: Survey) -> bool:
    with database(survey.site) as connection:
        whom = survey.site.tokens.pseudonym("address", survey.customer.address)
        found = connection.execute(
            "SELECT 1 FROM mark WHERE address = ? AND undeliverable > 0", (whom,)
        )
        return found.fetchone() is not None


def send_survey(survey: Survey) -> None:
    """Hand in a mail to the customer as the desk does, with its own reverse-path."""
    site = survey.site
    submit = load([site.service.config]).config.ack.submit
    with SmtpClient(submit.port).greet("") as client:
        content = b"From: help@desk.example\nSubject: How did it go?\n\nPlease vote.\n"
        reply = client.mail(content, survey.customer.address, sender=survey.address("bounce"))
        assert reply.code == 250, reply.text


@pytest.mark.parametrize("copy", ["text", "headers"])
def test_a_real_bounce_marks_the_address(site: Site, survey: Survey, copy: str) -> None:
    """Postfix's own report. Its body reaches the desk, however little the desk gets of others."""
    before = outcomes(site, "bounce")
    if copy == "headers":
        text = site.service.config.read_text()
        site.service.config.write_text(text.replace("[desk]", '[desk]\ncopy = "headers"'))
        try:
            site.wire()
        finally:
            site.service.config.write_text(text)
    site.world.refuses = lambda recipient: recipient == survey.customer.address
    try:
        send_survey(survey)
        becomes(site, "bounce", before, "undeliverable")
    finally:
        site.world.refuses = lambda _recipient: False
        if copy == "headers":
            site.wire()
    assert is_undeliverable(survey)


def test_an_automatic_reply_to_the_reverse_path_changes_nothing(site: Site, survey: Survey) -> None:
    before = outcomes(site, "bounce")
    content = customer_mail(survey.customer.number, header="Auto-Submitted: auto-replied\n")
    to = survey.address("bounce")
    assert site.send(content, sender="", to=to).code == 250
    becomes(site, "bounce", before, "no-report")
    assert not is_undeliverable(survey)


@pytest.mark.parametrize("local", ["postmaster", "b1.x.y", "v1.{key}.{key}", "help"])
def test_postfix_refuses_strangers_what_is_no_address_of_ours(site: Site, local: str) -> None:
    with site.connect() as client:
        client.command("MAIL FROM:<anybody@example.org>")
        reply = client.command(f"RCPT TO:<{local.format(key='a' * 26)}@{DOMAIN}>", 5)
    assert (reply.code, "5.1.1" in reply.text) == (550, True)


def test_what_looks_like_ours_and_is_not_signed_is_taken_and_makes_no_bounce(site: Site) -> None:
    """Postfix would send it to the sender, who may be forged."""
    forged = f"b1.{'a' * 26}.{'b' * 13}@{DOMAIN}"
    content = customer_mail(9001, sender="victim@victim.example")
    assert site.send(content, sender="victim@victim.example", to=forged).code == 250
    wait_for(lambda: f"to=<{forged}>" in site.postfix.log(), "its delivery")
    site.settle()
    assert "status=sent (250" in next(
        line for line in site.postfix.log().splitlines() if f"to=<{forged}>" in line
    )
    assert site.world.to("victim@victim.example") == []


def test_votes_wait_while_mailtriage_is_down(site: Site, survey: Survey) -> None:
    before = outcomes(site, "vote")
    site.service.stop()
    survey.vote(3)
    assert survey.known() == 0
    site.service.start()
    becomes(site, "vote", before, "counted")
    assert survey.known() == 3


def test_the_milter_leaves_such_mail_alone(site: Site, survey: Survey) -> None:
    before = site.service.log().count("exempt=recipient")
    survey.vote(5)
    wait_for(lambda: survey.known() == 5, "the vote")
    wait_for(lambda: site.service.log().count("exempt=recipient") > before, "the milter's line")


def test_nobody_is_ever_answered_and_other_mail_is_as_before(site: Site, survey: Survey) -> None:
    survey.vote(5)
    customer = site.customer()
    site.write(customer)
    site.wait_for_ack(customer.address)
    site.settle()
    assert site.acks_to(survey.customer.address) == []
    returned = [d for d in site.world.deliveries if any(DOMAIN in to for to in d.recipients)]
    assert returned == []
