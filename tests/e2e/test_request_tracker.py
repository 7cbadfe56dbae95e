"""Real Request Tracker behind Postfix, mailtriage, pipe(8) and RT's own rt-mailgate."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default

import pytest

from tests.support.background import logs_of_a_failure
from tests.support.pipe_relay import PipeRelay
from tests.support.request_tracker import (
    MAILGATE,
    NAME,
    WATCHER,
    RequestTracker,
    RtTicket,
    master_cf,
    why_not,
)
from tests.support.serve import PROGRAM
from tests.support.site import HELPDESK, Customer, Site, running_site
from tests.support.site import why_not as why_no_site

pytestmark = pytest.mark.e2e

HELP = "help@desk.example"
LATER = "later@desk.example"
"""The same helpdesk, with ack = "deferred"."""
AGENT = "agent@desk.example"
"""Told by RT of each new ticket."""
QUEUES = ("General", "Billing", "Abrechnung", "Technical")

# It continues [mailboxes."help@desk.example"].
TOML = f"""
profile = "rt5"
[mailboxes."{LATER}"]
profile = "rt5"
ack = "deferred"
[profiles.rt5.map.queue]
billing = "Billing"
billing-de = "Abrechnung"
technical = "Technical"
default = "General"
[ack.limits]
cool_down = "0s"
"""

ROUTES = f"inline:{{ {{ {HELP} = mailtriage-rt: }}, {{ {LATER} = mailtriage-rt: }} }}"


@dataclass(frozen=True, slots=True)
class Desk:
    """A site whose helpdesk is Request Tracker."""

    site: Site
    rt: RequestTracker

    def mails_to(self, customer: Customer) -> list[EmailMessage]:
        """All that the customer got, when nothing is under way any more."""
        self.site.settle()
        found = [one.content for one in self.site.world.to(customer.address)]
        return [BytesParser(policy=default).parsebytes(content) for content in found]

    def taken(self, customer: Customer) -> RtTicket:
        """The ticket that the customer's first mail became, when nothing is under way any more."""
        self.rt.ticket_of(customer.message_id)
        self.site.settle()
        return self.rt.ticket_of(customer.message_id)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """One for all tests."""
    if reason := why_no_site():
        pytest.skip(reason)
    assert not why_not(), why_not()
    with ExitStack() as running:
        site = running.enter_context(running_site(toml=TOML))
        rt = RequestTracker(
            site.directory / "rt",
            smtp_port=site.postfix.ports["mx"],
            address=HELP,
            client=HELPDESK,
        )
        running.enter_context(rt)
        rt.set_up("--texts", *QUEUES)
        rt.perl(WATCHER.format(queues=" ".join(QUEUES), agent=AGENT))
        relay = running.enter_context(PipeRelay(site.directory))
        mailtriage = f"{relay.command} {PROGRAM} --config={site.service.config}"
        pipe = (
            master_cf()
            .replace("user=mailtriage", "user=nobody")
            .replace("/usr/bin/mailtriage", mailtriage)
            .replace("http://localhost/rt", rt.url)
        )
        site.administer(
            f"""
            postconf -M 'mailtriage-rt/unix={pipe}'
            postconf -e "transport_maps = {ROUTES}, $(postconf -h transport_maps)"
            """
        )
        yield Desk(site, rt)


@pytest.fixture(autouse=True)
def logs_of_failures(request: pytest.FixtureRequest, desk: Desk) -> Iterator[None]:
    """For each test."""
    with logs_of_a_failure(request, desk.site.postfix, desk.site.service, desk.rt):
        yield


CASES = {
    "a skill": (
        "Invoice for October",
        "Could you send me the invoice for October once more? I cannot find the PDF.\n",
        ("Billing", 50, "en", "billing"),
    ),
    "a skill in one language": (
        "Rechnung Oktober",
        "Guten Tag, bitte schicken Sie mir die Rechnung fuer Oktober noch einmal zu. Vielen Dank.\n",
        ("Abrechnung", 50, "de", "billing"),
    ),
    "another skill": (
        "No connection",
        "The internet has been down since yesterday and I cannot work. Please repair it.\n",
        ("Technical", 80, "en", "technical"),
    ),
    "no queue of its own": (
        "Where is my parcel?",
        "Hello, I ordered last week and my parcel has not come. Where is it?\n",
        ("General", 50, "en", "delivery"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mail_becomes_a_ticket_in_its_queue_with_all_that_is_known(desk: Desk, case: str) -> None:
    subject, body, (queue, priority, language, skill) = CASES[case]
    customer = desk.site.customer()
    desk.site.write(customer, customer.mail(subject=subject, body=body))
    ticket = desk.taken(customer)
    assert (ticket.queue, ticket.priority, ticket.subject) == (queue, priority, subject)
    assert ticket.fields == {
        "Language": language, "Skill": skill, "Tier": "unknown", "Churn": "low"
    }  # fmt: skip


def test_danger_to_people_is_on_top_of_the_queue(desk: Desk) -> None:
    body = "Smoke comes out of the charger that you delivered, the house is full of it!\n"
    customer = desk.site.customer()
    desk.site.write(customer, customer.mail(subject="Charger on fire", body=body))
    assert desk.taken(customer).priority == 100


def test_the_customer_hears_once_from_rt_and_the_answer_finds_the_ticket(desk: Desk) -> None:
    _, body, _ = CASES["a skill in one language"]
    customer = desk.site.customer()
    desk.site.write(customer, customer.mail(subject="Rechnung Oktober", body=body))
    ticket = desk.taken(customer)

    (ack,) = desk.mails_to(customer)
    token = f"[{NAME} #{ticket.number}]"
    assert ack["Subject"] == f"{token} Nachricht erhalten: Rechnung Oktober"
    assert ack["Auto-Submitted"] == "auto-replied"
    assert f"Vorgang: {token}" in ack.get_content()
    assert desk.site.acks_to(customer.address) == []

    desk.site.write(customer, customer.answer(ack, "One thing more: it is urgent.\n"))
    assert desk.rt.ticket_of(customer.answer_id).number == ticket.number
    assert len(desk.mails_to(customer)) == 1


def test_a_deferred_one_is_ours_alone_and_has_the_number(desk: Desk) -> None:
    """RT's notice to the agent passes us on its way out; from it we learn the number."""
    customer = desk.site.customer()
    desk.site.write(customer, customer.mail(to=LATER), to=LATER)
    ticket = desk.taken(customer)
    desk.site.wait_for_ack(customer.address)

    (ack,) = desk.mails_to(customer)
    assert ack["X-Mailtriage-Loop"]
    assert str(ack["Subject"]).endswith(f" [{NAME} #{ticket.number}]")

    answer = customer.answer(ack, "One thing more: it is urgent.\n", to=LATER)
    desk.site.write(customer, answer, to=LATER)
    assert desk.rt.ticket_of(customer.answer_id).number == ticket.number
    assert len(desk.mails_to(customer)) == 1


def test_a_robot_is_told_nothing(desk: Desk) -> None:
    """RT itself knows no List-Id, and would answer."""
    customer = desk.site.customer()
    header = "List-Id: <news.shop.example>\nList-Unsubscribe: <https://shop.example/u>\n"
    desk.site.write(customer, customer.mail(subject="News of the week", header=header))
    ticket = desk.taken(customer)
    assert ticket.priority == 0
    assert desk.mails_to(customer) == []


FORGED = (
    "X-Mailtriage: v=1; prio=urgent; tier=vip;\n"
    "X-Mailtriage-Priority: urgent\n"
    "X-Mailtriage-Tier: vip\n"
    "X-Mailtriage-Ack: sent\n"
    "X-RT-Command: Priority: 99\n"
    "X-RT-Command: Queue: Technical\n"
    "X-RT-Mail-Extension: mailtriage;priority=urgent;tier=vip\n"
    "RT-Control: no-autoopen\n"
)
UNTOUCHED = {"Language": "en", "Skill": "delivery", "Tier": "unknown", "Churn": "low"}


def test_what_a_customer_forges_has_no_effect(desk: Desk) -> None:
    customer = desk.site.customer()
    desk.site.write(customer, customer.mail(header=FORGED))
    ticket = desk.taken(customer)
    assert (ticket.queue, ticket.priority, ticket.fields) == ("General", 50, UNTOUCHED)
    assert len(desk.mails_to(customer)) == 1
    header = desk.rt.header_of(customer.message_id)
    assert "X-RT-Command" not in header
    assert "RT-Control" not in header
    assert re.findall("X-RT-Mail-Extension: mailtriage;priority=(.*?);", header) == ["normal"]


def test_while_the_milter_is_down_mail_goes_to_the_default_queue(desk: Desk) -> None:
    """Forged fields are removed all the same, by header_checks."""
    customer = desk.site.customer()
    desk.site.service.stop()
    try:
        desk.site.write(customer, customer.mail(header=FORGED))
        ticket = desk.rt.ticket_of(customer.message_id)
    finally:
        desk.site.service.start()
    assert (ticket.queue, ticket.priority) == ("General", 50)
    assert "X-Mailtriage" not in desk.rt.header_of(customer.message_id)
    assert desk.rt.ticket_of(customer.message_id).fields.get("Tier") == "unknown"
    (ack,) = desk.mails_to(customer)
    assert ack["X-RT-Ticket"], "RT's, and none of ours"


def test_while_rt_is_down_mail_waits(desk: Desk) -> None:
    customer = desk.site.customer()
    desk.rt.stop()
    try:
        desk.site.wait_until_kept(desk.site.write(customer))
    finally:
        desk.rt.start()
    assert desk.taken(customer).queue == "General"
    assert len(desk.mails_to(customer)) == 1


def by_hand(desk: Desk, customer: Customer, *arguments: str, header: str = "") -> RtTicket:
    """Mail that reaches rt-mailgate in another way."""
    command = [str(MAILGATE), "--queue=Billing", "--action=correspond", f"--url={desk.rt.url}"]
    subprocess.run(
        [*command, *arguments], input=customer.mail(header=header), check=True, timeout=60
    )
    return desk.taken(customer)


def test_the_scrip_knows_its_words(desk: Desk) -> None:
    told = "--extension=mailtriage;priority=100;language=xx;skill=billing;tier=king;churn=)(;x"
    ticket = by_hand(desk, desk.site.customer(), told)
    assert ticket.fields == {}, "not of the form at all"
    told = "--extension=mailtriage;priority=100;language=xx;skill=billing;tier=king;churn=high"
    ticket = by_hand(desk, desk.site.customer(), told)
    assert ticket.fields == {"Skill": "billing", "Churn": "high"}
    assert ticket.priority == 0


def test_the_scrip_believes_no_mail_that_came_past_mailtriage(desk: Desk) -> None:
    header = FORGED.replace("X-RT-Mail-Extension: mailtriage;", "X-RT-Mail-Extension: other;")
    ticket = by_hand(desk, desk.site.customer(), header=header)
    assert (ticket.fields, ticket.priority) == ({}, 0)


def test_what_rt_mailgate_is_told_counts_before_what_the_mail_says(desk: Desk) -> None:
    """RT keeps fields in no order, but those of one name in theirs."""
    told = "--extension=mailtriage;priority=high;tier=gold"
    ticket = by_hand(desk, desk.site.customer(), told, header=FORGED)
    assert (ticket.fields, ticket.priority) == ({"Tier": "gold"}, 80)


GREETINGS = {
    "da": "Hej,", "de": "Guten Tag,", "en": "Hello,", "es": "Hola:", "fi": "Hei", "fr": "Bonjour,",
    "it": "Buongiorno,", "nb": "Hei,", "nl": "Goedendag,", "pl": "Dzień dobry,", "pt": "Olá,",
    "sv": "Hej,", "und": "Hello,", "xx": "Hello,",
}  # fmt: skip


def test_rts_acknowledgement_has_twelve_languages(desk: Desk) -> None:
    customers = {language: desk.site.customer() for language in GREETINGS}
    for language, customer in customers.items():
        header = f"X-Mailtriage-Language: {language}\n"
        by_hand(desk, customer, "--extension=mailtriage;priority=normal", header=header)
    for language, customer in customers.items():
        (ack,) = desk.mails_to(customer)
        lines = [line for line in ack.get_content().splitlines() if line]
        assert lines[0] == GREETINGS[language]
        assert len(lines) == 8
        assert lines[2].endswith(f": [{NAME} #{desk.taken(customer).number}]")
        assert lines[7] == HELP


def test_setup_does_nothing_twice(desk: Desk) -> None:
    assert desk.rt.set_up("--texts", *QUEUES) == ["Done."]


def test_setup_takes_back_what_it_changed(desk: Desk) -> None:
    said = desk.rt.set_up("--ack=leave", *QUEUES)
    assert any("condition 'On Create' again" in line for line in said)
    said = desk.rt.set_up("--ack=ours", *QUEUES)
    assert any("--ack=ours" in line for line in said)
    customer = desk.site.customer()
    told = "--extension=mailtriage;priority=normal"
    by_hand(desk, customer, told)
    assert desk.mails_to(customer) == []
    desk.rt.set_up("--ack=delegate", *QUEUES)
    customer = desk.site.customer()
    by_hand(desk, customer, told)
    assert len(desk.mails_to(customer)) == 1


OWN_FIELD = """
my $queue = RT::Queue->new( RT->SystemUser );
$queue->Create( Name => 'Sales' );
my $field = RT::CustomField->new( RT->SystemUser );
my ( $ok, $why ) = $field->Create(
    Name => 'Language', Type => 'Select', MaxValues => 1, LookupType => 'RT::Queue-RT::Ticket',
);
die $why unless $ok;
$field->AddValue( Name => $_ ) for qw(English en);
$field->AddToObject($queue);
"""


def test_setup_leaves_a_field_of_the_administrators_own_alone(desk: Desk) -> None:
    desk.rt.perl(OWN_FIELD)
    said = desk.rt.set_up("--no-rights", "Sales")
    assert any("'Language' of queue 'Sales' is your own" in line for line in said)
    assert not [line for line in said if " may " in line or "'Language': value" in line]
    customer = desk.site.customer()
    desk.rt.set_up("Sales")
    by_hand(desk, customer, "--extension=mailtriage;language=en;tier=vip", "--queue=Sales")
    ticket = desk.taken(customer)
    assert (ticket.queue, ticket.fields) == ("Sales", {"Language": "en", "Tier": "vip"})
    customer = desk.site.customer()
    by_hand(desk, customer, "--extension=mailtriage;language=de", "--queue=Sales")
    assert desk.taken(customer).fields == {}


def test_setup_tries_before_it_does(desk: Desk) -> None:
    wanted = ("--skill=warranty", "--word=parsley", *QUEUES)
    tried = desk.rt.set_up("--dry-run", *wanted)
    told = "--extension=parsley;skill=warranty"
    assert by_hand(desk, desk.site.customer(), told).fields == {}
    done = desk.rt.set_up(*wanted)
    assert tried == [line if line == "Done." else f"would: {line}" for line in done]
    assert by_hand(desk, desk.site.customer(), told).fields == {"Skill": "warranty"}
    told = "--extension=mailtriage;skill=warranty"
    assert by_hand(desk, desk.site.customer(), told).fields == {}
    desk.rt.set_up(*QUEUES)


@pytest.mark.parametrize("arguments", [(), ("--ack=perhaps", "General"), ("--word=a;b", "General")])
def test_setup_refuses_a_call_that_cannot_be_meant(desk: Desk, arguments: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError, match=re.compile("perl setup.pl|letters, digits")):
        desk.rt.set_up(*arguments)
