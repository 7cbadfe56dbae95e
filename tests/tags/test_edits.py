"""Forged fields go, ours come, on every path."""

import dataclasses
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.config.profile_file import shipped_profile
from mailtriage.config.profiles import GENERIC, Emit, Profile
from mailtriage.tags.apply import apply_edits, header_names
from mailtriage.tags.edits import edits, forged
from mailtriage.tags.model import Deletion, Edits, Status
from mailtriage.tags.vocabulary import NAMES
from mailtriage.triage.model import Direction, Priority, Triage

ZAMMAD = Profile(
    "zammad",
    strip=("X-Zammad-*", "X-Priority"),
    emits=(
        Emit(
            name="priority",
            header="X-Zammad-Ticket-Priority",
            fact="priority",
            words={"high": "3 high", "default": "2 normal"},
        ),
        Emit(
            name="queue",
            header="X-Zammad-Ticket-Group",
            fact="route",
            words={"default": "Kündigung"},
        ),
    ),
)


@pytest.mark.parametrize(
    "name",
    [
        "X-Mailtriage",
        "x-mailtriage",
        "X-MAILTRIAGE",
        "X-Mailtriage-Priority",
        "x-mAiLtRiAgE-pRiOrItY",
        "X-Mailtriage-Not-Yet-Invented",
        "X-Mailtriage-",
        "X-Mailtriage ",
        "X-Mailtriage-Skill\t",
    ],
)
def test_our_names_are_forged_in_any_spelling(name: str) -> None:
    assert forged([name]) == (Deletion(name.lower().strip(), 1),)


@pytest.mark.parametrize(
    "name",
    [
        "X-Mailtriagefoo",
        "X-Mailtriaged",
        "X-Mailtriage_Skill",
        "X-Mail-Triage",
        "Mailtriage",
        "Y-X-Mailtriage",
        "X-Mailtrіage-Skill",  # a Cyrillic letter: no header field to any mail system
        "X-Priority",
        "Subject",
        "",
    ],
)
def test_names_that_only_look_alike_are_kept(name: str) -> None:
    assert forged([name]) == ()


def test_each_copy_is_deleted_from_the_highest_index_down() -> None:
    names = [
        "X-Mailtriage-Skill",
        "Subject",
        "x-mailtriage-skill",
        "X-Mailtriage",
        "X-MAILTRIAGE-SKILL ",
        "X-Mailtriagefoo",
        "X-Mailtriage-skill",
        "X-Mailtriage-Skill",
    ]
    assert forged(names) == (
        *(Deletion("x-mailtriage-skill", index) for index in (5, 4, 3, 2, 1)),
        Deletion("x-mailtriage", 1),
    )


@pytest.mark.parametrize(
    ("name", "stripped"),
    [
        ("X-Zammad-Ticket-Id", True),
        ("x-zammad-", True),
        ("X-Zammad", False),
        ("X-ZammadTicket", False),
        ("X-Priority", True),
        ("X-Priority-Foo", False),
        ("X-Mailtriage-Skill", True),
    ],
)
def test_a_profile_strips_its_own_names_too(name: str, stripped: bool) -> None:
    assert bool(forged([name], ZAMMAD)) is stripped


def test_a_glob_of_a_profile_does_not_widen_what_is_ours() -> None:
    everything = Profile("everything", strip=("X-Mailtriag*",))
    assert forged(["X-Mailtriagefoo"], GENERIC) == ()
    assert forged(["X-Mailtriagefoo"], everything) == (Deletion("x-mailtriagefoo", 1),)


def test_inbound_mail_loses_forged_fields_and_gets_ours() -> None:
    found = edits(["X-Mailtriage-Skill"], Triage(), Status.OVERLOAD)
    assert found.delete == (Deletion("x-mailtriage-skill", 1),)
    assert tuple(name for name, _ in found.insert) == NAMES
    assert dict(found.insert)["X-Mailtriage-Status"] == "overload"


def test_outbound_mail_only_loses_forged_fields() -> None:
    outbound = Triage(direction=Direction.OUTBOUND)
    assert edits(["X-Mailtriage", "To"], outbound) == Edits((Deletion("x-mailtriage", 1),))
    assert edits(["To"], outbound, profile=ZAMMAD) == Edits()


def test_the_fields_of_a_profile_follow_ours_and_only_sound_ones_go_out() -> None:
    found = edits([], Triage(priority=Priority.HIGH), profile=ZAMMAD)
    assert found.insert[len(NAMES) :] == (("X-Zammad-Ticket-Priority", "3 high"),)


def test_knowledge_base_and_acknowledgement_are_what_the_caller_says() -> None:
    found = dict(edits([], Triage(), kb="kb-7", ack="sent").insert)
    assert (found["X-Mailtriage-Kb"], found["X-Mailtriage-Ack"]) == ("kb-7", "sent")
    assert "kb=kb-7; ack=sent;" in found["X-Mailtriage"]


NAME = st.sampled_from(
    ["X-Mailtriage", "x-mailtriage-skill", "X-MAILTRIAGE-SKILL", "X-Mailtriagefoo", "Subject", "To"]
)


@given(st.lists(NAME, max_size=12), st.sampled_from(["", " ", "\t"]))
def test_whatever_was_forged_the_mail_has_each_of_our_fields_once_and_keeps_all_others(
    names: list[str], blank: str
) -> None:
    raw = "".join(f"{name}{blank}: {number}\r\n" for number, name in enumerate(names)).encode()
    raw += b"\r\nbody\r\n"
    found = edits(header_names(raw), Triage())
    lines = apply_edits(raw, found).decode().split("\r\n")
    ours = [f"{name}: {value}" for name, value in found.insert]
    others = [
        f"{name}{blank}: {number}"
        for number, name in enumerate(names)
        if name in ("X-Mailtriagefoo", "Subject", "To")
    ]
    assert lines == [*ours, *others, "", "body", ""]


def test_edits_cannot_be_changed_once_made() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        edits([], Triage()).insert = ()  # type: ignore[misc]  # what the test is about


@pytest.mark.parametrize(
    ("helpdesk", "field"),
    [
        ("zammad", ("X-Zammad-Send-Auto-Response", "false")),
        ("znuny", ("X-OTRS-Loop", "yes")),
        ("otobo", ("X-OTOBO-Loop", "yes")),
    ],
)
def test_a_helpdesk_is_told_not_to_acknowledge_what_we_do(
    helpdesk: str, field: tuple[str, str]
) -> None:
    profile = replace(shipped_profile(helpdesk) or GENERIC, emits=())
    forged = [field[0], "X-Zammad-Ignore" if helpdesk == "zammad" else field[0]]
    quiet = edits(forged, Triage(), profile=profile, silence=True)
    assert quiet.insert[len(NAMES) :] == (field,)
    assert {one.name for one in quiet.delete} == {name.lower() for name in forged}
    assert edits([], Triage(), profile=profile).insert[len(NAMES) :] == ()
