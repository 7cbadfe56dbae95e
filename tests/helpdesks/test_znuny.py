"""Finished mails as Znuny, OTRS 6 and OTOBO read them, and the files that prepare these."""

import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailtriage.config.profile_file import shipped_profile
from mailtriage.config.profiles import Profile
from mailtriage.shipped import shipped_directory
from mailtriage.tags.vocabulary import ALL_NAMES, NAMES
from tests.helpdesks.finished import GERMAN, LEVELS, NORMAL, URGENT, desk, finished
from tests.helpdesks.product import Product, Ticket
from tests.helpdesks.products import znuny
from tests.support.office import HELP, JOE, letter

FOLDERS = shipped_directory("config") / "helpdesks"
VENDORS = {"znuny": "OTRS", "otrs": "OTRS", "otobo": "OTOBO"}
FILES = {"znuny": "OTRS", "otobo": "OTOBO"}
"""Directories that hold files for the helpdesk, and how its fields begin."""
WORDS = {"urgent": "5 very high", "high": "4 high", "normal": "3 normal", "low": "2 low"}

products = pytest.mark.parametrize("product", znuny.PRODUCTS, ids=lambda each: str(each.profile))
files = pytest.mark.parametrize(("folder", "vendor"), FILES.items())


def read(product: Product, raw: bytes, settings: str = "", **mailbox: object) -> znuny.Mail:
    """The fields that the helpdesk sees in a mail."""
    mail = finished(product.profile, raw, settings or product.settings, **mailbox)
    return znuny.read(mail, VENDORS[product.profile])


@products
@pytest.mark.parametrize("level", WORDS)
def test_each_priority_is_one_that_the_helpdesk_has(product: Product, level: str) -> None:
    mail = finished(product.profile, LEVELS[level], product.settings)
    assert product.take(mail, HELP).priority == WORDS[level]


@products
def test_a_queue_for_one_language_goes_before_that_of_the_skill(product: Product) -> None:
    queues = [
        product.take(finished(product.profile, raw, product.settings), HELP).queue
        for raw in (NORMAL, GERMAN, URGENT)
    ]
    assert queues == ["Billing", "Abrechnung", "Misc"]


@products
def test_without_a_map_the_queue_is_that_of_the_address(product: Product) -> None:
    mail = finished(product.profile, GERMAN)
    assert f"X-{VENDORS[product.profile]}-Queue".encode() not in mail
    assert product.take(mail, HELP).queue == "Misc"


@products
def test_a_skill_without_a_queue_stays_where_the_address_puts_it(product: Product) -> None:
    only_billing = f'[profiles.{product.profile}.map.queue]\nbilling = "Billing"\n'
    queues = [
        product.take(finished(product.profile, raw, only_billing), HELP).queue
        for raw in (GERMAN, URGENT)
    ]
    assert queues == ["Billing", "Misc"]


@products
def test_a_queue_with_an_umlaut_arrives_whole(product: Product) -> None:
    settings = f'[profiles.{product.profile}.map.queue]\ndefault = "Service::Rückfragen"\n'
    queue = read(product, GERMAN, settings)[f"X-{VENDORS[product.profile]}-Queue"]
    assert queue == "Service::Rückfragen"


@products
def test_the_dynamic_fields_have_the_facts(product: Product) -> None:
    mail = read(product, GERMAN)
    start = f"X-{VENDORS[product.profile]}-DynamicField-Triage"
    found = {name.removeprefix(start): mail[name] for name in mail if name.startswith(start)}
    assert found == {
        "Language": "de",
        "Skill": "billing",
        "Tier": "standard",
        "Churn": "low",
        "Mood": "neutral",
        "Thread": "",
    }


@products
def test_a_follow_up_can_raise_the_priority_and_never_lowers_it(product: Product) -> None:
    name = f"X-{VENDORS[product.profile]}-FollowUp-Priority"
    raised = {level: read(product, raw)[name] for level, raw in LEVELS.items()}
    assert raised == {"urgent": "5 very high", "high": "", "normal": "", "low": ""}


@products
def test_a_chaser_is_marked_in_the_ticket_that_it_asks_about(product: Product) -> None:
    chaser = letter(
        "I am still waiting for an answer to my mail of last week.\n",
        subject="Re: Invoice",
        more="In-Reply-To: <m0@customer.example>\nReferences: <m0@customer.example>",
    )
    name = f"X-{VENDORS[product.profile]}-FollowUp-DynamicField-TriageThread"
    assert read(product, chaser)[name] == "chaser"
    assert not read(product, NORMAL)[name]


def test_two_fields_of_one_name_become_a_value_that_no_list_has() -> None:
    raw = b"X-OTRS-Priority: 5 very high\r\nx-otrs-priority: 1 very low\r\n\r\n"
    assert znuny.param(raw, "X-OTRS-Priority") == "5 very high 1 very low"


@products
def test_what_a_stranger_writes_changes_nothing(product: Product) -> None:
    vendor = VENDORS[product.profile]
    forged = [
        f"X-{vendor}-Priority: 1 very low",
        f"x-{vendor.lower()}-queue: Junk",
        f"X-{vendor}-Ignore: yes",
        f"X-{vendor}-State: closed successful",
        f"X-{vendor}-FollowUp-State: closed successful",
        f"X-{vendor}-FollowUp-DynamicField-TriageThread: chaser",
        f"X-{vendor}-Loop: no",
        "X-Mailtriage-Priority: low",
    ]
    body = "Smoke comes out of the charger that you delivered, the house is full of it!\n"
    lying = letter(body, subject="Charger on fire", more="\n".join(forged))
    assert read(product, lying) == read(product, URGENT)


@products
def test_the_helpdesk_leaves_the_acknowledging_to_us_and_takes_nobody_for_a_robot(
    product: Product,
) -> None:
    vendor = VENDORS[product.profile]
    ours = finished(product.profile, NORMAL, product.settings)
    assert not znuny.sends_auto_response(ours, vendor)
    assert not product.take(ours, HELP).robot
    delegated = finished(product.profile, NORMAL, product.settings, ack="delegate")
    assert znuny.sends_auto_response(delegated, vendor)


@files
def test_the_filters_silence_what_was_acknowledged_and_what_must_not_be(
    folder: str, vendor: str
) -> None:
    numbered = letter(
        "Here is the invoice that you asked for.\n", subject="Re: [desk #4711] Invoice"
    )
    loop = f"X-{vendor}-Loop"
    for raw, ack, silent in [
        (NORMAL, "send", True),
        (numbered, "send", True),
        (numbered, "delegate", True),
        (NORMAL, "delegate", False),
        (NORMAL, "off", False),
    ]:
        mail = finished("generic", raw, ack=ack)
        found = [applied(mail, match, sets) for _, _, match, sets in settings(folder)]
        assert any(loop in each for each in found) is silent, (ack, raw)


@products
def test_our_acknowledgement_is_taken_for_automatic(product: Product) -> None:
    ours = desk(product.profile, product.settings).acknowledgement(NORMAL)
    assert ours
    assert product.take(ours, HELP).robot
    assert not znuny.sends_auto_response(ours, VENDORS[product.profile])


@products
def test_an_answer_finds_its_ticket_by_message_id_or_number(product: Product) -> None:
    ticket = Ticket(finished(product.profile, NORMAL), "2026112310000017", JOE)
    ours = desk(product.profile, product.settings).acknowledgement(NORMAL)
    references = f"References: {znuny.param(ours, 'References')} {znuny.param(ours, 'Message-ID')}"
    assert product.joins(letter("Thanks.\n", subject="Other", more=references), ticket)
    numbered = letter("Thanks.\n", subject="Re: [Ticket#2026112310000017] RE: Invoice")
    assert product.joins(numbered, ticket)
    assert not product.joins(letter("Thanks.\n", subject="Invoice for October"), ticket)


# ---- the files for the helpdesk ----------------------------------------------------------------


def settings(folder: str) -> Iterator[tuple[str, bool, dict[str, str], dict[str, str]]]:
    """Name, whether it is switched on, what it matches and what it sets, of each filter."""
    root = ET.parse(FOLDERS / folder / "Mailtriage.xml").getroot()
    for setting in root.findall("Setting"):
        items = {item.attrib["Key"]: item for item in setting.findall("Value/Hash/Item")}
        assert items["Module"].text == "Kernel::System::PostMaster::Filter::Match"
        match, sets = (
            {item.attrib["Key"]: str(item.text) for item in items[key].findall("Hash/Item")}
            for key in ("Match", "Set")
        )
        yield setting.attrib["Name"], setting.attrib["Valid"] == "1", match, sets


def profile_of(folder: str) -> Profile:
    profile = shipped_profile(folder)
    assert profile is not None
    return profile


@files
def test_the_xml_is_of_the_kind_that_the_helpdesk_reads(folder: str, vendor: str) -> None:
    root = ET.parse(FOLDERS / folder / "Mailtriage.xml").getroot()
    assert root.tag == f"{vendor.lower()}_config"
    assert root.attrib == {"version": "2.0", "init": "Application"}
    names = [setting.attrib["Name"] for setting in root.findall("Setting")]
    assert len(set(names)) == len(names) > 0
    assert all(name.startswith("PostMaster::PreFilterModule###") for name in names)


@files
def test_filters_ask_only_for_headers_that_we_send(folder: str, vendor: str) -> None:
    for _, _, match, _ in settings(folder):
        assert set(match) <= set(NAMES)


@files
def test_filters_set_what_the_profile_would_send_and_nothing_else(folder: str, vendor: str) -> None:
    profile = profile_of(folder)
    sent = {emit.header for emit in profile.emits} | {name for name, _ in profile.silence}
    assert {name for *_, sets in settings(folder) for name in sets} == sent


@files
@pytest.mark.parametrize("level", WORDS)
def test_the_filters_give_the_priority_that_the_profile_would_send(
    folder: str, vendor: str, level: str
) -> None:
    mail = finished("generic", LEVELS[level])
    found: dict[str, str] = {}
    for _, valid, match, sets in settings(folder):
        if valid:
            found |= applied(mail, match, sets)
    trusted = znuny.read(finished(folder, LEVELS[level], ack="delegate"), vendor)
    sent = {name: value for name, value in trusted.items() if value and name.startswith("X-O")}
    found.pop(f"X-{vendor}-Loop", None)
    assert found == sent


def applied(mail: bytes, match: dict[str, str], sets: dict[str, str]) -> dict[str, str]:
    """Kernel/System/PostMaster/Filter/Match.pm, Run: every pattern must match, without regard to
    case, and "[***]" is what the last parenthesis caught."""
    caught = ""
    for name, pattern in match.items():
        value = znuny.param(mail, name)
        found = re.search(pattern, value, re.IGNORECASE) if value else None
        if found is None:
            return {}
        caught = found[1] if found.re.groups and found[1] else caught
    return {name: value.replace("[***]", caught) for name, value in sets.items()}


@files
def test_the_example_of_a_queue_is_switched_off(folder: str, vendor: str) -> None:
    queues = [valid for _, valid, _, sets in settings(folder) if f"X-{vendor}-Queue" in sets]
    assert queues == [False]


@files
def test_the_helpdesk_is_shown_every_header_that_a_filter_asks_for(
    folder: str, vendor: str
) -> None:
    there = loaded(FOLDERS / "znuny" / "ZZZMailtriage.pm", "Subject", "X-Mailtriage-Skill")
    assert there[:2] == ["Subject", "X-Mailtriage-Skill"]
    assert len(set(there)) == len(there)
    assert set(there[1:]) <= set(ALL_NAMES)
    assert {name for _, _, match, _ in settings(folder) for name in match} <= set(there)


def loaded(module: Path, *names: str) -> list[str]:
    """PostmasterX-Header after the module has been loaded twice, as Kernel::Config does it."""
    code = (
        "require shift; my $Self = { 'PostmasterX-Header' => [@ARGV] };"
        "Kernel::Config::Files::ZZZMailtriage->Load($Self) for 1 .. 2;"
        "print join qq{\\n}, @{ $Self->{'PostmasterX-Header'} };"
    )
    command = ["perl", "-e", code, str(module), *names]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")


def test_setup_is_perl_and_makes_the_fields_that_the_profiles_fill() -> None:
    script = FOLDERS / "znuny" / "setup.pl"
    checked = subprocess.run(["perl", "-wc", script], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    listed = re.search(r"for my \$What \(qw\(([A-Za-z ]+)\)\)", script.read_text("utf-8"))
    assert listed is not None
    made = {f"Triage{what}" for what in listed[1].split()}
    for folder in FILES:
        headers = [emit.header for emit in profile_of(folder).emits]
        filled = {name.rpartition("-")[2] for name in headers if "DynamicField" in name}
        assert filled == made == set(znuny.DYNAMIC_FIELDS)


def test_setup_refuses_a_directory_that_is_no_helpdesk(tmp_path: Path) -> None:
    script = FOLDERS / "znuny" / "setup.pl"
    done = subprocess.run(
        ["perl", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "directory of the helpdesk" in done.stderr
