"""The finished acknowledgement, as RFC 3834, RFC 5322 and the helpdesks want it."""

import dataclasses
import quopri
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mailtriage.acks.compose import ComposeError, KbLink, Order, compose
from mailtriage.acks.lint import MAX_SIZE
from mailtriage.acks.templates import Texts, load_texts
from mailtriage.config import Config
from mailtriage.mail.read import read_message
from mailtriage.shipped import shipped_directory
from tests.support.orders import (
    BASE,
    KB,
    NOW,
    ORDER,
    TOKENS,
    Make,
    body,
    parsed,
    read_config,
)


def test_the_whole_message(make: Make) -> None:
    ack_id = TOKENS.ack_message_id(ORDER.key, "desk.example")
    head, _, content = make().decode("ascii").replace("\r\n", "\n").partition("\n\n")
    assert (
        head
        == f"""\
From: Desk Support <help@desk.example>
To: joe@customer.example
Subject: Message received: Where is my parcel?
Date: Wed, 25 Nov 2026 09:52:10 +0100
Message-ID: {ack_id}
In-Reply-To: <m2@customer.example>
References: <m0@customer.example> <m1@customer.example>
 <m2@customer.example>
Auto-Submitted: auto-replied
X-Auto-Response-Suppress: All
X-Mailtriage-Loop: {TOKENS.loop_mark(ORDER.key)}
X-Mailtriage-Ref: {TOKENS.reference(ORDER.key)}
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable
MIME-Version: 1.0
Content-Language: en"""
    )
    text = quopri.decodestring(content.encode()).decode()
    for said in (
        "Wednesday, 25 November 2026 at 09:52 CET",
        "Thursday, 26 November 2026 at 09:52 CET",
        "Wednesday, 25 November 2026 at 10:52 CET",
        TOKENS.reference(ORDER.key),
        KB.url,
        "+49 30 1234 (Mon–Fr 8–18)",
        "https://desk.example/privacy",
        "Desk Support",
    ):
        assert said in text


def test_the_same_order_gives_the_same_bytes(make: Make) -> None:
    assert make() == make()


def test_it_parses_by_strict_rules_and_as_mail_of_a_robot_of_ours(make: Make) -> None:
    message = parsed(make())
    assert message["Subject"] == "Message received: Where is my parcel?"
    assert message["Date"].datetime == datetime.fromtimestamp(int(NOW)).astimezone()
    assert TOKENS.read_ack_message_id(str(message["Message-ID"])) == ORDER.key
    assert read_message(make()).references[-1] == ORDER.message_id


def test_the_body_is_seven_bit_and_its_lines_are_short(make: Make) -> None:
    message = make(language="pl", mailbox="hilfe@desk.example")
    assert message.isascii()
    assert max(map(len, message.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76


class TestSubject:
    def test_a_foreign_subject_comes_back_whole_on_short_lines(self, make: Make) -> None:
        subject = "Rechnung für 日本語 – dritte Mahnung, obwohl längst bezahlt; bitte um Rückruf"
        message = make(subject=subject)
        assert parsed(message)["Subject"] == f"Message received: {subject}"
        assert max(map(len, message.partition(b"\r\nDate:")[0].split(b"\r\n"))) <= 76

    def test_japanese_of_400_characters_is_cut(self, make: Make) -> None:
        subject = parsed(make(subject="請求書" * 134))["Subject"]
        assert subject == "Message received: " + ("請求書" * 134)[:149] + "…"

    def test_re_and_nothing_else_for_helpdesks_that_compare_subjects(self, make: Make) -> None:
        message = make(mailbox="hilfe@desk.example", subject="RE: Where is my parcel?")
        assert parsed(message)["Subject"] == "Re: Where is my parcel?"

    def test_the_fixed_one_where_nothing_may_be_repeated(self, make: Make) -> None:
        assert parsed(make(subject=""))["Subject"] == "Your message has reached us"
        assert parsed(make(generic="encrypted"))["Subject"] == "Your message has reached us"

    def test_the_ticket_of_the_helpdesk(self, make: Make) -> None:
        subject = parsed(make(ticket="[rt.desk.example #12]"))["Subject"]
        assert subject == "Message received: Where is my parcel? [rt.desk.example #12]"

    def test_no_mark_of_ours_that_looks_like_a_ticket(self, make: Make) -> None:
        assert TOKENS.reference(ORDER.key) not in parsed(make())["Subject"]


class TestAddresses:
    def test_a_name_with_a_comma_and_umlauts_and_a_domain_in_a_labels(self, make: Make) -> None:
        message = make(mailbox="hilfe@desk.example")
        sender = parsed(message)["From"].addresses[0]
        assert sender.display_name == "Bürgerservice, „Köln“"
        assert sender.addr_spec == "service@xn--bcher-kva.example"
        assert parsed(message)["Reply-To"] == "antwort@desk.example"
        assert parsed(message)["Message-ID"].endswith("@xn--bcher-kva.example>")

    def test_without_a_name_the_bare_address(self, make: Make) -> None:
        message = make(mailbox="plain@desk.example")
        assert parsed(message)["From"] == "plain@desk.example"
        assert body(message).rstrip().endswith("plain@desk.example")

    def test_an_internationalised_domain_is_sent_as_dns_has_it_and_read_as_people_write_it(
        self, make: Make
    ) -> None:
        message = make(mailbox="hilfe@xn--bcher-kva.example")
        assert message.startswith(b"From: hilfe@xn--bcher-kva.example\r\n")
        assert body(message).rstrip().endswith("hilfe@bücher.example")
        assert parsed(message)["Reply-To"] is None

    @pytest.mark.parametrize(
        ("to", "written"),
        [
            ("joe@bücher.example", "joe@xn--bcher-kva.example"),
            ("jörg@bücher.example", "jörg@bücher.example"),
            ("joe..doe@customer.example", '"joe..doe"@customer.example'),
            ('"joe  doe"@customer.example', '"joe  doe"@customer.example'),
            ("SRS0=aB+c=xy=other.example=joe@fwd.example", "SRS0=aB+c=xy=other.example=joe@fwd.example"),
            ("a" * 200 + "@customer.example", "a" * 200 + "@customer.example"),
        ],
    )  # fmt: skip
    def test_the_customers_address_as_a_field_may_have_it(
        self, make: Make, to: str, written: str
    ) -> None:
        assert f"\r\nTo: {written}\r\n" in make(to=to).decode()

    @pytest.mark.parametrize(
        "to",
        [
            "", "joe", "@customer.example", "joe@", "joe@[192.0.2.1]", "a@b.example, c@d.example",
            "joe@customer.example\r\nBcc: all@corp.example", "joe\n@customer.example",
            "joe@customer.example>", "j\udcffe@customer.example", "joe@customer example",
        ],
    )  # fmt: skip
    def test_what_is_no_single_address_is_not_written_to(self, make: Make, to: str) -> None:
        with pytest.raises(ComposeError):
            make(to=to)

    def test_a_catch_all_has_no_address_to_write_from(self, make: Make) -> None:
        with pytest.raises(ComposeError, match="needs a key from"):
            make(mailbox="*@catch.example")

    def test_a_mailbox_that_is_no_longer_configured(self, make: Make) -> None:
        with pytest.raises(ComposeError, match="no mailbox of the configuration"):
            make(mailbox="gone@desk.example")


class TestThreading:
    def test_of_a_long_conversation_the_first_and_the_last_twenty(self, make: Make) -> None:
        ids = tuple(f"<{number}@customer.example>" for number in range(60))
        kept = str(parsed(make(references=ids))["References"]).split()
        assert kept == [ids[0], *ids[-19:], ORDER.message_id]

    def test_long_ids_stay_whole(self, make: Make) -> None:
        """CPython's own folding would put them into encoded words."""
        ids = tuple(f"<{number}{'x' * 200}@customer.example>" for number in range(40))
        message = make(references=ids, message_id=ids[-1])
        kept = str(parsed(message)["References"]).split()
        assert kept[0] == ids[0]
        assert kept[1:] == list(ids[-len(kept) + 1 :])
        assert 5 < len(kept) < 12
        assert b"=?" not in message
        assert parsed(message)["In-Reply-To"] == ids[-1]

    @pytest.mark.parametrize(
        "broken",
        [
            "", "<>", "m1@customer.example", "<m1>", "<m 1@customer.example>", "<m1@@>x",
            "<m1@customer.example>\r\nBcc: all@corp.example", "<mé@customer.example>",
            "<m1@customer.example\0>", f"<{'x' * 250}@customer.example>", "<=?utf-8?q?x?=@a.example>",
        ],
    )  # fmt: skip
    def test_a_broken_id_is_left_out(self, make: Make, broken: str) -> None:
        message = parsed(make(message_id=broken, references=(broken, "<m1@customer.example>")))
        assert message["In-Reply-To"] is None
        assert message["References"] == "<m1@customer.example>"
        assert parsed(make(message_id=broken, references=()))["References"] is None

    def test_an_id_is_there_once_and_that_of_the_mail_last(self, make: Make) -> None:
        ids = ("<m2@customer.example>", "<m1@customer.example>", "<m1@customer.example>")
        assert parsed(make(references=ids))["References"] == f"{ids[1]} {ids[0]}"


class TestLanguage:
    def test_two_texts_when_the_language_is_not_known(self, make: Make) -> None:
        message = make(language="und")
        assert parsed(message)["Content-Language"] == "en, de"
        assert parsed(message)["Subject"].startswith("Message received: ")
        first, _, second = body(message).partition("\n\n* * *\n\n")
        assert first.startswith("Hello,")
        assert second.startswith("Guten Tag,")
        assert "Wednesday, 25 November 2026 at 09:52 CET" in first
        assert "Mittwoch, 25. November 2026, 09:52 Uhr MEZ" in second

    def test_a_regional_form_is_answered_in_its_language(self, make: Make) -> None:
        message = make(language="pt-BR")
        assert parsed(message)["Content-Language"] == "pt"
        assert body(message).startswith("Olá,")


class TestKnowledge:
    @pytest.mark.parametrize(
        "url",
        ["http://help.desk.example/", "javascript:x", "https://a b", "", "https://a\r\nBcc: x"],
    )
    def test_a_link_that_is_not_https_is_left_out(self, make: Make, url: str) -> None:
        text = body(make(kb=KbLink("Correct an invoice", url, "")))
        assert "Correct an invoice" not in text

    def test_nothing_of_the_matter_in_a_generic_one(self, make: Make) -> None:
        text = body(make(generic="encrypted"))
        assert KB.title not in text
        assert KB.url not in text
        assert TOKENS.reference(ORDER.key) in text

    def test_a_title_is_one_line(self, make: Make) -> None:
        text = body(make(kb=KbLink("A\r\n\r\nB\u202e" + "x" * 500, KB.url, "")))
        assert f"A B{'x' * 197}\n" in text


HTML = """\
html = '<p>Reference {{ reference }}</p>{% if kb %}<a href="{{ kb.url }}">{{ kb.title }}</a>{% endif %}'
"""


@pytest.fixture(scope="module")
def with_html(tmp_path_factory: pytest.TempPathFactory, config: Config) -> Make:
    """The same where the administrator has written an HTML part for English and German."""
    own = tmp_path_factory.mktemp("own")
    for language in ("en", "de"):
        (own / f"{language}.toml").write_text(HTML, encoding="utf-8")
    texts = load_texts(shipped_directory("policies") / "acks", own)

    def make(**changes: Any) -> bytes:
        order = dataclasses.replace(ORDER, **changes)
        return compose(order, config, texts, TOKENS, NOW)

    return make


class TestHtml:
    def test_text_comes_first_and_is_whole(self, with_html: Make, make: Make) -> None:
        message = with_html()
        plain, html = parsed(message).iter_parts()
        assert [plain.get_content_type(), html.get_content_type()] == ["text/plain", "text/html"]
        assert plain.get_content().replace("\r\n", "\n") == body(make())
        assert '<html lang="en" dir="ltr">' in html.get_content()
        assert f'<a href="{KB.url}">' in html.get_content()
        assert with_html() == message

    def test_both_languages_or_none(self, with_html: Make) -> None:
        _, html = parsed(with_html(language="und")).iter_parts()
        assert html.get_content().count("<p>Reference") == 2
        assert 'lang="de"' in html.get_content()

    def test_values_are_escaped(self, with_html: Make) -> None:
        _, html = parsed(with_html(kb=KbLink("<b>A & B</b>", KB.url, ""))).iter_parts()
        assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in html.get_content()

    def test_what_is_too_long_loses_its_extras_and_not_its_text(self, with_html: Make) -> None:
        ids = tuple(f"<{number}{'x' * 80}@customer.example>" for number in range(40))
        kb = KbLink("請" * 200, "https://help.desk.example/" + "x" * 250, "")
        message = with_html(language="und", references=ids, subject="請" * 400, kb=kb)
        assert len(message) <= MAX_SIZE
        assert parsed(message).get_content_type() == "text/plain"
        assert "Guten Tag" in body(message)


def test_precedence_bulk_when_asked_for(texts: Texts, tmp_path: Path, make: Make) -> None:
    config = read_config(tmp_path, BASE + '[ack]\nprecedence = "bulk"\n')
    assert parsed(compose(ORDER, config, texts, TOKENS, NOW))["Precedence"] == "bulk"
    assert parsed(make())["Precedence"] is None


class TestOrderOnPaper:
    def test_it_comes_back_as_it_was(self) -> None:
        for order in (ORDER, dataclasses.replace(ORDER, kb=None, subject="é\udcff\0", late=True)):
            assert Order.from_json(order.to_json()) == order

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('"late":false', '"late":0'),
            ('"late":false', '"late":false,"more":1'),
            ('"to":"joe@customer.example",', ""),
            ('"to":"joe@customer.example"', '"to":7'),
            ('"by":', '"by":"x","was":'),
            ('"opening":"closed"', '"opening":"shut"'),
            ('"key":"', '"key":"zz'),
            ('"kb":{', '"kb":{"x":1,'),
            ('"references":[', '"references":[["x"],'),
            ('"references":[', '"references":["x",7,'),
            ('"references":[', '"references":"x","was":['),
            ('"late":false', '"late":null'),
        ],
    )
    def test_anything_else_is_refused(self, old: str, new: str) -> None:
        text = ORDER.to_json()
        assert old in text
        with pytest.raises(ValueError, match=r"not an order|hexadecimal"):
            Order.from_json(text.replace(old, new, 1))

    @pytest.mark.parametrize("text", ["", "[]", "null", "{}", "[" * 100_000])
    def test_what_is_no_order_at_all(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            Order.from_json(text)
