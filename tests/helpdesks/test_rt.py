"""Request Tracker 5: what it makes of finished mail, by its source. tests/e2e runs the real one."""

from email import message_from_bytes

import pytest

from mailtriage.policies.load import load_policies
from mailtriage.shipped import shipped_directory
from tests.helpdesks.finished import GERMAN, LEVELS, NORMAL, desk, finished
from tests.helpdesks.product import Ticket
from tests.helpdesks.products import rt
from tests.support.office import HELP, JOE, letter

SETTINGS = rt.settings("rt5")
COMMANDS = rt.settings("rt5-commandbymail")
TICKET = Ticket(NORMAL, "17", JOE)
FORGED = (
    "X-Mailtriage-Priority: urgent\n"
    "X-Mailtriage-Tier: vip\n"
    "X-RT-Mail-Extension: mailtriage;priority=urgent;tier=vip\n"
    "X-RT-Command: Priority: 99\n"
    "x-rt-command: Queue: Secret\n"
    "RT-Control: no-autoopen\n"
    "RT-Squelch-Replies-To: boss@desk.example\n"
    "X-RT-Interface: Web\n"
)


def rt5(raw: bytes) -> bytes:
    """The mail as rt-mailgate gets it."""
    return finished("rt5", raw, SETTINGS)


def commanded(raw: bytes) -> bytes:
    """The same with CommandByMail."""
    return finished("rt5-commandbymail", raw, COMMANDS)


@pytest.mark.parametrize("level", LEVELS)
def test_each_priority_has_its_number(level: str) -> None:
    assert rt.PRODUCT.take(rt5(LEVELS[level]), HELP).priority == rt.PRIORITIES[level]


@pytest.mark.parametrize(
    ("raw", "queue", "language"),
    [(NORMAL, "Billing", "en"), (GERMAN, "Abrechnung", "de"), (letter(), "General", "en")],
    ids=["skill", "skill and language", "default"],
)
def test_each_route_has_its_queue(raw: bytes, queue: str, language: str) -> None:
    for product, made in ((rt.PRODUCT, rt5(raw)), (rt.COMMANDS, commanded(raw))):
        taken = product.take(made, HELP)
        assert (taken.queue, taken.language) == (queue, language)


def test_a_skill_that_nobody_mapped_goes_to_the_default_queue() -> None:
    raw = rt5(NORMAL).replace(b"-Skill: billing", b"-Skill: brewing")
    assert rt.arguments("rt5", raw)["--queue"] == "General"
    assert "Skill" not in rt.scrip(
        message_from_bytes(raw), extension=rt.arguments("rt5", raw)["--extension"]
    )


def test_without_a_map_every_mail_goes_to_the_queue_that_rt_has() -> None:
    profile = desk("rt5").loaded.config.profiles["rt5"]
    (queue,) = (each for each in profile.pipe if each.startswith("--queue"))
    assert queue == "--queue={queue:General}"
    assert [emit for emit in profile.emits if emit.words] == []


def test_no_argument_begins_with_a_brace() -> None:
    """Postfix takes the braces of such an argument off (pipe(8), argv)."""
    for name in ("rt5", "rt5-commandbymail"):
        profile = desk(name).loaded.config.profiles[name]
        assert not [each for each in profile.pipe if each.startswith("{") or " " in each]


def test_what_a_stranger_forges_does_not_arrive() -> None:
    mail = message_from_bytes(rt5(letter(more=FORGED)))
    for name in ("X-RT-Mail-Extension", "X-RT-Command", "RT-Control", "X-RT-Interface"):
        assert name not in mail
    assert "RT-Squelch-Replies-To" not in mail
    assert mail.get_all("X-Mailtriage-Tier") == ["standard"]
    assert rt.take(mail.as_bytes(), HELP).priority == "50"


def test_the_field_of_rt_mailgate_counts_and_not_the_one_that_came() -> None:
    mail = message_from_bytes(letter(more=FORGED))
    told = "mailtriage;priority=high;language=de;skill=brewing;tier=king;churn=low"
    assert rt.scrip(mail, extension=told) == {
        "Priority": "80", "Language": "de", "Churn": "low"
    }  # fmt: skip
    assert rt.scrip(mail, extension="other") == {}


def test_rts_own_loops_are_still_known() -> None:
    """X-RT-Loop-Prevention is all by which RT knows its own mail."""
    raw = rt5(letter(more=f"X-RT-Loop-Prevention: {rt.NAME}\n"))
    assert not rt.PRODUCT.take(raw, HELP).accepted


def test_our_acknowledgement_is_a_robots_mail_to_rt_and_a_customers_is_not() -> None:
    ack = desk("rt5", SETTINGS, ack="deferred").acknowledgement(NORMAL)
    assert rt.automatic(message_from_bytes(ack))
    for raw in LEVELS.values():
        assert not rt.PRODUCT.take(rt5(raw), HELP).robot


def test_rt_acknowledges_what_it_is_left_and_nothing_else() -> None:
    told = "mailtriage;priority=normal"
    robot = letter(more="List-Id: <news.shop.example>\n")
    for raw, ack, by_rt in (
        (NORMAL, "delegate", True),
        (NORMAL, "deferred", False),
        (robot, "delegate", False),
        (letter(more=f"X-Mailtriage-Ack: sent\nX-RT-Ticket: {rt.NAME} #9\n"), "delegate", True),
    ):
        mail = message_from_bytes(finished("rt5", raw, SETTINGS, ack=ack))
        assert rt.acknowledged(mail, extension=told) is by_rt


def test_delegate_is_what_a_mailbox_has() -> None:
    assert message_from_bytes(rt5(NORMAL))["X-Mailtriage-Ack"] == "delegated"
    assert desk("rt5", SETTINGS).acknowledgement(NORMAL) == b""


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ("Re: [rt.desk.example #17] Message received: Invoice", True),
        ("AW: [RT.DESK.EXAMPLE  #17 ] Invoice", True),
        ("Re: Message received: Invoice [rt.desk.example #17]", True),
        ("Re: [rt.desk.example #18] Invoice", False),
        ("Re: [rt.other.example #17] Invoice", False),
        ("Re: Invoice #17", False),
    ],
)
def test_only_the_token_in_the_subject_finds_the_ticket(subject: str, found: bool) -> None:
    """References lead to the ticket, too, and RT looks at none of them."""
    more = "In-Reply-To: <m1@customer.example>\nReferences: <RT-Ticket-17@desk.example>\n"
    raw = rt5(letter(subject=subject, message_id="<m2@customer.example>", more=more))
    assert rt.PRODUCT.joins(raw, TICKET) is found


@pytest.mark.parametrize("number", ["7", "17", "1700012"])
def test_a_mail_with_a_number_of_rts_is_not_acknowledged(number: str) -> None:
    """Small numbers, too: an RT begins with ticket 1."""
    raw = rt5(letter(subject=f"Again: [{rt.NAME} #{number}] Invoice"))
    assert message_from_bytes(raw)["X-Mailtriage-Ack"] == "skipped"


# CommandByMail.


@pytest.mark.parametrize("level", LEVELS)
def test_commands_carry_the_score_and_its_label_is_the_level(level: str) -> None:
    mail = message_from_bytes(commanded(LEVELS[level]))
    (score,) = rt.commands(mail)["priority"]
    assert score == mail["X-Mailtriage-Score"]
    assert rt.COMMANDS.take(mail.as_bytes(), HELP).priority == level.capitalize()


def test_the_labels_begin_where_our_levels_do() -> None:
    policies, _ = load_policies([shipped_directory("policies")])
    levels = policies.facets["priority"].levels
    assert {name.lower(): number for name, number in rt.LABELS.items()} == {**levels, "low": 0}
    text = (
        shipped_directory("config") / "helpdesks" / "rt5-commandbymail" / "README.md"
    ).read_text()
    numbers = ", ".join(f"{name} => {number}" for name, number in rt.LABELS.items())
    assert f"Default => {{ {numbers} }}" in text


def test_commands_set_custom_fields() -> None:
    given = rt.commands(message_from_bytes(commanded(GERMAN)))
    assert given.keys() == {
        "priority", "customfield{language}", "customfield{skill}", "customfield{tier}",
        "customfield{churn}",
    }  # fmt: skip
    assert given["customfield{language}"] == ["de"]
    assert given["customfield{skill}"] == ["billing"]
    assert given["customfield{tier}"] == ["standard"]


def test_a_strangers_commands_do_not_arrive() -> None:
    given = rt.commands(message_from_bytes(commanded(letter(more=FORGED))))
    assert "queue" not in given
    assert len(given["priority"]) == 1
    assert given["priority"] != ["99"]


@pytest.mark.parametrize(
    "raw",
    [
        letter(subject=f"Re: [{rt.NAME} #17] Invoice"),
        letter(more="In-Reply-To: <m0@desk.example>\n"),
        letter("I write for the third time, and still no answer! Where is my parcel?\n"),
    ],
    ids=["reply", "reference", "chaser"],
)
def test_what_may_belong_to_a_ticket_has_no_commands(raw: bytes) -> None:
    """In a ticket that exists they would fail, and RT mails what failed to the customer."""
    assert rt.commands(message_from_bytes(commanded(raw))) == {}
