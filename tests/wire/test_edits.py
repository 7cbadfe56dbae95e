"""What mailtriage does to a mail: deletes forged tags, inserts its own at the top, nothing else."""

from pathlib import Path

import pytest

from tests.support.mails import FORGED, LETTERS, Letter, assert_tagged, ours, with_header
from tests.support.milter_wire import MilterSession, Reply, Sample, Step, Verdict, tag

BODY = b"Hello, where is my parcel?\r\n"


def assert_only_our_edits(reply: Reply) -> None:
    """Deletions first, from the highest index down; then insertions at 0, 1, 2, …; nothing else."""
    kinds = [edit.kind for edit in reply.edits]
    assert kinds == sorted(kinds, key="mi".index), "deletions come before insertions"
    assert all(not edit.value for edit in reply.edits if edit.kind == "m"), "changes only delete"
    by_name: dict[str, list[int]] = {}
    for name, index in reply.deleted:
        by_name.setdefault(name.lower(), []).append(index)
    for name, indexes in by_name.items():
        assert indexes == list(range(len(indexes), 0, -1)), name
    assert [edit.index for edit in reply.edits if edit.kind == "i"] == [*range(len(reply.inserted))]
    assert reply.verdict in (Verdict.CONTINUE, Verdict.ACCEPT)


@pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: letter.expect["X-Mailtriage-Skill"])
def test_every_header_of_the_vocabulary_is_inserted_at_the_top(
    milter: Path, letter: Letter
) -> None:
    sample = Sample.parse(letter.raw)
    reply = tag(milter, sample)
    assert_only_our_edits(reply)
    assert_tagged(reply.applied_to(sample.headers))
    assert letter.agrees_with(reply.tags), reply.tags


def test_forged_tags_are_deleted_whatever_their_case_and_number(milter: Path) -> None:
    sample = Sample.parse(with_header(LETTERS[0].raw, FORGED))
    reply = tag(milter, sample)
    assert_only_our_edits(reply)
    assert_tagged(reply.applied_to(sample.headers))
    assert LETTERS[0].agrees_with(reply.tags)


@pytest.mark.parametrize(
    ("client", "login"),
    [
        (b"127.0.0.1", b""),
        (b"::1", b""),
        (b"203.0.113.7", b"agent"),
        (b"203.0.113.7", b"\xe5gent"),
    ],
    ids=["local network", "local network, IPv6", "authenticated", "8-bit login"],
)
def test_outbound_mail_gets_no_tags_and_keeps_no_forged_ones(
    milter: Path, client: bytes, login: bytes
) -> None:
    forged = Sample.parse(with_header(LETTERS[0].raw, FORGED))
    sample = Sample(headers=forged.headers, body=forged.body, login=login)
    reply = tag(milter, sample, client_address=client)
    assert_only_our_edits(reply)
    assert reply.inserted == []
    assert not ours(reply.applied_to(sample.headers))


def test_outbound_mail_without_forged_tags_is_left_alone(milter: Path, plain: Sample) -> None:
    assert tag(milter, plain, client_address=b"127.0.0.1").edits == ()


def test_no_other_header_is_touched(milter: Path) -> None:
    near_misses = (
        (b"X-Mailtriaged", b"1"),
        (b"Mailtriage", b"1"),
        (b"X-Priority", b"1"),
        (b"Subject", b"x"),
        (b"Received", b"from a"),
        (b"Received", b"from b"),
        (b"X-Not-Mailtriage-Skill", b"1"),
    )
    sample = Sample(headers=near_misses, body=BODY)
    left = tag(milter, sample).applied_to(sample.headers)
    assert [(n.decode(), v.decode()) for n, v in near_misses] == left[-len(near_misses) :]


ODD = {
    "no body": Sample(body=b""),
    "no headers": Sample(headers=(), body=BODY),
    "neither": Sample(headers=(), body=b""),
    "null sender": Sample(sender=b"", body=BODY),
    "200 recipients": Sample(recipients=tuple(b"r%d@desk.example" % i for i in range(200))),
    "a refused recipient": Sample(refused=(b"nobody@desk.example",)),
    "8-bit values": Sample(
        headers=((b"Subject", b"\xe5\xe4\xf6 \xff\xfe \xc3\xa5"), (b"X", b"\x80"))
    ),
    "8-bit names": Sample(headers=((b"X-\xe5\xe4\xf6", b"1"), (b"Subject", b"hello"))),
    "an 8-bit sender": Sample(sender=b"\xe5@customer.example", recipients=(b"\xff@desk.example",)),
    "folded values": Sample(
        headers=((b"Subject", b"a\n\tb\n c"), (b"X-Mailtriage", b"v=1;\n\tx=2"))
    ),
    "a 60 KB header": Sample(headers=((b"Subject", b"a"), (b"References", b"<x@y> " * 10_000))),
    "3000 headers": Sample(headers=tuple((b"X-%d" % i, b"v") for i in range(3000))),
    "full chunks": Sample(body=(b"x" * 76 + b"\r\n") * 6000),
    "one endless line": Sample(body=b"x" * 400_000),
    "NUL in the body": Sample(body=b"a\0b\r\n\0\0\0"),
    "broken MIME": Sample(
        headers=((b"Content-Type", b"multipart/mixed; boundary=x"),), body=b"--x\r\n--x\r\n\r\n--x"
    ),
    "unknown charset": Sample(
        headers=((b"Content-Type", b'text/plain; charset="\xff"'),), body=BODY
    ),
}


@pytest.mark.parametrize("sample", ODD.values(), ids=ODD.keys())
def test_odd_mails_are_tagged_too(milter: Path, sample: Sample) -> None:
    reply = tag(milter, sample)
    assert_only_our_edits(reply)
    status = reply.tags["X-Mailtriage-Status"]
    assert status in ("ok", "unread")
    assert_tagged(reply.applied_to(sample.headers), status)


SPAM = tuple((b"X-%d" % i, b"v") for i in range(6000))
BULK = tuple((b"X-%d" % i, b"v" * 50_000) for i in range(50))
FORGERY = ((b"X-Mailtriage-Skill", b"sales"),)


@pytest.mark.parametrize(
    "headers",
    [FORGERY * 3000, SPAM + FORGERY, BULK + FORGERY, SPAM + FORGERY + SPAM + FORGERY],
    ids=["3000 of them", "behind 6000 others", "behind 2.5 MB of others", "among many"],
)
def test_no_number_of_headers_hides_a_forged_tag(
    milter: Path, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    """No limit on what is analysed may be a limit on what is stripped."""
    sample = Sample(headers=headers, body=BODY)
    reply = tag(milter, sample)
    assert_only_our_edits(reply)
    assert_tagged(reply.applied_to(sample.headers), reply.tags["X-Mailtriage-Status"])


def test_no_more_of_the_body_is_taken_than_is_read(milter: Path) -> None:
    """A body of 20 MB: SKIP must come long before its end, and the mail be tagged as any other."""
    line = b"Where is my parcel? I have been waiting for two weeks now.\r\n"
    sample = Sample(body=line * (20_000_000 // len(line)))
    with MilterSession(milter).open() as session:
        chunks = [verdict for step, verdict in session.play(sample) if step is Step.BODY]
        reply = session.end(sample)
    assert chunks[-1] is Verdict.SKIP
    assert len(chunks) <= 16, "at most 1 MB"
    assert_tagged(reply.applied_to(sample.headers))
