"""Corrections as labels: which mails of an archive are lessons, and which labels they override."""

import gzip
import mailbox
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.labelled import LabelledSet, read_labelled
from mailtriage.learning.corrections import Corrected, gently, with_corrections
from mailtriage.learning.own import plan
from mailtriage.learning.texts import Lesson
from mailtriage.mail.model import Limits
from mailtriage.state.feedback import Correction, Facet

TOKENS = Tokens(b"a secret of the tests, 32 bytes and more")
LIMITS = Limits()


def mail(number: int, *, header: str = "") -> bytes:
    return (
        f"From: joe@customer.example\n{header}Message-ID: <m{number}@customer.example>\n"
        f"Subject: x\n\nHello {number}\n"
    ).encode()


def said(number: int, value: str, facet: Facet = "skill", before: str = "") -> Correction:
    message = TOKENS.pseudonym("message-id", f"<m{number}@customer.example>")
    return Correction(message, facet, value, "mail", 1.0, before)


def corrected(
    corrections: list[Correction], *archives: Path, labelled: LabelledSet | None = None
) -> Corrected:
    return with_corrections(labelled, archives, corrections, TOKENS, LIMITS)


def labels(found: Corrected) -> list[tuple[str, str | None]]:
    """First words of each mail, and its skill."""
    return [
        (one.raw(LIMITS).split(b"Hello ")[1].split()[0].decode(), one.skill)
        for one in found.labelled.examples
    ]


def folder(place: Path, numbers: range) -> Path:
    place.mkdir()
    for number in numbers:
        (place / f"{number}.eml").write_bytes(mail(number))
    return place


def maildir(place: Path, numbers: range) -> Path:
    box = mailbox.Maildir(place, create=True)
    sent = box.add_folder("Sent")
    for number in numbers:
        (box if number % 2 else sent).add(mail(number))
    (place / "tmp" / "half").write_bytes(mail(0))
    (place / "dovecot-uidlist").write_bytes(mail(0))
    return place


def mbox(place: Path, numbers: range) -> Path:
    box = mailbox.mbox(place)
    for number in numbers:
        box.add(mail(number))
    box.close()
    return place


@pytest.mark.parametrize("make", [folder, maildir, mbox])
def test_the_corrected_mails_of_an_archive_and_no_others_are_lessons(
    tmp_path: Path, make: Callable[[Path, range], Path]
) -> None:
    archive = make(tmp_path / "archive", range(1, 6))
    found = corrected([said(2, "billing"), said(3, "returns"), said(9, "sales")], archive)
    assert sorted(labels(found)) == [("2", "billing"), ("3", "returns")]
    assert (found.corrected, found.used, found.overridden, found.missing) == (3, 2, 0, 1)


def test_every_facet_that_can_be_learnt_and_the_language(tmp_path: Path) -> None:
    archive = folder(tmp_path / "archive", range(1, 2))
    found = corrected(
        [said(1, "billing"), said(1, "urgent", "priority"), said(1, "sv", "language")], archive
    )
    (one,) = found.labelled.examples
    assert (one.skill, one.priority, one.language) == ("billing", "urgent", "sv")


def test_of_the_answer_or_the_language_alone_nothing_can_be_learnt(tmp_path: Path) -> None:
    archive = folder(tmp_path / "archive", range(1, 3))
    found = corrected([said(1, "bad", "answer"), said(2, "sv", "language")], archive)
    assert found.labelled.examples == ()
    assert (found.corrected, found.other) == (0, 2)


def test_a_mail_that_lies_there_twice_is_one_lesson(tmp_path: Path) -> None:
    archives = [folder(tmp_path / name, range(1, 3)) for name in ("one", "two")]
    found = corrected([said(1, "billing")], *archives)
    assert labels(found) == [("1", "billing")]


def labelled_folder(place: Path) -> LabelledSet:
    place.mkdir()
    folder(place / "sales", range(1, 4))
    folder(place / "delivery", range(4, 6))
    return read_labelled(place, LIMITS)


def test_a_correction_goes_before_the_label(tmp_path: Path) -> None:
    labelled = labelled_folder(tmp_path / "labelled")
    found = corrected([said(2, "billing"), said(4, "low", "priority")], labelled=labelled)
    assert dict(labels(found)) == {
        "1": "sales", "2": "billing", "3": "sales", "4": "delivery", "5": "delivery",
    }  # fmt: skip
    assert [one.priority for one in found.labelled.examples].count("low") == 1  # type: ignore[arg-type]
    assert (found.used, found.overridden, found.missing) == (0, 2, 0)
    assert len(found.labelled.examples) == len(labelled.examples)


def test_skills_that_were_accepted_beside_the_old_one_are_gone(tmp_path: Path) -> None:
    labelled = labelled_folder(tmp_path / "labelled")
    second = [replace(one, skills_also=("returns",)) for one in labelled.examples]
    labelled = replace(labelled, examples=tuple(second))
    found = corrected([said(2, "billing")], labelled=labelled)
    assert [one.skills_also for one in found.labelled.examples if one.skill == "billing"] == [None]


def test_a_mail_that_is_labelled_is_not_learnt_from_the_archive_again(tmp_path: Path) -> None:
    labelled = labelled_folder(tmp_path / "labelled")
    archive = folder(tmp_path / "archive", range(1, 8))
    found = corrected([said(2, "billing"), said(7, "billing")], archive, labelled=labelled)
    assert len(found.labelled.examples) == len(labelled.examples) + 1
    assert (found.used, found.overridden) == (1, 1)


def test_how_many_had_been_judged_wrong(tmp_path: Path) -> None:
    archive = folder(tmp_path / "archive", range(1, 5))
    found = corrected(
        [
            said(1, "billing", before="sales"),
            said(2, "billing", before="billing"),
            said(3, "billing"),
            said(9, "billing", before="sales"),
        ],
        archive,
    )
    assert found.wrong == 1


def test_a_long_header_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.eml").write_bytes(mail(1, header="X-Long: y\n" * 5000))
    assert corrected([said(1, "billing")], tmp_path / "a").used == 1


def test_a_message_id_in_the_text_is_none(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.eml").write_bytes(b"From: a@b.example\n\n" + mail(1))
    assert corrected([said(1, "billing")], tmp_path / "a").used == 0


def test_what_is_no_mail_is_passed_over(tmp_path: Path) -> None:
    archive = folder(tmp_path / "archive", range(1, 3))
    (archive / "0.gz").write_bytes(gzip.compress(b"x" * 1000))
    (archive / "empty").touch()
    os.mkfifo(archive / "pipe")
    (archive / "link").symlink_to(archive)
    (archive / "gone").symlink_to(archive / "nowhere")
    assert corrected([said(1, "billing")], archive).used == 1


def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        corrected([said(1, "billing")], tmp_path / "nowhere")


def lesson(name: str, skill: str) -> Lesson:
    return Lesson(name, name, (), {"skill": skill})


def test_mistakes_alone_neither_drown_the_corpus_nor_overrule_it() -> None:
    """They are no sample of the mail: weighed as labelled mail is, they spoil what was right."""
    own = [lesson("a", "billing"), lesson("b", "sales")]
    corpus = [lesson(f"c{number}", "billing") for number in range(50)]
    usual = plan(own, corpus)
    assert usual.own[0].weight > 1
    assert usual.corpus[0].weight < 1
    found = gently(usual, corpus)
    assert {one.weight for one in (*found.own, *found.corpus)} == {1.0}
    assert (found.facets, found.lift) == (usual.facets, 0.0)


def test_without_a_corpus_beside_them_they_are_all_there_is() -> None:
    own = [lesson("a", "billing"), lesson("b", "sales")]
    for only, corpus in ((True, [lesson("c", "billing")]), (False, [])):
        course = plan(own, corpus, only=only)
        assert gently(course, corpus) == course
