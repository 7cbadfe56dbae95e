"""Every shipped profile is sound: what it sends harms no helpdesk, what it believes is stripped."""

import re
from pathlib import Path

import pytest

from mailtriage.config.facts import FACTS
from mailtriage.config.profile_file import read_profile, shipped_profile, shipped_profiles
from mailtriage.config.profiles import GENERIC, Profile
from mailtriage.policies.load import load_policies
from mailtriage.policies.model import GENERAL
from mailtriage.shipped import shipped_directory
from mailtriage.tags.edits import edits, forged
from mailtriage.tags.lint import lint
from mailtriage.tags.native import facts_of
from mailtriage.tags.profile_checks import check_profile, metacharacters
from mailtriage.tags.vocabulary import ALL_NAMES, NAMES, fields
from mailtriage.toml_source import SourceError
from mailtriage.triage.model import Triage

NAMED = (
    "zammad", "zammad-untrusted", "znuny", "otrs", "otobo", "rt5", "rt5-commandbymail", "osticket",
    "freescout", "glpi", "redmine", "odoo", "chatwoot", "uvdesk", "faveo", "gitlab-service-desk",
    "discourse", "zendesk", "freshdesk", "helpscout", "jira-service-management", "hubspot", "front",
    "intercom", "sieve", "exchange", "gmail", "generic",
)  # fmt: skip
PROFILES = sorted(shipped_profiles())


def profile(name: str) -> Profile:
    found = shipped_profile(name)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def skills() -> list[str]:
    policies, _ = load_policies([shipped_directory("policies")])
    return [*(policy.name for policy in policies.skills), GENERAL]


def test_every_helpdesk_that_is_promised_is_there() -> None:
    assert set(NAMED) <= set(PROFILES)


@pytest.mark.parametrize("name", PROFILES)
def test_it_can_be_used_without_a_word_of_configuration(name: str, skills: list[str]) -> None:
    assert check_profile(profile(name), skills) == []


@pytest.mark.parametrize("name", PROFILES)
def test_no_value_means_something_else_in_a_pattern(name: str) -> None:
    assert metacharacters(profile(name)) == []


@pytest.mark.parametrize("name", PROFILES)
def test_no_field_trips_the_loop_detector_of_any_helpdesk(name: str) -> None:
    found = profile(name)
    for emit in found.emits:
        for value in (*emit.words.values(), "normal"):
            if emit.header:
                assert lint(emit.header, value, ours=False) == [], emit.name
    for field, value in found.silence:
        # A switch of the helpdesk's own, which none of the others reads.
        faults = [fault for fault in lint(field, value, ours=False) if "automatic" not in fault]
        assert faults == []


@pytest.mark.parametrize("name", PROFILES)
def test_what_it_could_add_is_taken_from_strangers(name: str) -> None:
    found = profile(name)
    could = [emit.header for emit in found.emits if emit.header]
    could += [field for field, _ in found.silence]
    for field in could:
        assert [one.name for one in forged([field], found)] == [field.lower()]


@pytest.mark.parametrize("name", PROFILES)
def test_what_a_mail_is_gets_through_untouched(name: str) -> None:
    """No profile may strip what a helpdesk threads by, or what says that a robot wrote."""
    kept = [
        "From", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Reply-To",
        "Received", "Return-Path", "Auto-Submitted", "Precedence", "List-Id", "List-Unsubscribe",
        "DKIM-Signature", "Authentication-Results", "MIME-Version", "Content-Type", "Sender",
    ]  # fmt: skip
    assert forged(kept, profile(name)) == ()


@pytest.mark.parametrize("name", PROFILES)
def test_each_of_our_own_headers_is_there_as_well(name: str) -> None:
    insert = edits([], Triage(), profile=profile(name)).insert
    assert tuple(field for field, _ in insert[: len(NAMES)]) == NAMES


@pytest.mark.parametrize("name", PROFILES)
def test_it_says_what_it_rests_on_and_has_a_recipe(name: str) -> None:
    """test_recipes.py has what holds for the pages."""
    found = profile(name)
    assert found.title
    assert found.versions or name == GENERIC.name
    assert (shipped_profiles()[name].parent / "README.md").is_file()


@pytest.mark.parametrize("name", PROFILES)
def test_every_header_that_a_recipe_names_is_one_that_is_sent(name: str) -> None:
    folder = shipped_profiles()[name].parent
    known = {field.lower() for field in ALL_NAMES} | {
        "x-mailtriage-loop",
        "x-mailtriage-ref",
    }
    for file in sorted(folder.iterdir()):
        if not file.is_file():
            continue
        for word in re.findall(r"X-Mailtriage(?:-[A-Za-z]+)*\b", file.read_text(encoding="utf-8")):
            assert word.lower() in known, f"{file.name}: {word}"


def test_every_fact_is_one_of_our_fields() -> None:
    assert set(facts_of(fields(Triage()))) == set(FACTS)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('title = "x"\n[emit.priority]\nheader = "X-P"\nfrom = "prority"', "did you mean 'priority'"),
        ('title = "x"\n[emit.a]\nheader = "X Y"\nfrom = "skill"', '"X Y" does not fit'),
        ('title = "x"\n[emit.a]\nfrom = "priority"\nmap = {urgnt = "1"}', "did you mean 'urgent'"),
        ('title = "x"\n[emit.a]\nvalue = "{skil}"', "did you mean 'skill'"),
        ('title = "x"\n[emit.a]\nvalue = "{skill"', "a '{' alone"),
        ('title = "x"\n[emit.a]\nvalue = "same"', "the same for every mail"),
        ('title = "x"\n[emit.a]\nfrom = "skill"\nsince = "six"', '"six" is no version'),
        ('title = "x"\nstrip = ["X-Foo"]', "strip: unknown key"),
        ('title = "x"\n[inbound]\nstrip = ["X-*-Foo"]', "does not fit"),
        ('title = "x"\n[inbound]\nsubject_tokens = ["{number}"]', "would be any number"),
        ('title = "x"\n[inbound]\nsubject_tokens = ["[x]"]', "has no {number}"),
        ('title = "x"\n[pipe]\ncommand = ["gate", "{queue}"]', "no entry and no fact 'queue'"),
        ('title = "x"\n[mailbox]\nack = "sned"', "did you mean 'send'"),
        ('title = "x"\nbase = "znunny"', "did you mean 'znuny'"),
        ("[mailbox]", "title: required"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_profile_of_ones_own_is_named(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        read_profile("ours", file)
    assert what in str(caught.value)
    assert f"{file}:" in str(caught.value)
