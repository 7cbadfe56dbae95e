"""Mailboxes and Message-IDs, as mailers write them and as they should not."""

import pytest

from mailtriage.mail.address import (
    Mailbox,
    first_mailbox,
    message_ids,
    parse_mailboxes,
    thread_ids,
)


@pytest.mark.parametrize(
    ("raw", "name", "address"),
    [
        (b"anna@example.org", "", "anna@example.org"),
        (b"<anna@example.org>", "", "anna@example.org"),
        (b"Anna Berg <Anna@Example.ORG>", "Anna Berg", "anna@example.org"),
        (b'"Berg, Anna" <a@b.example>', "Berg, Anna", "a@b.example"),
        (b'"a \\"b\\" c" <a@b.example>', 'a "b" c', "a@b.example"),
        (b"'Anna' <a@b.example>", "Anna", "a@b.example"),
        (b"a@b.example (Anna)", "Anna", "a@b.example"),
        (b"(c (n)) Anna <a@b.example> (x)", "Anna", "a@b.example"),
        (b"=?utf-8?q?Berg=2C_=C3=85sa?= <a@b.example>", "Berg, Åsa", "a@b.example"),
        (b'"=?utf-8?q?=C3=85sa?=" <a@b.example>', "Åsa", "a@b.example"),
        ("Åsa <åsa@blåbär.example>".encode(), "Åsa", "åsa@blåbär.example"),
        (b"Folded\r\n Name\n\t<a@b.example>", "Folded Name", "a@b.example"),
        (b"Anna a@b.example", "Anna", "a@b.example"),
        (b"Anna <a@b.example", "Anna", "a@b.example"),
        (b'"someone@else.example" <a@b.example>', "someone@else.example", "a@b.example"),
        (b"Team: a@b.example, c@d.example;", "", "a@b.example"),
        (b"<@relay.example,@other.example:a@b.example>", "", "a@b.example"),
        (b'"odd local"@b.example', "", '"odd local"@b.example'),
        # nothing that can be written to
        (b"", "", ""),
        (b"undisclosed-recipients:;", "", ""),
        (b"Anna", "", ""),
        (b"<>", "", ""),
        (b"@b.example", "", ""),
        (b"a@", "", ""),
        (b"<a@b@c.example>", "", ""),
        (b"<a\0@b.example>", "", ""),
        (b"<=?utf-8?q?a=40b.example?=>", "", ""),
        (b"<" + b"a" * 400 + b"@b.example>", "", ""),
        (b"((((", "", ""),
        (b'"""', "", ""),
    ],
)
def test_first_mailbox(raw: bytes, name: str, address: str) -> None:
    assert first_mailbox(raw) == Mailbox(name, address)


def test_all_mailboxes_in_order() -> None:
    raw = b'a@b.example, "Doe, Jo" <c@d.example>, Group: <e@f.example>, g@h.example (G);, nobody'
    assert [box.address for box in parse_mailboxes(raw)] == [
        "a@b.example",
        "c@d.example",
        "e@f.example",
        "g@h.example",
    ]


def test_number_of_mailboxes_is_bounded() -> None:
    assert len(parse_mailboxes(b"a@b.example, " * 10_000)) == 200


@pytest.mark.parametrize(
    ("raw", "ids"),
    [
        (b"<a@b>", ("<a@b>",)),
        (b"<a@b>\n\t<c@d>", ("<a@b>", "<c@d>")),
        (b"<a@b><c@d>", ("<a@b>", "<c@d>")),
        (b"<folded\n id@b>", ("<foldedid@b>",)),
        (b'Your message of "Monday" <a@b>', ("<a@b>",)),
        (b"a@b", ("<a@b>",)),
        (b"no id here", ()),
        (b"<>", ()),
        (b"<\x01>", ()),
        (b"<" * 1000, ()),
    ],
)
def test_message_ids(raw: bytes, ids: tuple[str, ...]) -> None:
    assert message_ids(raw) == ids


def test_thread_ids_are_unique_and_the_parent_is_last() -> None:
    assert thread_ids([b"<a@x> <b@x>"], [b"<c@x> <a@x>"]) == ("<a@x>", "<b@x>", "<c@x>")


def test_long_threads_keep_the_first_and_the_last() -> None:
    ids = thread_ids([b" ".join(b"<%d@x>" % number for number in range(500))], [])
    assert len(ids) == 64
    assert (ids[0], ids[1], ids[-1]) == ("<0@x>", "<437@x>", "<499@x>")
