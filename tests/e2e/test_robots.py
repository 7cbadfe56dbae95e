"""Robots that exist: the vacation of Sieve, and a mailing list with everything that it answers.

mailtriage acknowledges nothing that they write, and they do not answer its acknowledgements. The one
that does, Mailman's auto-response, does it once, and that is the end of it. vacation(1) is in
test_ping_pong.py.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.support import dovecot, mailman
from tests.support.background import logs_of_a_failure, open_directory
from tests.support.dovecot import Dovecot, Owner, Stored
from tests.support.mailman import MailingList, Mailman
from tests.support.serve import wait_for
from tests.support.sink import Delivery
from tests.support.site import HELP, VOUCH, Site, running_site, settle, why_not

_REASON = why_not() or dovecot.why_not() or mailman.why_not()
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(_REASON), reason=_REASON or "all of them are here"),
]

SALES = "sales@desk.example"
# Without the cool-down, so that it is never for rule F2 that nothing is acknowledged.
TOML = f'[mailboxes."{SALES}"]\nname = "Sales"\n[ack.limits]\ncool_down = "0s"\n'

# Two people on holiday. By default vacation writes as nobody ("<>"); it can be told otherwise.
KIM, SAM = "kim@holiday.example", "sam@holiday.example"
ON_HOLIDAY = 'require "vacation";\nvacation :days 1 "I am on holiday.";\n'
AS_HERSELF = "userdb_sieve_vacation_send_from_recipient=yes"

# A list that answers whoever posts, two that answer nobody, and a member of the first.
PARTNERS, QUIET, NEWS = "partners@lists.example", "quiet@lists.example", "news@lists.example"
JOE = "joe@partner.example"

numbers = count(1)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """For all tests of this file."""
    with running_site(toml=TOML, main=VOUCH) as running:
        yield running


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """Where the robots live."""
    with open_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def holiday(site: Site, root: Path) -> Iterator[Dovecot]:
    """Mailboxes of people on holiday, whose mail leaves for the site by SMTP."""
    (root / "dovecot").mkdir()
    owners = {KIM: Owner(ON_HOLIDAY), SAM: Owner(ON_HOLIDAY, settings=AS_HERSELF)}
    mx = site.postfix.ports["mx"]
    with Dovecot(root / "dovecot", owners, submission=mx) as running:
        site.route("holiday.example", f"lmtp:inet:127.0.0.1:{running.port}")
        yield running


@pytest.fixture(scope="module")
def lists(site: Site, root: Path) -> Iterator[Mailman]:
    """Mailing lists, whose mail leaves for the site by SMTP."""
    (root / "mailman").mkdir()
    made = (
        MailingList(PARTNERS, members=(HELP, JOE), autoresponse="We have got your message."),
        MailingList(QUIET),
        MailingList(NEWS),
    )
    with Mailman(root / "mailman", made, smtp=site.postfix.ports["mx"]) as running:
        site.route("lists.example", f"lmtp:inet:127.0.0.1:{running.port}")
        yield running


@pytest.fixture(autouse=True)
def logs_of_failures(site: Site, request: pytest.FixtureRequest) -> Iterator[None]:
    """For each test."""
    robots = [request.getfixturevalue(n) for n in ("holiday", "lists") if n in request.fixturenames]
    with logs_of_a_failure(request, site.service, site.postfix, *robots):
        yield


def question(sender: str, to: str, *, header: str = "", subject: str = "") -> bytes:
    """What a person writes."""
    number = next(numbers)
    return (
        f"From: {sender}\nTo: {to}\nSubject: {subject or f'Where is my parcel {number}?'}\n"
        f"Date: Mon, 23 Nov 2026 09:00:00 +0100\nMessage-ID: <q{number}@{sender.partition('@')[2]}>\n"
        f"{header}\nHello, my parcel has not come. Where is it?\n"
    ).encode()


# Vacation of Sieve.


def our_acks(mails: list[Stored]) -> list[Stored]:
    """Those of them that are acknowledgements of ours."""
    return [mail for mail in mails if b"\nMessage-ID: <ack." in mail.content]


@pytest.mark.parametrize("owner", [KIM, SAM], ids=["as-nobody", "as-herself"])
def test_the_vacation_of_sieve_and_we_leave_each_other_alone(
    site: Site, holiday: Dovecot, owner: str
) -> None:
    """Somebody asks and goes on holiday; an agent answers; vacation says that nobody is there."""
    site.send(question(owner, HELP), sender=owner)
    holiday.wait(owner)
    site.settle()
    (ack,) = holiday.mails(owner)
    assert our_acks([ack])
    assert "sent vacation response" not in holiday.log().rpartition(f"lmtp({owner})")[2]
    assert not [one for one in site.world.to(HELP) if is_vacation(one, owner)]

    site.agent_writes(question(HELP, owner, header="In-Reply-To: <q1@holiday.example>\n"), owner)
    site.world.wait(lambda all_: any(is_vacation(one, owner) for one in all_))
    site.settle()
    (answer,) = [one for one in site.world.to(HELP) if is_vacation(one, owner)]
    assert answer.sender == ("" if owner == KIM else owner)
    assert answer.tags["x-mailtriage-kind"] == "machine"
    assert answer.tags["x-mailtriage-ack"] == "skipped"
    assert answer.tags["x-mailtriage-ack-rule"] == ("a1" if owner == KIM else "b1")
    assert len(our_acks(holiday.mails(owner))) == 1, "and nobody has answered that"


def is_vacation(delivery: Delivery, owner: str) -> bool:
    """Whether it is what that owner's vacation wrote."""
    header = dict(delivery.header)
    return owner in header.get("From", "") and "vacation" in header.get("Auto-Submitted", "")


# GNU Mailman.


def sent(site: Site) -> int:
    """How many acknowledgements have left, to whomever."""
    return site.service.log().count("event=ack state=sent")


def come_to(site: Site, recipient: str, since: int) -> list[Delivery]:
    """What a mailbox of ours got after so many deliveries."""
    return [one for one in site.world.deliveries[since:] if recipient in one.recipients]


def subject(delivery: Delivery) -> str:
    """In one line."""
    return dict(delivery.header)["Subject"].replace("\r\n", "")


def test_a_post_of_a_list_is_not_acknowledged(site: Site, lists: Mailman) -> None:
    since, before = len(site.world.deliveries), sent(site)
    lists.take(question(JOE, PARTNERS), PARTNERS, sender=JOE)
    settle(site, idle=lists.idle)
    (post,) = come_to(site, HELP, since)
    assert post.tags["x-mailtriage-kind"] == "list"
    assert post.tags["x-mailtriage-ack"] == "skipped"
    assert sent(site) == before


@pytest.mark.parametrize(
    ("to", "sender", "answer"),
    [
        (PARTNERS, SALES, "Auto-response for your message"),
        ("partners-owner@lists.example", SALES, "Auto-response for your message"),
        (QUIET, SALES, "awaits moderator approval"),
        ("quiet-request@lists.example", SALES, "The results of your email commands"),
        ("quiet-join@lists.example", SALES, "Your confirmation is needed"),
    ],
    ids=["post", "owner", "held", "command", "join"],
)
def test_what_mailman_answers_is_not_acknowledged(
    site: Site, lists: Mailman, to: str, sender: str, answer: str
) -> None:
    """An agent has written to a list."""
    since, before = len(site.world.deliveries), sent(site)
    site.agent_writes(question(sender, to), to, sender=sender)
    settle(site, idle=lists.idle)
    (notice,) = [one for one in come_to(site, sender, since) if answer in subject(one)]
    assert notice.tags["x-mailtriage-kind"] in ("list", "machine")
    assert notice.tags["x-mailtriage-ack"] == "skipped"
    assert notice.tags["x-mailtriage-ack-rule"] == "a3"
    assert sent(site) == before


def test_so_nobody_is_subscribed_by_an_acknowledgement(site: Site, lists: Mailman) -> None:
    """Mailman takes any answer to its request for a confirmation as a yes, an automatic one too."""
    since = len(site.world.deliveries)
    site.agent_writes(question(SALES, NEWS), "news-join@lists.example", sender=SALES)
    settle(site, idle=lists.idle)
    assert SALES not in lists.members(NEWS)

    (request,) = [one for one in come_to(site, SALES, since) if "confirmation" in subject(one)]
    confirm = dict(request.header)["From"]
    ack = question(SALES, confirm, header="Auto-Submitted: auto-replied\n")
    lists.take(ack, confirm, sender="")
    settle(site, idle=lists.idle)
    assert SALES in lists.members(NEWS), "which is what an acknowledgement would have done"


def test_being_welcomed_is_not_acknowledged(site: Site, lists: Mailman) -> None:
    since, before = len(site.world.deliveries), sent(site)
    lists.subscribe(PARTNERS, SALES)
    settle(site, idle=lists.idle)
    (welcome,) = come_to(site, SALES, since)
    assert "Welcome" in subject(welcome)
    assert welcome.tags["x-mailtriage-ack"] == "skipped"
    assert sent(site) == before


# A customer whose address is that of a list: the acknowledgement goes there.


def test_a_list_that_holds_our_acknowledgement_says_nothing(site: Site, lists: Mailman) -> None:
    """Mailman tells nobody that it holds a mail with Auto-Submitted (can_acknowledge)."""
    since, before = len(site.world.deliveries), sent(site)
    site.send(question(QUIET, HELP), sender=QUIET)
    wait_for(lambda: sent(site) == before + 1, "our acknowledgement")
    settle(site, idle=lists.idle)
    assert sent(site) == before + 1
    assert "HOLD: quiet@lists.example post from help@desk.example held" in lists.log()
    (mail,) = site.world.deliveries[since:]
    assert mail.tags["x-mailtriage-ack"] == "sent"


def test_a_list_that_answers_everything_answers_once_and_that_is_all(
    site: Site, lists: Mailman
) -> None:
    """Its auto-response looks at Precedence and not at Auto-Submitted (handlers/replybot.py)."""
    since, before = len(site.world.deliveries), sent(site)
    site.send(question(PARTNERS, SALES), sender=PARTNERS, to=SALES)
    wait_for(lambda: sent(site) == before + 1, "our acknowledgement")
    settle(site, idle=lists.idle)
    assert sent(site) == before + 1
    answers = [one for one in come_to(site, SALES, since) if "Auto-response" in subject(one)]
    assert [one.tags["x-mailtriage-ack"] for one in answers] == ["skipped"]


@pytest.mark.parametrize(("field", "answers"), [(b"", 1), (b"Precedence: bulk\r\n", 0)])
def test_with_precedence_bulk_it_does_not_even_that(
    site: Site, lists: Mailman, field: bytes, answers: int
) -> None:
    """What ack.precedence = "bulk" is for."""
    customer = site.customer()
    site.write(customer)
    ack = site.wait_for_ack(customer.address).content
    since = len(site.world.deliveries)
    lists.take(field + ack, PARTNERS, sender="")
    settle(site, idle=lists.idle)
    said = [one for one in come_to(site, HELP, since) if "Auto-response" in subject(one)]
    assert len(said) == answers
