"""Real and realistic mails: never a bug, what the standard library reads, and the newest text.

The figures are floors a little below what is reached; the gold's conventions are in its README.
"""

import email
import email.header
import email.message
import email.utils
import pathlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mailtriage.mail import Limits, Mail, MailStatus, newest_text, read_message
from mailtriage.mail.htmltext import html_to_text

Shared = Callable[[str], pathlib.Path]
JsonLines = Callable[[pathlib.Path], Iterator[dict[str, Any]]]


def normal(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def real(shared_file: Shared) -> list[tuple[str, bytes, Mail]]:
    """The real mails of 2002 to 2006, spam among them."""
    paths = sorted(shared_file("mail").glob("*.eml"))
    raws = [path.read_bytes() for path in paths]
    return [(path.name, raw, read_message(raw)) for path, raw in zip(paths, raws, strict=True)]


@pytest.fixture(scope="module")
def gold(shared_file: Shared, json_lines: JsonLines) -> list[tuple[dict[str, Any], Mail]]:
    folder = shared_file("gold")
    return [
        (label, read_message((folder / label["file"]).read_bytes()))
        for label in json_lines(folder / "gold.jsonl")
    ]


class TestRealMail:
    def test_no_bug_and_limits_hold(self, real: list[tuple[str, bytes, Mail]]) -> None:
        for name, _, mail in real:
            assert "bug" not in mail.defects, name
            assert len(mail.text) <= Limits().max_text_chars, name
            mail.text.encode("utf-8")

    def test_nearly_all_can_be_read(self, real: list[tuple[str, bytes, Mail]]) -> None:
        unread = [name for name, _, mail in real if mail.status is MailStatus.UNREAD]
        assert len(unread) <= len(real) * 0.01, unread

    def test_text_is_what_the_standard_library_reads(
        self, real: list[tuple[str, bytes, Mail]]
    ) -> None:
        different = []
        compared = 0
        for name, raw, mail in real:
            expected = stdlib_plain_text(email.message_from_bytes(raw))
            if expected is None:
                continue
            compared += 1
            if normal(mail.text) != normal(expected)[: len(normal(mail.text)) or None]:
                different.append(name)
        assert compared > 500
        assert different == []

    def test_subjects_are_what_the_standard_library_reads(
        self, real: list[tuple[str, bytes, Mail]]
    ) -> None:
        different = []
        for name, raw, mail in real:
            value = email.message_from_bytes(raw)["subject"]
            if not isinstance(value, str):  # a Header object: 8-bit bytes, on which it gives up
                continue
            expected = str(email.header.make_header(email.header.decode_header(value)))
            if normal(mail.subject) != normal(expected):
                different.append(name)
        assert len(different) <= len(real) * 0.01, different

    def test_senders_are_what_the_standard_library_reads(
        self, real: list[tuple[str, bytes, Mail]]
    ) -> None:
        different = []
        for name, raw, mail in real:
            value = email.message_from_bytes(raw)["from"]
            if not isinstance(value, str):
                continue
            expected = email.utils.parseaddr(value)[1].lower()
            if "@" in expected and mail.from_address != expected:
                different.append(name)
        assert len(different) <= len(real) * 0.005, different


def stdlib_plain_text(message: email.message.Message) -> str | None:
    """Text of a mail that has just one text/plain part in its charset, no PGP; None for others."""
    texts = [
        part
        for part in message.walk()
        if part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment"
    ]
    plain = [part for part in texts if part.get_content_type() == "text/plain"]
    others = {part.get_content_type() for part in texts} - {"text/plain", "text/html"}
    if len(plain) != 1 or others or message.defects or any(part.defects for part in message.walk()):
        return None
    if len(texts) > 1 and message.get_content_type() != "multipart/alternative":
        return None
    part = plain[0]
    payload = part.get_payload(decode=True)
    charset = part.get_content_charset("us-ascii")
    if part.get_param("format") == "flowed" or not isinstance(payload, bytes):
        return None
    try:
        text = payload.decode("cp1252" if charset == "iso-8859-1" else charset)
    except (LookupError, UnicodeDecodeError):
        return None
    if "-----BEGIN PGP" in text or (len(text.strip()) <= 300 and "html" in text.lower()):
        return None
    return text.replace("\0", "")


class TestGold:
    def test_every_mail_is_read_without_a_defect(
        self, gold: list[tuple[dict[str, Any], Mail]]
    ) -> None:
        for label, mail in gold:
            assert (mail.status, mail.defects) == (MailStatus.OK, ()), label["id"]

    def test_newest_text(self, gold: list[tuple[dict[str, Any], Mail]]) -> None:
        right: Counter[str] = Counter()
        total: Counter[str] = Counter()
        for label, mail in gold:
            for key in (
                label["kind"],
                f"human {label['language']}" if label["kind"] == "human" else "other",
            ):
                total[key] += 1
                right[key] += normal(mail.newest_text) == normal(label["newest_text"])
        assert right["human"] >= 0.97 * total["human"]
        for key in total:
            if key.startswith("human "):
                assert right[key] >= 0.9 * total[key], key


class TestReplies:
    def test_real_fixtures_of_other_reply_parsers(
        self, shared_file: Shared, json_lines: JsonLines
    ) -> None:
        right = total = 0
        for case in json_lines(shared_file("reply_crisp_alfonsrv_talon.jsonl.gz")):
            mail = case["mail"].replace("\r\n", "\n")
            text = mail if case["fmt"] == "text" else html_to_text(mail, 32_768)
            total += 1
            right += normal(newest_text(text)) == normal(case["gold"])
        assert right >= 0.92 * total

    def test_client_formats_in_twelve_languages(
        self, shared_file: Shared, json_lines: JsonLines
    ) -> None:
        wrong = []
        for case in json_lines(shared_file("reply_synth12.jsonl.gz")):
            accepted = {normal(text) for text in (case["gold"], *case.get("alt", ()))}
            if normal(newest_text(case["mail"])) not in accepted:
                wrong.append(case["id"])
        assert len(wrong) <= 6, wrong


def test_own_words_never_vanish(gold: list[tuple[dict[str, Any], Mail]]) -> None:
    """Worse than a signature left in is a sentence cut away: the first and longest must be there."""
    lost = []
    for label, mail in gold:
        sentences = re.split(r"(?<=[.!?])\s+", normal(label["newest_text"]))
        longest = max(sentences, key=len)
        if label["kind"] == "human" and longest not in normal(mail.newest_text):
            lost.append(label["id"])
    assert lost == []
