"""Header edits on bytes: what goes, what comes, and that nothing else changes."""

import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.tags.apply import apply_edits, header_end
from mailtriage.tags.model import Deletion, Edits

NEW = (("X-New", "1"), ("X-Newer", "two"))
ADD = Edits(insert=NEW)


def delete(*deletions: tuple[str, int]) -> Edits:
    return Edits(delete=tuple(Deletion(name, index) for name, index in deletions))


@pytest.mark.parametrize(
    ("what", "before", "after"),
    [
        ("CRLF", b"A: b\r\n\r\nbody\n", b"X-New: 1\r\nX-Newer: two\r\nA: b\r\n\r\nbody\n"),
        ("LF", b"A: b\n\nbody\r\n", b"X-New: 1\nX-Newer: two\nA: b\n\nbody\r\n"),
        ("header only", b"A: b\r\n", b"X-New: 1\r\nX-Newer: two\r\nA: b\r\n"),
        ("no line end", b"A: b", b"X-New: 1\r\nX-Newer: two\r\nA: b"),
        ("empty", b"", b"X-New: 1\r\nX-Newer: two\r\n"),
        ("empty header", b"\r\nbody", b"X-New: 1\r\nX-Newer: two\r\n\r\nbody"),
        ("empty header, LF", b"\nbody", b"X-New: 1\nX-Newer: two\n\nbody"),
        ("no header", b"body\r\n", b"X-New: 1\r\nX-Newer: two\r\n\r\nbody\r\n"),
        ("blank first", b" A: b\n", b"X-New: 1\nX-Newer: two\n\n A: b\n"),
        ("8-bit name", b"\xc3\xa4: b\n", b"X-New: 1\nX-Newer: two\n\n\xc3\xa4: b\n"),
        (
            "mailbox line",
            b"From a@b Mon Jan  1\nA: b\n\nbody",
            b"From a@b Mon Jan  1\nX-New: 1\nX-Newer: two\nA: b\n\nbody",
        ),
        (
            "quoted mailbox line",
            b">From a@b Mon Jan  1\r\nA: b\r\n",
            b">From a@b Mon Jan  1\r\nX-New: 1\r\nX-Newer: two\r\nA: b\r\n",
        ),
        ("no blank line", b"A: b\nbody\n", b"X-New: 1\nX-Newer: two\nA: b\nbody\n"),
    ],
)
def test_insertions_go_to_the_top(what: str, before: bytes, after: bytes) -> None:
    assert apply_edits(before, ADD) == after


@pytest.mark.parametrize(
    ("deletions", "before", "after"),
    [
        ([("x", 1)], b"A: 1\r\nX: 2\r\nB: 3\r\n\r\n", b"A: 1\r\nB: 3\r\n\r\n"),
        ([("X-FOO", 1)], b"x-fOO : v\r\n\r\n", b"\r\n"),
        ([("X", 1)], b"X\t:v\n\n", b"\n"),
        ([("X", 1)], b"X: a\r\n\tb\r\n c\r\nY: d\r\n", b"Y: d\r\n"),
        ([("X", 1)], b"X: a\n \nY: d\n", b"Y: d\n"),
        ([("X", 2)], b"X: 1\nY: 2\nx: 3\nX: 4\n", b"X: 1\nY: 2\nX: 4\n"),
        ([("X", 3), ("X", 2), ("X", 1)], b"X: 1\nY: 2\nX: 3\nX: 4\n", b"Y: 2\n"),
        ([("X", 1), ("X", 1)], b"X: 1\nX: 2\nX: 3\n", b"X: 3\n"),
        ([("X", 1), ("X", 2)], b"X: 1\nX: 2\nX: 3\n", b"X: 2\n"),
        ([("X", 1)], b"XY: 1\nA: X: 2\n", b"XY: 1\nA: X: 2\n"),
        ([("X", 1)], b"A: 1\n\nX: body\n", b"A: 1\n\nX: body\n"),
        ([("X", 1)], b"A: 1\n\r\r\nX: body\n", b"A: 1\n\r\r\nX: body\n"),
        ([("X", 1)], b"A: 1\nbody\nX: body\n", b"A: 1\nbody\nX: body\n"),
        ([("X", 1)], b"X y: no name\n\n", b"X y: no name\n\n"),
        ([("X", 1)], b"X: end", b""),
        ([("X", 1)], b"From a b\nX: 1\nY: 2\n", b"From a b\nY: 2\n"),
        ([("X", 0), ("X", 9), ("Z", 1), ("\u00e4", 1)], b"X: 1\n", b"X: 1\n"),
    ],
)
def test_deletions_are_counted_as_a_milters_are(
    deletions: list[tuple[str, int]], before: bytes, after: bytes
) -> None:
    assert apply_edits(before, delete(*deletions)) == after


def test_deletions_come_first() -> None:
    edits = Edits(delete=(Deletion("X-New", 1),), insert=NEW)
    assert apply_edits(b"X-New: forged\r\n\r\n", edits) == b"X-New: 1\r\nX-Newer: two\r\n\r\n"


def test_a_value_cannot_forge_a_header() -> None:
    edits = Edits(insert=(("X", "a\r\nBcc: evil@x\nTo: y"),))
    assert apply_edits(b"A: b\r\n", edits) == b"X: a  Bcc: evil@x To: y\r\nA: b\r\n"


def test_no_edits_no_change() -> None:
    raw = b"A: \xff\x00b\r\n c\n\r\rD\n\n"
    assert apply_edits(raw, Edits()) is raw or apply_edits(raw, Edits()) == raw


_lines = st.sampled_from(
    [b"X: 1", b"x : 2", b"Y:", b" folded", b"\t", b"", b"body", b"From a b", b"\xff: \x00", b"X"]
)
_mails = st.lists(st.tuples(_lines, st.sampled_from([b"\r\n", b"\n", b"\r", b""]))).map(
    lambda lines: b"".join(text + end for text, end in lines)
)
_deletions = st.lists(st.tuples(st.sampled_from(["X", "Y", "Z"]), st.integers(0, 4)))


@given(_mails | st.binary(), _deletions)
def test_the_body_stays_and_the_new_headers_can_be_read(
    raw: bytes, deletions: list[tuple[str, int]]
) -> None:
    edits = Edits(delete=delete(*deletions).delete, insert=NEW)
    edited = apply_edits(raw, edits)
    body = raw[header_end(raw) :]
    assert edited.endswith(body)
    if not raw.startswith((b"From ", b">")):
        read = email.message_from_bytes(edited, policy=email.policy.compat32)
        assert read.get_all("X-New") == ["1"]
        assert read.get_all("X-Newer") == ["two"]


@given(_mails)
def test_what_is_inserted_can_be_deleted_again(raw: bytes) -> None:
    raw = b"A: b\r\n" + raw
    assert apply_edits(apply_edits(raw, ADD), delete(("X-New", 1), ("X-Newer", 1))) == raw
