"""Signals on the header, the envelope and the attachments."""

from collections.abc import Callable

import pytest

from mailtriage.mail.model import Attachment, Envelope, Header, Headers, Mail
from mailtriage.policies.matcher import Matcher, mail_text

MAIL = Mail(
    headers=Headers(
        [
            Header("X-Form", b"contact"),
            Header("X-Product", b"Router"),
            Header("x-product", b"=?utf-8?q?Tillbeh=C3=B6r?="),
        ]
    ),
    envelope=Envelope("Bounce+1@Shop.example", ("help@desk.example", "Billing@desk.example")),
    from_address="anna@customer.example",
    attachments=(
        Attachment("photo.JPG", "image/jpeg", 10),
        Attachment("Faktura-42.pdf", "application/pdf", 10),
    ),
)


@pytest.mark.parametrize(
    ("condition", "where"),
    [
        ('header = { name = "X-Form" }', "header X-Form"),
        ('header = { name = "x-form", present = true }', "header x-form"),
        ('header = { name = "X-Form", present = false }', ""),
        ('header = { name = "X-Other" }', ""),
        ('header = { name = "X-Other", present = false }', "header X-Other"),
        ('header = { name = "X-Form", contains = ["ONTA"] }', "header X-Form"),
        ('header = { name = "X-Form", contains = ["phone", "contact"] }', "header X-Form"),
        ('header = { name = "X-Form", contains = ["phone"] }', ""),
        ('header = { name = "X-Product", contains = ["tillbehör"] }', "header X-Product"),
        ('header = { name = "X-Other", contains = ["contact"] }', ""),
        ('recipient = ["billing@*"]', "recipient"),
        ('recipient = ["BILLING@desk.example"]', "recipient"),
        ('recipient = ["sales@*", "help@*"]', "recipient"),
        ('recipient = ["billing@"]', ""),
        ('recipient = ["*@other.example"]', ""),
        ('sender = ["*@shop.example"]', "sender"),
        ('sender = ["bounce+?@*"]', "sender"),
        ('sender = ["anna@customer.example"]', "sender"),
        ('sender = ["*@desk.example"]', ""),
        ('attachment = { type = ["application/pdf"] }', 'attachment "Faktura-42.pdf"'),
        ('attachment = { type = ["image/*"] }', 'attachment "photo.JPG"'),
        ('attachment = { name = ["*faktura*"] }', 'attachment "Faktura-42.pdf"'),
        ('attachment = { name = ["*.jpg"] }', 'attachment "photo.JPG"'),
        ('attachment = { type = ["image/*"], name = ["*faktura*"] }', ""),
        ('attachment = { type = ["text/calendar"] }', ""),
    ],
)
def test_a_condition_holds_or_not(
    signal: Callable[[str], Matcher], condition: str, where: str
) -> None:
    found = signal(condition).scan(MAIL, mail_text(MAIL), "en")
    assert [(hit.points, hit.where) for hit in found] == ([(1.0, where)] if where else [])


@pytest.mark.parametrize("condition", ['sender = ["*@*"]', 'recipient = ["*@*"]'])
def test_a_mail_without_envelope_fits_no_address(
    signal: Callable[[str], Matcher], condition: str
) -> None:
    mail = Mail()
    assert signal(condition).scan(mail, mail_text(mail), "en") == []
