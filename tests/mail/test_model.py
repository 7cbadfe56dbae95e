"""What Headers and Mail promise to the rooms above."""

import dataclasses

import pytest

from mailtriage.mail import Header, Headers, Mail, read_mail

FIELDS = [
    ("Received", b" from b.example\r\n\tby a.example"),
    ("SUBJECT", b" =?utf-8?q?P=C3=A5_v=C3=A4g?="),
    ("received", b"from c.example"),
    ("X-Two", b"  two"),
]


@pytest.fixture
def headers() -> Headers:
    """Headers as a milter hands them over."""
    return read_mail(FIELDS, b"").headers


class TestHeaders:
    def test_order_case_and_number_are_kept(self, headers: Headers) -> None:
        assert [field.name for field in headers] == [name for name, _ in FIELDS]
        assert list(headers.names()) == ["received", "subject", "x-two"]
        assert len(headers) == 4
        assert [headers.count(name) for name in ("RECEIVED", "Subject", "To")] == [2, 1, 0]

    def test_the_wire_is_taken_off(self, headers: Headers) -> None:
        """One blank before a body is the protocol's, a second one the sender's."""
        folded = Header("Received", b"from b.example\n\tby a.example")
        assert headers.fields("Received") == [folded, Header("received", b"from c.example")]
        assert headers.raw("received") == folded.raw
        assert headers.raw("x-two") == b" two"
        assert next(iter(headers)) == folded

    def test_fields_that_were_made_by_hand_stay_as_they_are(self) -> None:
        made = Headers([Header("A", b" \r\n x"), Header("B", b"")])
        assert list(made) == [Header("A", b" \r\n x"), Header("B", b"")]

    def test_values_are_decoded(self, headers: Headers) -> None:
        assert headers.first("Subject") == headers.first("subject") == "På väg"
        assert headers.values("received") == ["from b.example by a.example", "from c.example"]

    def test_a_missing_field_is_empty(self, headers: Headers) -> None:
        assert "To" not in headers
        assert headers.first("To") == ""
        assert headers.raw("To") == b""
        assert headers.fields("To") == headers.values("To") == []

    @pytest.mark.parametrize(
        ("names", "found"),
        [({"subject"}, True), ({"to", "x-two"}, True), ({"to", "cc"}, False), (set(), False)],
    )
    def test_has_any(self, headers: Headers, names: set[str], found: bool) -> None:
        assert headers.has_any(frozenset(names)) is found


class TestNewestText:
    TEXT = "Where is it?\n\n> It is on its way.\n"

    def test_it_is_cut_out_of_the_text(self) -> None:
        assert Mail(text=self.TEXT).newest_text == "Where is it?"
        assert Mail().newest_text == ""

    def test_the_name_of_the_sender_helps(self) -> None:
        text = "Where is it? It should be here.\n\nbo\nStorgatan 1\n08-123 456 78\nbo@shop.example"
        assert Mail(text=text, from_name="bo").newest_text == "Where is it? It should be here."
        assert Mail(text=text).newest_text != "Where is it? It should be here."

    def test_what_the_constructor_is_given_counts(self) -> None:
        assert Mail(text=self.TEXT, newest_text="other").newest_text == "other"
        assert Mail(text=self.TEXT, newest_text="").newest_text == ""

    def test_it_is_worked_out_once_and_only_when_asked_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[str] = []
        monkeypatch.setattr(
            "mailtriage.mail.model.newest_text", lambda text, sender: calls.append(text) or "cut"
        )
        mail = read_mail([("From", b" a@b.example")], b"hello")
        assert mail.text == "hello"
        assert calls == []
        assert (mail.newest_text, mail.newest_text) == ("cut", "cut")
        assert calls == ["hello"]

    def test_a_mail_stays_a_value(self) -> None:
        mail = Mail(headers=Headers(), text=self.TEXT)
        assert dataclasses.replace(mail) == mail
        assert dataclasses.replace(mail, subject="x").newest_text == "Where is it?"
        assert dataclasses.replace(mail, newest_text="other") != mail
        assert hash(mail) == hash(dataclasses.replace(mail))
        with pytest.raises(dataclasses.FrozenInstanceError):
            mail.newest_text = "other"
