"""Each format of labelled mail, read from files that a mail person can read."""

import gzip
import mailbox
import shutil
from pathlib import Path

import pytest

from mailtriage.labelled import Example, LabelledSet, UnreadableMail, read_labelled
from mailtriage.labelled.model import Stored
from mailtriage.mail.model import Limits
from mailtriage.triage.model import Churn, Kind, Mood, Priority, Thread

DATA = Path(__file__).with_name("data")
LIMITS = Limits()


def by_id(read: LabelledSet) -> dict[str, Example]:
    return {example.id: example for example in read.examples}


def skills(read: LabelledSet) -> list[tuple[str, str | None]]:
    return [(example.id, example.skill) for example in read.examples]


def subjects(read: LabelledSet) -> list[str]:
    return [example.mail(LIMITS).subject for example in read.examples]


def copied(name: str, to: Path) -> Path:
    return Path(shutil.copytree(DATA / name, to / name))


class TestMailsWithAFileOfLabels:
    def test_every_label_is_read(self) -> None:
        example = by_id(read_labelled(DATA / "mails"))["m1"]
        assert (example.language, example.skill, example.skills_also) == ("sv", "billing", ())
        assert (example.priority, example.mood) == (Priority.NORMAL, Mood.NEUTRAL)
        assert (example.churn, example.kind, example.thread) == (Churn.LOW, Kind.HUMAN, Thread.NEW)
        assert example.newest_text is not None
        assert example.newest_text.startswith("Hej,\nbeloppet")
        assert example.weight is None
        assert example.place == "labels.jsonl:1"
        assert example.file == DATA / "mails" / "eml" / "sv-faktura.eml"

    def test_what_nobody_said_is_not_known(self) -> None:
        example = by_id(read_labelled(DATA / "mails"))["m2"]
        assert (example.skill, example.skills_also, example.mood) == (None, None, None)
        assert (example.newest_text, example.thread) == (None, None)

    def test_a_number_is_an_id_and_labels_are_brought_to_one_spelling(self) -> None:
        example = by_id(read_labelled(DATA / "mails"))["3"]
        assert (example.language, example.mood) == ("fr", Mood.NEGATIVE)
        assert (example.skills_also, example.weight) == (("complaint",), 2.0)
        assert example.place == "labels.jsonl:4"

    def test_a_mail_that_is_gone_is_named_and_the_others_are_read(self) -> None:
        read = read_labelled(DATA / "mails")
        assert sorted(by_id(read)) == ["3", "m1", "m2"]
        missing = DATA / "mails" / "eml" / "missing.eml"
        assert read.unreadable == (f"{missing}: no such file or directory",)

    def test_the_envelope_is_what_the_delivered_mail_tells(self) -> None:
        examples = by_id(read_labelled(DATA / "mails"))
        written = examples["m1"].mail(LIMITS)
        assert written.envelope.sender == "kim@kund.example"
        assert written.envelope.recipients == ("support@butik.example",)
        bounce = examples["m2"].mail(LIMITS)
        assert bounce.envelope.sender == ""
        assert bounce.envelope.recipients == ("support@butik.example",), "X-Original-To goes first"
        bare = examples["3"].mail(LIMITS)
        assert bare.envelope.sender == "zoe@client.example"
        assert bare.envelope.recipients == ("aide@boutique.example",)

    def test_the_file_of_labels_may_be_named_itself_or_be_packed(self, tmp_path: Path) -> None:
        folder = copied("mails", tmp_path)
        expected = skills(read_labelled(folder))
        assert skills(read_labelled(folder / "labels.jsonl")) == expected
        labels = folder / "labels.jsonl"
        (folder / "gold.jsonl.gz").write_bytes(gzip.compress(labels.read_bytes()))
        labels.unlink()
        assert skills(read_labelled(folder)) == expected


class TestUtterances:
    def test_a_folder_of_files_one_a_language(self) -> None:
        read = read_labelled(DATA / "utterances")
        assert [(example.id, example.language, example.skill) for example in read.examples] == [
            ("de-001", "de", "billing"),
            ("de-002", "de", "technical"),
            ("pl-001", "pl", "delivery"),
            ("pl-002", "en", "delivery"),
        ]
        assert by_id(read)["de-001"].skills_also == ("general",)
        assert by_id(read)["de-001"].industry == "energy"
        assert by_id(read)["pl-001"].skills_also is None

    def test_the_mail_of_an_utterance_has_nothing_but_subject_and_text(self) -> None:
        example = by_id(read_labelled(DATA / "utterances" / "de.jsonl"))["de-001"]
        assert (example.file, example.raw(LIMITS)) == (None, b"")
        mail = example.mail(LIMITS)
        assert mail.subject == mail.headers.first("Subject") == "Abschlag"
        text = "Warum ist mein Abschlag gestiegen?\nBitte um Erklärung."
        assert (mail.text, mail.newest_text) == (text, text)
        assert (mail.from_address, mail.envelope.recipients) == ("", ())

    def test_a_packed_file_is_recognised_by_what_stands_in_it(self, tmp_path: Path) -> None:
        file = tmp_path / "download"
        file.write_bytes(gzip.compress((DATA / "utterances" / "pl.jsonl").read_bytes()))
        assert [example.id for example in read_labelled(file).examples] == ["pl-001", "pl-002"]

    def test_norwegian_of_either_kind_is_one_language(self, tmp_path: Path) -> None:
        for name in ("nb", "nn", "no"):
            (tmp_path / f"{name}.jsonl").write_text('{"text": "Hei", "skill": "sales"}\n')
        assert {example.language for example in read_labelled(tmp_path).examples} == {"nb"}


class TestFolders:
    def test_the_name_of_the_folder_is_the_skill(self) -> None:
        read = read_labelled(DATA / "sorted")
        assert skills(read) == [
            ("Billing & Payments/1.eml", "billing-payments"),
            ("Rücksendungen/a.eml", "rucksendungen"),
            ("Rücksendungen/älter/1", "rucksendungen"),
        ]
        assert subjects(read) == ["Regning", "Schuhe", "Hose"]
        assert read.notes == (
            "left out, without a label: 1",
            "read: 'Billing & Payments' as billing-payments, 'Rücksendungen' as rucksendungen",
        )

    def test_a_maildir_with_hidden_folders(self, tmp_path: Path) -> None:
        root = mailbox.Maildir(tmp_path / "Maildir")
        root.add(b"Subject: in the inbox\n\nx\n")
        for folder in ("Faktura", "INBOX.Levering", "R&APw-cksendung", "Faktura.2024", "Sent"):
            root.add_folder(folder).add(f"Subject: in {folder}\n\nx\n".encode())
        read = read_labelled(tmp_path / "Maildir")
        assert sorted(
            zip(subjects(read), (entry.skill for entry in read.examples), strict=True)
        ) == [
            ("in Faktura", "faktura"),
            ("in Faktura.2024", "faktura"),
            ("in INBOX.Levering", "levering"),
            ("in R&APw-cksendung", "rucksendung"),
        ]
        assert "left out, folders of the mail program: Sent" in read.notes
        assert "left out, without a label: 1" in read.notes

    def test_folders_that_are_maildirs_and_what_is_still_being_delivered(
        self, tmp_path: Path
    ) -> None:
        box = mailbox.Maildir(tmp_path / "Verkoop")
        box.add(b"Subject: nieuw\n\nx\n")
        seen = mailbox.MaildirMessage(b"Subject: gezien\n\nx\n")
        seen.set_subdir("cur")
        seen.set_flags("S")
        box.add(seen)
        (tmp_path / "Verkoop" / "tmp" / "half").write_bytes(b"Subject: ha")
        read = read_labelled(tmp_path)
        assert sorted(subjects(read)) == ["gezien", "nieuw"]
        assert {example.skill for example in read.examples} == {"verkoop"}


class TestMailboxWithATable:
    @pytest.mark.parametrize("name", ["mail.mbox", "mail.csv", "."])
    def test_messages_are_found_by_their_id(self, name: str) -> None:
        read = read_labelled(DATA / "box" / name)
        assert skills(read) == [("mail.mbox#1", "billing"), ("mail.mbox#2", "delivery")]
        assert subjects(read) == ["Factura", "Pakken"]
        first, second = read.examples
        assert (first.skills_also, second.skills_also) == (None, ("complaint", "general"))
        assert second.priority is Priority.HIGH
        assert "nu af skriver jeg hver dag" in second.mail(LIMITS).text
        assert "Opzeggen" not in second.mail(LIMITS).text
        assert read.notes == ("left out, without a label: 1",)

    def test_messages_are_found_by_their_number(self, tmp_path: Path) -> None:
        shutil.copy(DATA / "box" / "mail.mbox", tmp_path)
        shutil.copy(DATA / "tables" / "tickets.tsv", tmp_path / "mail.tsv")
        read = read_labelled(tmp_path / "mail.mbox")
        assert [(example.id, example.skill, example.language) for example in read.examples] == [
            ("mail.mbox#3", "cancellation", "nl"),
            ("mail.mbox#1", "billing", "es"),
        ]
        assert subjects(read) == ["Opzeggen", "Factura"]

    def test_the_numbers_are_those_of_explain(self) -> None:
        box = mailbox.mbox(DATA / "box" / "mail.mbox", create=False)
        expected = [box.get_bytes(key) for key in box.iterkeys()]
        box.close()
        read = read_labelled(DATA / "box")
        for example in read.examples:
            number = int(example.id.rpartition("#")[2])
            raw = example.raw(LIMITS).partition(b"\n")[2]
            assert raw.rstrip(b"\n") == expected[number - 1].rstrip(b"\n")


class TestTables:
    def test_semicolons_a_byte_order_mark_and_texts_of_several_lines(self) -> None:
        read = read_labelled(DATA / "tables" / "tickets.csv")
        assert [(example.place, example.skill, example.priority) for example in read.examples] == [
            ("tickets.csv:2", "billing", Priority.NORMAL),
            ("tickets.csv:4", "sales", Priority.LOW),
        ]
        mail = read.examples[0].mail(LIMITS)
        assert (mail.subject, mail.newest_text) == (
            "Lasku",
            'Lasku on väärin;\nmiksi "uusi" maksu?',
        )
        assert read.notes == ("left out, without a label: 1", "not used: priorität")

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_the_separator_is_recognised(self, tmp_path: Path, separator: str) -> None:
        rows = [
            ("text", "skill", "Skills also", "weight"),
            ("Hola", "sales", "billing|returns", "0.5"),
        ]
        file = tmp_path / "any.csv"
        file.write_text("".join(separator.join(row) + "\n" for row in rows))
        (example,) = read_labelled(file).examples
        assert (example.skill, example.skills_also, example.weight) == (
            "sales", ("billing", "returns"), 0.5,
        )  # fmt: skip

    def test_rows_may_name_files(self, tmp_path: Path) -> None:
        shutil.copy(DATA / "mails" / "eml" / "sv-faktura.eml", tmp_path)
        (tmp_path / "a.csv").write_text("skill,file\nbilling,sv-faktura.eml\n")
        (example,) = read_labelled(tmp_path / "a.csv").examples
        assert example.mail(LIMITS).subject == "Fel belopp på fakturan"


def test_the_newest_text_may_be_empty_which_is_a_label(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(b"Subject: nothing\n\n> quoted\n")
    (tmp_path / "labels.jsonl").write_text('{"file": "a.eml", "newest_text": ""}\n')
    (example,) = read_labelled(tmp_path).examples
    assert example.newest_text == ""


def test_a_mail_over_the_limit_is_cut_as_live_mail_is(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    file = tmp_path / "sales" / "a.eml"
    file.write_bytes(b"Subject: long\n\n" + b"word\n" * 1000 + b"the end\n")
    limits = Limits(max_scan_bytes=1000, max_header_bytes=500)
    (example,) = read_labelled(tmp_path, limits).examples
    assert len(example.raw(limits)) == 1501
    mail = example.mail(limits)
    assert (mail.truncated, mail.body_bytes) == (True, 1000)
    assert "the end" not in mail.text
    assert not example.mail(Limits()).truncated


def test_a_text_over_the_limit_is_cut(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "%s", "skill": "sales"}\n' % ("ab " * 1000))
    limits = Limits(max_text_chars=300)
    (example,) = read_labelled(tmp_path, limits).examples
    assert len(example.mail(limits).newest_text) == 299


def test_a_mail_that_goes_away_later_says_so(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    file = tmp_path / "sales" / "a.eml"
    file.write_bytes(b"Subject: x\n\nx\n")
    (example,) = read_labelled(tmp_path).examples
    file.unlink()
    with pytest.raises(UnreadableMail, match=r"a\.eml: no such file or directory"):
        example.mail(LIMITS)


def test_a_set_holds_places_and_not_the_mails() -> None:
    assert all(isinstance(one.source, Stored) for one in read_labelled(DATA / "sorted").examples)
