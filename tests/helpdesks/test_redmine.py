"""What Redmine is told of a mail, what it takes for an answer, and redmine-deliver."""

import os
import subprocess
from collections.abc import Callable, Mapping
from email import message_from_bytes
from pathlib import Path

import pytest

from mailtriage.commands.pipe import Known, filled_command, neutral_facts
from mailtriage.config.profile_sections import find_profile
from mailtriage.shipped import shipped_directory
from mailtriage.tags.native import facts_of
from tests.helpdesks.finished import GERMAN, LEVELS, NORMAL, desk, finished
from tests.helpdesks.product import Ticket
from tests.helpdesks.products import redmine
from tests.support.office import HELP, JOE, letter

DELIVER = shipped_directory("config") / "helpdesks" / "redmine" / "redmine-deliver"
OWN_PROJECTS = """
[profiles.redmine.map.project]
billing-de = "rechnungen"
billing = "billing"
"""
SWEDISH = """
[profiles.redmine.map.priority]
normal = "Hög"
"""
TICKET = Ticket(first=NORMAL, number="12", customer=JOE)


def facts(raw: bytes) -> dict[str, str]:
    """What a finished mail says of itself."""
    return facts_of(message_from_bytes(raw).items())


def options(known: Mapping[str, str], settings: str = "") -> dict[str, str]:
    """The options of the shipped command line, filled for a mail of which that is known."""
    profile = find_profile(desk("redmine", settings).loaded.config.profiles, "redmine")
    assert profile is not None
    command = filled_command(profile.pipe, Known(known, profile))
    return dict(
        (argument.removeprefix("--").split("=", 1))
        for argument in command
        if argument.startswith("--") and "=" in argument
    )


def names(command: tuple[str, ...]) -> set[str]:
    """The options of a command, without their values."""
    return {word.partition("=")[0] for word in command if word.startswith("--")}


@pytest.mark.parametrize("level", LEVELS)
def test_each_priority_is_one_of_redmines(level: str) -> None:
    said = options(facts(finished("redmine", LEVELS[level])))
    assert said["priority"] == level.capitalize()
    assert redmine.named(said["priority"], redmine.PRIORITIES) == level.capitalize()


def test_a_category_is_the_skill_and_the_project_that_of_the_map() -> None:
    german, english = (facts(finished("redmine", raw, OWN_PROJECTS)) for raw in (GERMAN, NORMAL))
    assert options(german, OWN_PROJECTS)["project"] == "rechnungen"
    assert options(english, OWN_PROJECTS)["project"] == "billing"
    assert options(german)["project"] == options(english)["project"] == redmine.PROJECT
    category = options(german)["category"]
    assert redmine.named(category, redmine.CATEGORIES) == "Billing"


def test_a_skill_that_redmine_has_no_category_for_leads_to_an_issue_without() -> None:
    said = options({**facts(finished("redmine", NORMAL)), "skill": "pets", "route": "pets-en"})
    assert (said["category"], said["project"]) == ("pets", redmine.PROJECT)
    assert redmine.named(said["category"], redmine.CATEGORIES) == ""


def test_a_mail_of_which_nothing_is_known_lands_in_the_default_project() -> None:
    said = options(neutral_facts(), OWN_PROJECTS)
    assert (said["project"], said["priority"]) == (redmine.PROJECT, "Normal")
    assert redmine.named(said["category"], redmine.CATEGORIES) == ""


def test_words_of_other_languages_reach_the_command_as_they_are() -> None:
    assert options(facts(finished("redmine", NORMAL, SWEDISH)), SWEDISH)["priority"] == "Hög"


def test_a_customers_own_fields_change_nothing() -> None:
    forged = "X-Mailtriage-Priority: urgent\nX-Mailtriage-Skill: sales\nX-Mailtriage-Route: x-y\n"
    forged += "X-Mailtriage-Skill: sales"
    body = NORMAL.partition(b"\r\n\r\n")[2].decode()
    plain = letter(body, subject="Invoice for October")
    marked = letter(body, subject="Invoice for October", more=forged)
    assert facts(finished("redmine", marked)) == facts(finished("redmine", plain))


def test_the_command_line_leaves_customers_no_say() -> None:
    """The options that would give it to them, and the one that would silence Redmine."""
    profile = find_profile(desk("redmine").loaded.config.profiles, "redmine")
    assert profile is not None
    assert not names(profile.pipe) & {
        "--allow-override", "--no-permission-check", "--no-notification",
        "--project-from-subaddress", "--key", "--no-check-certificate",
    }  # fmt: skip
    # Without a project of its own, Redmine would read one out of the text.
    assert {"--project", "--unknown-user", "--key-file"} <= names(profile.pipe)


def test_redmine_acknowledges_and_not_we() -> None:
    assert desk("redmine").acknowledgement(NORMAL) == b""
    assert message_from_bytes(finished("redmine", NORMAL))["X-Mailtriage-Ack"] == "delegated"
    assert not redmine.ignored(message_from_bytes(finished("redmine", NORMAL)))


def test_our_acknowledgement_would_be_no_issue_if_it_came_back() -> None:
    ack = desk("redmine", ack="send").acknowledgement(NORMAL)
    assert redmine.ignored(message_from_bytes(ack))


@pytest.mark.parametrize(
    ("header", "robot"),
    [
        ("Auto-Submitted: auto-replied", True),
        ("Auto-Submitted: Auto-Generated; x=1", True),
        ("X-Autoreply: YES", True),
        # All of these the real 5.0.4 makes issues of.
        ("Auto-Submitted: no", False),
        ("Auto-Submitted: auto-notified", False),
        ("Auto-Submitted: (x) auto-replied", False),
        ("Auto-Submitted: auto-replied\nAuto-Submitted: auto-replied", False),
        ("X-Autoreply: yes\nX-Autoreply: yes", False),
        ("Precedence: bulk", False),
        ("Return-Path: <>", False),
    ],
)
def test_whom_redmine_takes_for_a_robot(header: str, robot: bool) -> None:
    assert redmine.ignored(message_from_bytes(letter(more=header))) is robot
    assert redmine.take(letter(more=header), HELP).accepted is not robot


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        ("Re: [Support - Support #12] (New) Invoice", "issue 12"),
        ("[#12]", "issue 12"),
        ("AW: [acme #4711] Connection", "issue 4711"),
        ("Re: [Support - Forum - msg33] Hello", "message 33"),
    ],
)
def test_what_redmine_takes_for_an_answer_counts_as_one_here(subject: str, answer: str) -> None:
    mail = letter(subject=subject)
    assert redmine.answered(message_from_bytes(mail)) == answer
    tagged = message_from_bytes(finished("redmine", mail))
    assert tagged["X-Mailtriage-Ack"] == "skipped"


@pytest.mark.parametrize("subject", ["Order #4711", "Invoice [4711]", "[acme#12] x", "msg33"])
def test_other_numbers_are_no_answers_to_redmine(subject: str) -> None:
    assert redmine.answered(message_from_bytes(letter(subject=subject))) == ""


def test_an_answer_to_redmines_own_mail_is_known_by_its_message_id() -> None:
    own = message_from_bytes(redmine.own_reply(TICKET))
    mail = letter(subject="My parcel", more=f"In-Reply-To: {own['Message-ID']}")
    assert redmine.joins(mail, TICKET)
    assert message_from_bytes(finished("redmine", mail))["X-Mailtriage-Ack"] == "skipped"


def test_redmine_has_never_seen_our_message_ids() -> None:
    """Why it has to acknowledge: an answer to ours would be a second issue."""
    ack = message_from_bytes(desk("redmine", ack="send").acknowledgement(NORMAL))
    references = f"In-Reply-To: {ack['Message-ID']}\nReferences: {ack['References']}"
    mail = letter(subject=f"Re: {ack['Subject']}", more=f"{references} {ack['Message-ID']}")
    assert not redmine.joins(mail, TICKET)


# redmine-deliver: what it makes of each end that rdm-mailhandler.rb can come to.

MAIL = b"From: Joe <joe@customer.example>\nSubject: x\n\nblanks at the end  \n\0\xff no line end"

Deliver = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def deliver(tmp_path: Path) -> Deliver:
    """Runs it, with a handler that keeps the mail and then does what the shell script says, and a
    sendmail that keeps arguments and mail."""
    sendmail = tmp_path / "sendmail"

    def run(
        script: str, sender: str = JOE, refuses: bool = False
    ) -> subprocess.CompletedProcess[bytes]:
        handler = tmp_path / "handler"
        handler.write_text(
            f'#!/bin/sh\ncat >{tmp_path}/handed\necho "$@" >{tmp_path}/args\n{script}\n'
        )
        sendmail.write_text(
            f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{tmp_path}/sent-args\ncat >{tmp_path}/sent\n"
            f"exit {75 if refuses else 0}\n"
        )
        for program in (handler, sendmail):
            program.chmod(0o755)
        return subprocess.run(
            [str(DELIVER), "unfiled@desk.example", sender, str(handler), "--url", "http://x"],
            input=MAIL, env={**os.environ, "SENDMAIL": str(sendmail), "TMPDIR": str(tmp_path)},
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip

    return run


def test_a_mail_that_redmine_has_taken_is_delivered(deliver: Deliver, tmp_path: Path) -> None:
    done = deliver("echo 'Response received: 201'")
    assert (done.returncode, done.stdout) == (0, b"")
    assert (tmp_path / "handed").read_bytes() == MAIL
    assert (tmp_path / "args").read_text() == "--url http://x --verbose\n"
    assert not (tmp_path / "sent").exists()


@pytest.mark.parametrize("sender", [JOE, "", "MAILER-DAEMON", "-f@customer.example"])
def test_what_redmine_does_not_want_goes_to_people(
    deliver: Deliver, tmp_path: Path, sender: str
) -> None:
    done = deliver("echo 'Response received: 422'; echo denied >&2; exit 77", sender)
    assert (done.returncode, done.stdout) == (
        0, b"Redmine did not want it, handed to unfiled@desk.example\n"
    )  # fmt: skip
    assert (tmp_path / "sent").read_bytes() == MAIL
    envelope = "" if sender == "MAILER-DAEMON" else sender
    expected = ["-i", "-f", envelope, "--", "unfiled@desk.example"]
    assert (tmp_path / "sent-args").read_text().splitlines() == expected


@pytest.mark.parametrize(
    "script",
    [
        "echo 'Response received: 403'; echo 'wrong key' >&2; exit 77",
        "echo 'Response received: 404'; exit 77",
        "echo 'Response received: 301'; exit 1",
        "echo 'Response received: 500'; exit 75",
        "echo 'execution expired (Net::ReadTimeout)' >&2; exit 1",
        "exit 0",
        "kill -9 $$",
    ],
)
def test_everything_else_stays_in_the_queue(deliver: Deliver, tmp_path: Path, script: str) -> None:
    done = deliver(script)
    assert done.returncode == 75
    assert b"rdm-mailhandler.rb ended with" in done.stdout
    assert not (tmp_path / "sent").exists()


def test_nothing_is_lost_while_mail_to_people_cannot_be_sent(deliver: Deliver) -> None:
    assert deliver("echo 'Response received: 422'; exit 77", refuses=True).returncode == 75


def test_the_log_has_the_reason_without_rubys_call_stack(deliver: Deliver) -> None:
    stack = (
        r"printf 'a.rb:1: no such host (SocketError)\n\tfrom b.rb:2\n\tfrom c.rb:3\n' >&2; exit 1"
    )
    said = deliver(stack).stdout.decode().splitlines()
    assert said == ["a.rb:1: no such host (SocketError)", "rdm-mailhandler.rb ended with 1"]


@pytest.mark.parametrize("arguments", [[], ["unfiled@desk.example", JOE], ["a@b", "", "/no/such"]])
def test_a_mistake_in_master_cf_returns_no_mail(arguments: list[str]) -> None:
    done = subprocess.run(
        [str(DELIVER), *arguments], input=MAIL, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 75


def test_it_leaves_no_copy_behind(deliver: Deliver, tmp_path: Path) -> None:
    for script in ("echo 'Response received: 201'", "exit 1"):
        deliver(script)
    assert {file.name for file in tmp_path.iterdir()} == {"handler", "sendmail", "handed", "args"}
