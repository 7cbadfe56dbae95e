"""What strangers try with the fields, numbers and addresses of helpdesks."""

import time
from functools import partial

import pytest

from mailtriage.config.profile_file import shipped_profile, shipped_profiles
from mailtriage.config.profiles import Profile
from mailtriage.doors.analysis import Analysis
from mailtriage.mail.fields import split_fields
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.tags.apply import apply_edits, header_names
from mailtriage.tags.edits import MAX_DELETIONS, forged
from mailtriage.tags.model import Rerouting
from tests.helpdesks.finished import HELP, JOE, NORMAL, desk, letter

ACCOUNTS, MISC = "accounts@desk.example", "misc@desk.example"
OWN_ROUTES = f"""
[mailboxes."{ACCOUNTS}"]
profile = "zammad"
route = "recipient"
routes = {{ billing = "accounts-en@desk.example" }}
"""
ROUTES = f'{{ billing = "{ACCOUNTS}", technical = "{HELP}", default = "{MISC}" }}'
CUSTOMER = Client("198.51.100.7", "mail.customer.example")


def sent(raw: bytes, *recipients: str, settings: str = "", **mailbox: object) -> Analysis:
    """What is made of a mail to these recipients."""
    profile = str(mailbox.pop("profile", "generic"))
    client = mailbox.pop("client", CUSTOMER)
    assert isinstance(client, Client)
    analyst = desk(profile, settings, **mailbox).analyst
    read = partial(read_message, raw, envelope=Envelope(JOE, recipients), client=client)
    return analyst.analyse(read, header_names(raw), body=raw[split_fields(raw)[1] :])


def routed(*recipients: str, raw: bytes = NORMAL) -> tuple[Rerouting, ...]:
    analysis = sent(raw, *recipients, settings=OWN_ROUTES, route="recipient", routes=ROUTES)
    return analysis.edits.reroute


@pytest.mark.parametrize("recipients", [(HELP, ACCOUNTS), (ACCOUNTS, HELP)])
def test_a_recipient_that_another_makes_way_for_is_not_deleted(recipients: tuple[str, ...]) -> None:
    assert routed(*recipients) == (Rerouting(HELP, ACCOUNTS),)


def test_two_mailboxes_that_route_to_each_other_lose_nothing() -> None:
    a, b = "a@desk.example", "b@desk.example"
    settings = "".join(
        f'[mailboxes."{one}"]\nroute = "recipient"\nroutes = {{ default = "{other}" }}\n'
        for one, other in ((a, b), (b, a))
    )
    assert sent(NORMAL, a, b, settings=settings).edits.reroute == ()
    assert sent(NORMAL, a, settings=settings).edits.reroute == (Rerouting(a, b),)


def test_a_recipient_that_is_named_twice_is_replaced_once() -> None:
    assert routed(HELP, HELP) == (Rerouting(HELP, ACCOUNTS),)


def test_a_route_to_the_mailbox_itself_keeps_that_mail_there_and_no_other() -> None:
    parcel = letter("Thank you so much, everything arrived safely.\n", subject="Thank you")
    assert routed(HELP, raw=parcel) == (Rerouting(HELP, MISC),)
    outage = letter(
        "The internet has been down since yesterday. Please repair it.\n", subject="No net"
    )
    assert routed(HELP, raw=outage) == ()


@pytest.mark.parametrize("recipients", [(HELP, ACCOUNTS), (ACCOUNTS, HELP)])
def test_the_first_recipient_does_not_decide_alone_what_is_stripped(
    recipients: tuple[str, ...],
) -> None:
    """Each helpdesk gets the same mail: a stranger would name one that strips less first."""
    raw = letter(more="X-Zammad-Ticket-Owner: eve\nX-Priority: 1")
    made = sent(raw, *recipients, profile="osticket", settings=OWN_ROUTES)
    kept = [name.lower() for name in header_names(apply_edits(raw, made.edits))]
    assert "x-zammad-ticket-owner" not in kept
    assert kept.count("x-priority") <= 1


def test_nothing_but_forged_tags_is_taken_from_an_agents_mail() -> None:
    raw = letter(more="X-Priority: 1\nX-Mailtriage-Skill: sales")
    agent = Client("127.0.0.1", "", "agent")
    made = sent(raw, "joe@customer.example", HELP, profile="osticket", client=agent)
    assert [one.name for one in made.edits.delete] == ["x-mailtriage-skill"]
    assert made.edits.insert == ()


@pytest.mark.alone
def test_more_fields_than_postfix_can_delete_do_not_cost_the_mail() -> None:
    """With 12,000 deletions its cleanup ends in a panic, and the client gets a 451."""
    osticket = shipped_profile("osticket")
    assert osticket is not None
    bomb = ["X-Priority"] * 20_000 + ["Importance"] + [f"X-Mailtriage-{n}" for n in range(6000)]
    made = forged([*bomb, "X-Mailtriage-Skill"], osticket)
    assert len(made) <= MAX_DELETIONS
    assert {"importance", "x-mailtriage-skill"} <= {one.name for one in made}


def seconds(profile: Profile, length: int) -> float:
    form = profile.own_message_id
    assert form is not None
    began = time.perf_counter()
    for filler in ("-", "a-", "@-", ".a", "notify-", "-openerp-"):
        form.fullmatch(("notify-" + filler * length)[:length])
    return time.perf_counter() - began


def test_message_ids_of_a_stranger_cost_time_in_proportion_to_their_length() -> None:
    """FreeScout's "notify-*-*-*@*" took 0.2 s for one of 900 characters, and a mail has 64."""
    hard = Profile("hard", message_ids=("notify-*-*-*-*-*-*@*", "*-*-*-*@*"))
    seconds(hard, 100)
    short = min(seconds(hard, 20_000) for _ in range(3))
    assert min(seconds(hard, 200_000) for _ in range(3)) < 50 * short


def test_a_form_of_message_ids_still_means_what_it_says() -> None:
    form = Profile("x", message_ids=("a*-b*@*", "exact@x", "*end")).own_message_id
    assert form is not None
    assert all(map(form.fullmatch, ("a-b@", "aaa-x-bcd@e", "a@-b@-b@", "EXACT@x", "the end")))
    assert not any(map(form.fullmatch, ("a-c@", "b-b@", "exact@xy", "end of it", "a-b")))


@pytest.mark.parametrize("profile", sorted(shipped_profiles()))
@pytest.mark.parametrize(
    "subject", ["Problem with [Order-4711]", "[Invoice #4711] is wrong", "[Customer no. #4711]"]
)
def test_a_number_of_an_order_is_no_ticket(profile: str, subject: str) -> None:
    plan = desk(profile, ack="send").analyse(letter(subject=subject)).plan
    assert plan is not None
    assert plan.verdict.rule != "G3"


@pytest.mark.parametrize(
    ("profile", "subject"),
    [
        ("django-helpdesk", "Re: [billing-12] No invoice"),
        ("rt5", "[desk.example #12] No invoice"),
        ("redmine", "[Shop - Bug #12] It breaks"),
        ("redmine", "[Order #4711] and [Shop - Bug #12]"),
        ("znuny", "[Ticket#2026112310000017] No invoice"),
        ("osticket", "[#4711] No invoice"),
    ],
)
def test_a_number_of_a_ticket_still_is_one(profile: str, subject: str) -> None:
    plan = desk(profile, ack="send").analyse(letter(subject=subject)).plan
    assert plan is not None
    assert plan.verdict.rule == "G3"
