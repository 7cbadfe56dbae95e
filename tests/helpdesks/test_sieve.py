"""The Sieve scripts that we ship, run by sieve-test(1) over finished mails.

The delivery itself, by Dovecot behind Postfix and mailtriage, is in tests/e2e/test_dovecot.py.
"""

import re
from collections.abc import Callable, Iterator
from email import message_from_bytes
from functools import cache
from pathlib import Path

import pytest

from mailtriage.shipped import shipped_directory
from mailtriage.tags.vocabulary import NAMES
from tests.helpdesks.finished import GERMAN, LEVELS, NORMAL, URGENT, finished
from tests.helpdesks.products.sieve import FLAGGED, PRODUCT, ROBOTS, UNTAGGED
from tests.support.background import open_directory
from tests.support.dovecot import INBOX, SieveBench, Stored, compile_script, why_not
from tests.support.mails import FORGED, LETTERS, Letter, with_header
from tests.support.office import HELP, letter

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is here")

FOLDER = shipped_directory("config") / "helpdesks" / "sieve"
ALL = {file.stem: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.sieve"))}
ACKNOWLEDGE = "acknowledge"
"""The one that files nothing."""
SCRIPTS = {name: text for name, text in ALL.items() if name != ACKNOWLEDGE}
BY_ONE = {"by-skill": "Skill", "by-language": "Language", "by-priority": "Priority"}
"""Script to the header that it files by."""

NEWSLETTER = letter("News of the week.\n", subject="News", more="List-Id: <news.shop.example>")
UNSEEN = b"From: joe@customer.example\r\nTo: help@desk.example\r\nSubject: Hello\r\n\r\nHello\r\n"

# What a value of ours can never be: a folder of another name, or elsewhere.
ODD = ["", "a b", "../../outside", "a/b", "a.b", "billing;", "Billing", "b%lling", "*", "${1}", "ü",
       "~joe", "x" * 61]  # fmt: skip


@pytest.fixture(scope="module")
def bench() -> Iterator[SieveBench]:
    """For all tests of this file."""
    with open_directory() as directory:
        directory.chmod(0o777)  # sieve-test is somebody else
        yield SieveBench(directory)


@cache
def normal() -> bytes:
    """A finished mail like any other."""
    return finished("sieve", NORMAL)


def value(mail: bytes, name: str) -> str:
    """Of a header of ours."""
    return str(message_from_bytes(mail)[f"X-Mailtriage-{name}"])


def tagged(name: str, written: str) -> bytes:
    """A finished mail with another value in one of our headers."""
    field = re.compile(rb"(?m)^(X-Mailtriage-" + name.encode() + rb"): .*?\r$")
    assert field.search(normal())
    return field.sub(lambda found: found[1] + b": " + written.encode() + b"\r", normal())


def test_the_scripts_are_those_of_which_the_readme_speaks() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(SCRIPTS) == {*BY_ONE, "mailtriage"}
    assert all(f"{name}.sieve" in readme for name in ALL)


@pytest.mark.parametrize("name", ALL)
def test_they_compile_without_a_warning(name: str, tmp_path: Path) -> None:
    script = tmp_path / f"{name}.sieve"
    script.write_text(ALL[name])
    compile_script(script)


@pytest.mark.parametrize("name", ALL)
def test_they_ask_for_no_header_that_we_do_not_send(name: str) -> None:
    named = set(re.findall(r"X-Mailtriage[A-Za-z-]*[A-Za-z](?=\")", ALL[name]))
    assert named
    assert named <= set(NAMES)
    chosen = re.findall(r'"(Route|Skill|Language|Priority)"', SCRIPTS["mailtriage"])
    assert {f"X-Mailtriage-{choice}" for choice in chosen} <= set(NAMES)


# A folder for each skill, language or priority.


@pytest.mark.parametrize("script", BY_ONE)
@pytest.mark.parametrize("one", LETTERS, ids=lambda one: one.expect["X-Mailtriage-Skill"])
def test_a_mail_lies_in_the_folder_of_its_fact(bench: SieveBench, script: str, one: Letter) -> None:
    mail = finished("sieve", one.raw)
    expected = f"{script.removeprefix('by-')}-{value(mail, BY_ONE[script])}"
    assert bench.run(SCRIPTS[script], mail).folder == expected


def test_skill_language_and_priority_give_these_names(bench: SieveBench) -> None:
    mail = finished("sieve", LETTERS[0].raw)
    found = {name: bench.run(script, mail).folder for name, script in SCRIPTS.items()}
    assert found == {
        "by-skill": "skill-billing",
        "by-language": "language-sv",
        "by-priority": f"priority-{value(mail, 'Priority')}",
        "mailtriage": "billing-sv",
    }


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("mail", LEVELS.values(), ids=LEVELS)
def test_what_is_urgent_is_flagged_and_nothing_else(
    bench: SieveBench, script: str, mail: bytes
) -> None:
    mail = finished("sieve", mail)
    assert bench.run(SCRIPTS[script], mail).flagged == (value(mail, "Priority") == "urgent")


@pytest.mark.parametrize("priority", ["urgent", "high", "normal", "low"])
def test_each_priority_has_its_folder(bench: SieveBench, priority: str) -> None:
    found = bench.run(SCRIPTS["by-priority"], tagged("Priority", priority))
    assert (found.folder, found.flagged) == (f"priority-{priority}", priority == "urgent")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_new_skill_needs_no_edit(bench: SieveBench, script: str) -> None:
    mail = tagged("Skill", "heat-pumps").replace(
        b"X-Mailtriage-Route: ", b"X-Mailtriage-Route: heat-pumps-"
    )
    folder = bench.run(SCRIPTS[script], mail).folder
    assert ("heat-pumps" in folder) == (script in ("by-skill", "mailtriage"))


# What is not ours.


@pytest.mark.parametrize("script", SCRIPTS)
def test_mail_that_mailtriage_did_not_see_lies_apart(bench: SieveBench, script: str) -> None:
    assert bench.run(SCRIPTS[script], UNSEEN).folder == UNTAGGED


@pytest.mark.parametrize("script", SCRIPTS)
def test_forged_headers_change_nothing(bench: SieveBench, script: str) -> None:
    forged = finished("sieve", with_header(NORMAL, FORGED.replace(b"\n", b"\r\n")))
    assert bench.run(SCRIPTS[script], forged) == Stored(
        bench.run(SCRIPTS[script], normal()).folder, flagged=False, content=forged
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_second_copy_of_a_header_is_not_believed(bench: SieveBench, script: str) -> None:
    """It would be a forger's, on a day on which neither milter nor header_checks removed it."""
    name = BY_ONE.get(script, "Route")
    twice = f"X-Mailtriage-{name}: {value(normal(), name)}\r\n".encode() + normal()
    assert bench.run(SCRIPTS[script], twice) == Stored(UNTAGGED, flagged=False, content=twice)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_never_becomes_a_folder(bench: SieveBench, script: str, odd: str) -> None:
    mail = tagged(BY_ONE.get(script, "Route"), odd)
    assert bench.run(SCRIPTS[script], mail).folder == UNTAGGED


# mailtriage.sieve.


@pytest.mark.parametrize("kind", ["machine", "bounce", "list"])
def test_what_no_person_wrote_lies_apart(bench: SieveBench, kind: str) -> None:
    assert bench.run(SCRIPTS["mailtriage"], tagged("Kind", kind)).folder == ROBOTS


def test_a_newsletter_is_such_a_mail(bench: SieveBench) -> None:
    assert bench.run(SCRIPTS["mailtriage"], finished("sieve", NEWSLETTER)).folder == ROBOTS


@pytest.mark.parametrize(
    ("tier", "churn", "flag"),
    [("vip", "high", True), ("vip", "medium", False), ("gold", "high", False)],
)
def test_a_vip_who_is_about_to_leave_is_flagged(
    bench: SieveBench, tier: str, churn: str, flag: bool
) -> None:
    mail = tagged("Tier", tier)
    mail = re.sub(rb"(X-Mailtriage-Churn): \w+", rb"\1: " + churn.encode(), mail)
    assert bench.run(SCRIPTS["mailtriage"], mail).flagged == flag


@pytest.mark.parametrize(
    ("by", "folder"),
    [("Route", "billing-de"), ("Skill", "billing"), ("Language", "de"), ("", INBOX)],
)
def test_one_word_says_what_folders_are_made_for(bench: SieveBench, by: str, folder: str) -> None:
    script = SCRIPTS["mailtriage"].replace('set "by" "Route"', f'set "by" "{by}"')
    assert bench.run(script, finished("sieve", GERMAN)).folder == folder


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("under", ["Service/", "Service."])
def test_all_folders_can_lie_below_one(bench: SieveBench, script: str, under: str) -> None:
    changed = SCRIPTS[script].replace('set "under" ""', f'set "under" "{under}"')
    for mail in (normal(), UNSEEN):
        assert bench.run(changed, mail).folder == under + bench.run(SCRIPTS[script], mail).folder


MAILS: dict[str, Callable[[], bytes]] = {
    "urgent": lambda: finished("sieve", URGENT),
    "normal": normal,
    "german": lambda: finished("sieve", GERMAN),
    "newsletter": lambda: finished("sieve", NEWSLETTER),
    "unseen": lambda: UNSEEN,
    "odd route": lambda: tagged("Route", "../x"),
    "two kinds": lambda: b"X-Mailtriage-Kind: human\r\n" + normal(),
    "bounce": lambda: tagged("Kind", "bounce"),
    "two priorities": lambda: b"X-Mailtriage-Priority: urgent\r\n" + normal(),
    "upper case": lambda: tagged("Priority", "URGENT"),
}


@pytest.mark.parametrize("mail", MAILS.values(), ids=MAILS)
def test_the_rules_in_python_are_those_of_the_script(
    bench: SieveBench, mail: Callable[[], bytes]
) -> None:
    """tests/helpdesks/products/sieve.py stands for the script in the tests of all helpdesks."""
    found, taken = bench.run(SCRIPTS["mailtriage"], mail()), PRODUCT.take(mail(), HELP)
    assert (taken.queue, taken.priority == FLAGGED) == (found.folder, found.flagged)
