"""What read_message finds in whole mails, sound and broken ones."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from mailtriage.mail import (
    Attachment,
    Client,
    Envelope,
    Limits,
    MailStatus,
    read_mail,
    read_message,
)


@dataclass(frozen=True)
class Case:
    """A file of tests/mail/data and what is in it; empty fields must be empty in the mail, too."""

    name: str
    text: str
    subject: str = ""
    files: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    encrypted: bool = False


CASES = [
    # charsets
    Case("latin1-qp", "Hej!\n\nMina skor (order 5512) skulle ha kommit i måndags. Är de på väg?\n\nMvh Karin",
         subject="Är skorna på väg?"),
    Case("utf8-called-latin1", "Guten Tag, die Jacke ist zu groß. Wie schicke ich sie zurück?",
         subject="Rueckgabe", defects=("charset",)),
    Case("unknown-charset", "Żółty płaszcz nie pasuje, proszę o wymianę.", subject="Order", defects=("charset",)),
    Case("zlib-charset", "Hello, where is my parcel?", subject="Order"),
    Case("no-charset-8bit", "Hallo, wo bleibt mein Paket? Grüße, Jörg", subject="Paket", defects=("charset",)),
    Case("broken-utf8", "Ma nouvelle adresse est 5 rue de l’Été, à Évry — mer\ufffd\ufffd",
         subject="Adresse", defects=("charset",)),
    Case("utf16-base64", "Where is my parcel? Ключ.", subject="Parcel"),
    Case("iso2022jp", "返品したいです。", subject="返品"),
    Case("nul-bytes", "My order 5512 is late.", subject="Order", defects=("nul",)),
    Case("broken-base64", "The coat never came, please help me.", subject="Order", defects=("base64",)),
    # headers and line ends
    Case("header-8bit", "Kan jag fortfarande ångra köpet?", subject="Är det försent?", defects=("charset",)),
    Case("header-8bit-name", "X-åäö: this line is no field\nX-Late: so this is text\n\nAnd so is this.",
         subject="Name", defects=("no-blank-line", "charset")),
    Case("encoded-words", "Varför?", subject="Räkning på 412 kr åter!", defects=("charset",)),
    Case("crlf", "Jag vill returnera.", subject="Retur"),
    Case("bare-cr", "Ik wil de schoenen ruilen.", subject="Retour", defects=("bare-cr",)),
    Case("no-blank-line", "Hello, this text follows the header at once.\n\nRegards, Jo",
         subject="Return", defects=("no-blank-line",)),
    Case("mbox-from-line", "Jag saknar en faktura.", subject="Faktura"),
    Case("header-only", "", subject="Ring mig"),
    # the tree
    Case("alternative", "Bonjour, ma commande 881 n’est pas arrivée.", subject="Commande"),
    Case("alternative-stub", "Hvor er pakken min?\nHilsen Ola", subject="Bestilling"),
    Case("alternative-empty-plain", "Missä pakettini on?", subject="Tilaus"),
    Case("related-inline-image", "Der Stuhl ist kaputt, siehe Bild.", subject="Defekt", files=("bild.png", "Rechnung.pdf")),
    Case("attachment-names", "See the files.", subject="Dokument",
         files=("Kvitto för mars.pdf", "Bild på skada.jpg", "winmail.dat", "list.csv")),
    Case("attachment-only", "", subject="Kuitti", files=("kuitti.pdf",)),
    Case("forwarded-as-attachment", "Det här fick jag av er, vad betyder det?", subject="Vidarebefordrat",
         files=("",), defects=("charset",)),
    Case("bounce-report", "Your message could not be delivered.", subject="Undelivered Mail Returned to Sender",
         files=("", "")),
    Case("signed", "Jag vill säga upp avtalet.", subject="Uppsägning", files=("signature.asc",)),
    Case("no-end-boundary", "De kast is beschadigd.", subject="Klacht", files=("kast.jpg",), defects=("mime-end",)),
    Case("wrong-boundary", "Jeg venter stadig på pengene.", subject="Klage", defects=("mime-boundary",)),
    Case("no-boundary", "Ho ricevuto la taglia sbagliata.", subject="Reclamo", defects=("mime-boundary",)),
    Case("equal-boundaries", "Zamek w kurtce nie działa.", subject="Reklamacja", files=("paragon.pdf",),
         defects=("mime-boundary",)),
    Case("boundary-like-regex",
         "Falta una pieza del pedido.\n--(.*)+[a-z]?$x\nnot a boundary, only begins like one", subject="Pedido"),
    Case("part-without-blank-line", "A aplicação não abre.", subject="Ajuda", defects=("no-blank-line",)),
    # formats
    Case("flowed", "This is one paragraph, wrapped between words.\n\nThe next one.", subject="Flow"),
    Case("flowed-delsp", "This is one paragraph, cut within words.\n\nFrom space-stuffed.", subject="Flow"),
    Case("html-preheader", "First & last\n\n- one\n- two\n\nA\tB", subject="Nyhet"),
    Case("html-form", "Bitte ändern Sie meine Lieferadresse auf den Lindenweg 4, ich bin umgezogen.",
         subject="Kontaktformular"),
    Case("html-outlook-reply", "Hej,\n\nnej tack, jag vill ha pengarna tillbaka.\nKarin", subject="SV: Order"),
    Case("html-gmail-inline", "See below.\n\nBlue, please.\n\nSize 41.", subject="Re: Order"),
    Case("reply-with-disclaimer", "Hej Lisa,\n\nfakturan är fortfarande fel, momsen saknas.", subject="RE: Faktura",
         defects=("charset",)),
    # what nobody but the recipient can read
    Case("pgp-mime", "", subject="...", files=("", "encrypted.asc"), encrypted=True),
    Case("pgp-inline", "", subject="Secret", encrypted=True),
    Case("pgp-clearsigned", "Please close my account.", subject="Signed"),
    Case("smime-enveloped", "", subject="Encrypted", files=("smime.p7m",), encrypted=True),
    Case("smime-enveloped-unnamed", "", subject="Encrypted", files=("smime.p7m",), encrypted=True),
    Case("smime-signed-opaque", "", subject="Signed", files=("smime.p7m",)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_sample(case: Case, sample: Callable[[str], bytes]) -> None:
    mail = read_message(sample(case.name))
    assert mail.newest_text == case.text
    assert mail.subject == case.subject
    assert tuple(item.name for item in mail.attachments) == case.files
    assert mail.defects == case.defects
    assert mail.encrypted is case.encrypted
    assert mail.status is (MailStatus.OK if case.text else MailStatus.UNREAD)


def test_every_sample_has_a_case(samples: dict[str, bytes]) -> None:
    assert set(samples) == {case.name for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_milter_hands_over_the_same_mail(case: Case, sample: Callable[[str], bytes]) -> None:
    whole = read_message(sample(case.name))
    pairs = [(field.name, b" " + field.raw.replace(b"\n", b"\r\n")) for field in whole.headers]
    raw = sample(case.name)
    body = raw[len(raw) - whole.body_bytes :]
    split = read_mail(pairs, body)
    assert (split.subject, split.from_address, split.text) == (
        whole.subject,
        whole.from_address,
        whole.text,
    )
    assert split.attachments == whole.attachments
    assert [(field.name, field.raw) for field in split.headers] == [
        (field.name, field.raw.replace(b"\r", b"")) for field in whole.headers
    ]


def test_who_and_which_thread(sample: Callable[[str], bytes]) -> None:
    mail = read_message(sample("reply-with-disclaimer"))
    assert (mail.from_name, mail.from_address) == ("Karin Lind", "karin@kund.example")
    assert mail.message_id == "<disc@kund.example>"
    assert mail.references == ("<one@butik.example>", "<two@butik.example>")


def test_envelope_client_and_queue_id_are_carried_along() -> None:
    envelope = Envelope("a@b.example", ("c@d.example",))
    client = Client(address="192.0.2.1")
    mail = read_mail(
        [("Subject", b"x")], b"text", envelope=envelope, client=client, queue_id="4XYZ"
    )
    assert (mail.envelope, mail.client, mail.queue_id) == (envelope, client, "4XYZ")


def test_attachments_say_what_and_how_big(sample: Callable[[str], bytes]) -> None:
    picture, invoice = read_message(sample("related-inline-image")).attachments
    assert picture == Attachment("bild.png", "image/png", 12, inline=True)
    assert invoice == Attachment("Rechnung.pdf", "application/pdf", 12, inline=False)


def test_header_names_keep_their_case_and_order() -> None:
    mail = read_message(b"subJECT: a\nX-One : 1\nSubject: b\n c\n\ntext")
    assert [field.name for field in mail.headers] == ["subJECT", "X-One", "Subject"]
    assert mail.headers.values("SUBJECT") == ["a", "b c"]
    assert mail.subject == "a"


def test_a_header_of_8_bit_names_from_a_milter() -> None:
    mail = read_mail([("X-\udce5", b"1"), ("Subject", b"\xe5\xe4\xf6 \xff")], b"")
    assert mail.headers.count("X-\udce5") == 1
    assert mail.subject == "åäö ÿ"


class TestLimits:
    """Bounds hold, and the mail says that it was cut."""

    def test_body_beyond_max_scan_bytes_is_not_looked_at(self) -> None:
        mail = read_message(b"A: b\n\n" + b"x" * 5000, limits=Limits(max_scan_bytes=1000))
        assert (mail.body_bytes, mail.truncated, mail.text) == (1000, True, "x" * 1000)

    def test_text_is_cut_at_max_text_chars(self) -> None:
        mail = read_message(b"A: b\n\n" + "å".encode() * 5000, limits=Limits(max_text_chars=100))
        assert (mail.text, mail.truncated) == ("å" * 100, False)

    def test_a_letter_cut_in_two_is_no_defect(self) -> None:
        head = b"Content-Type: text/plain; charset=utf-8\n\n"
        mail = read_message(head + b"x" + "å".encode() * 5000, limits=Limits(max_text_chars=100))
        assert mail.defects == ()
        assert "\ufffd" not in mail.text

    def test_a_caller_that_stopped_early_says_so(self) -> None:
        head = [("Content-Type", b"multipart/mixed; boundary=b")]
        body = b"--b\n\ntext\n--b\nContent-Type: image/png\n\nxxxx"
        assert read_mail(head, body).defects == ("mime-end",)
        cut = read_mail(head, body, body_complete=False)
        assert (cut.defects, cut.truncated) == ((), True)

    def test_number_of_parts(self) -> None:
        parts = b"--b\nContent-Type: image/png\n\nx\n" * 5000
        mail = read_message(b"Content-Type: multipart/mixed; boundary=b\n\n" + parts)
        assert len(mail.attachments) <= Limits().max_parts
        assert "mime-parts" in mail.defects

    def test_endless_nesting(self) -> None:
        raw = b""
        for level in range(3000):
            raw += b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level)
        mail = read_message(raw + b"\nhello")
        assert "mime-depth" in mail.defects
        assert mail.status is MailStatus.UNREAD

    def test_nested_messages_are_not_opened(self) -> None:
        mail = read_message(b"Content-Type: message/rfc822\n\n" * 10_000)
        assert len(mail.attachments) == 1

    def test_number_of_header_fields(self) -> None:
        mail = read_message(b"A: b\n" * 5000 + b"\ntext")
        assert len(mail.headers) == Limits().max_headers
        assert "header-size" in mail.defects
        assert mail.text == "text"

    @pytest.mark.parametrize(
        "raw",
        [
            b"x" * 64_000_000,
            b"Subject: " + b"x" * 64_000_000,
            b"Subject: a\n\n" + b"x" * 64_000_000,
            b"\r" * 64_000_000,
            b"\0" * 64_000_000,
        ],
        ids=["no header", "header line", "body line", "carriage returns", "nul"],
    )
    def test_a_64_megabyte_line(self, raw: bytes) -> None:
        mail = read_message(raw)
        assert len(mail.text) <= Limits().max_text_chars
        assert sum(len(field.raw) for field in mail.headers) <= Limits().max_header_bytes
        assert "bug" not in mail.defects

    def test_a_body_behind_an_oversized_header_is_found(self) -> None:
        mail = read_message(b"A: " + b"x" * 300_000 + b"\n\nthe text")
        assert mail.text == "the text"
        assert "header-size" in mail.defects


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"\r\n\r\n", b":", b": x\n", b"\0", b"From ", b"\xff" * 10, b"A:"]
)
def test_next_to_nothing(raw: bytes) -> None:
    mail = read_message(raw)
    assert "bug" not in mail.defects


def test_a_bug_of_ours_still_gives_a_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise RecursionError

    monkeypatch.setattr("mailtriage.mail.read.read_body", broken)
    mail = read_message(b"Subject: x\n\ntext", queue_id="4X")
    assert (mail.status, mail.defects, mail.queue_id) == (MailStatus.UNREAD, ("bug",), "4X")
    assert mail.headers.first("subject") == "x"
