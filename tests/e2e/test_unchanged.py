"""Real mails, however broken, arrive as they would without mailtriage, but for its own headers."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.mails import SHARED, assert_tagged, ours
from tests.support.mta import Mta
from tests.support.sink import Delivery

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("service", "postfix_is_content")]

PER_SESSION = 20


def as_received(delivery: Delivery) -> bytes:
    """The mail without the tags at its top and the Received field that this Postfix added."""
    lines = delivery.content.split(b"\r\n")
    while lines[0].startswith(b"X-Mailtriage"):
        del lines[0]
    assert lines[0].startswith(b"Received: from mail.customer.example ")
    del lines[0]
    while lines[0][:1] in (b" ", b"\t"):
        del lines[0]
    return b"\r\n".join(lines)


def send_all(mta: Mta, service_name: str, mails: list[bytes]) -> list[Delivery]:
    """Send the mails, several a session and four sessions at a time; what arrived, in that order."""
    jobs = [(raw, mta.recipient()) for raw in mails]

    def session(start: int) -> None:
        with mta.connect(service_name) as client:
            for raw, recipient in jobs[start : start + PER_SESSION]:
                assert client.mail(raw, recipient).code == 250

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(session, range(0, len(jobs), PER_SESSION)))
    mta.postfix.wait_until_empty()
    arrived = {d.recipients[0]: d for d in mta.sink.deliveries}
    return [arrived[recipient] for _, recipient in jobs]


@pytest.mark.parametrize("folder", ["mail", "gold"])
def test_real_mails_arrive_unchanged_below_the_tags(mta: Mta, folder: str) -> None:
    files = sorted((SHARED / folder).rglob("*.eml"))
    if not files:
        pytest.skip(f"no mails in {SHARED / folder}")
    raw = [file.read_bytes() for file in files]
    plain, tagged = send_all(mta, "plain", raw), send_all(mta, "tagged", raw)
    for file, before, after in zip(files, plain, tagged, strict=True):
        assert as_received(before) == as_received(after), file.name
        assert ours(before.header) == []
        assert_tagged(after.header, dict(ours(after.header))["X-Mailtriage-Status"])
    statuses = [dict(ours(after.header))["X-Mailtriage-Status"] for after in tagged]
    assert set(statuses) <= {"ok", "unread"}


HOSTILE = {
    "no blank line": b"Subject: a\nno header at all\nmore\n",
    "no header": b"\nbody\n",
    "only a header": b"Subject: a\n",
    "nothing": b"\n",
    "From_ line": b"From someone Mon Jan 1 00:00:00 2024\nSubject: a\n\nbody\n",
    "NUL": b"Subject: a\0b\n\nb\0dy\n",
    "bare CR": b"Subject: a\rb\n\nb\rdy\n",
    "8-bit header name": b"X-\xe5: 1\nSubject: a\n\nbody\n",
    "space before the colon": b"Subject : a\n\nbody\n",
    "empty field": b"Subject:\nX:\n\nbody\n",
    "folded over nothing": b"Subject: a\n \n\t\nX: 1\n\nbody\n",
    "a line of 100 KB": b"Subject: a\n\n" + b"x" * 100_000 + b"\n",
    "a header of 100 KB": b"Subject: " + b"x " * 50_000 + b"\nX: 1\n\nbody\n",
    "dots": b"Subject: a\n\n.\n..\n...\n.x\n",
    "deep MIME": b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (i, i) for i in range(200)
    ),
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_mails_arrive_unchanged_below_the_tags(mta: Mta, raw: bytes) -> None:
    (before,), (after,) = send_all(mta, "plain", [raw]), send_all(mta, "tagged", [raw])
    assert as_received(before) == as_received(after)
    assert_tagged(after.header, dict(ours(after.header))["X-Mailtriage-Status"])
