"""The last look scans bytes; the strict parser of `email` is the judge of whether it sees enough.

Whatever the scan lets pass must be without defect for the parser, and be read by it as the same few
things. The scan may be stricter: it then refuses what no acknowledgement looks like.
"""

import dataclasses
import email.policy
from email.errors import MessageError, NonASCIILocalPartDefect
from email.message import EmailMessage
from email.parser import BytesParser, Parser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailtriage.acks.compose import compose
from mailtriage.acks.lint import faults
from mailtriage.acks.order import KbLink, Order
from mailtriage.acks.templates import load_texts
from mailtriage.acks.tokens import Tokens
from mailtriage.config import load
from mailtriage.mail.address import parse_mailboxes
from mailtriage.shipped import shipped_directory

ORDER = Order(
    key=b"0123456789abcdef",
    mailbox="help@desk.example",
    to="joe@customer.example",
    language="en",
    subject="Where is my parcel?",
    message_id="<m2@customer.example>",
    references=("<m0@customer.example>", "<m1@customer.example>"),
    received=1_795_596_725.0,
    skill="delivery",
    priority="normal",
    generic="",
    by=1_795_683_130.0,
    opening="closed",
    opens=1_795_600_330.0,
    late=False,
    busy=False,
    kb=KbLink("Correct an invoice", "https://help.desk.example/invoices", "Choose Correct."),
    ticket="",
)
CONFIG = """\
[mailboxes."help@desk.example"]
name = "Desk Support"
[mailboxes."hilfe@desk.example"]
name = "Bürgerservice, „Köln“"
reply_to = "antwort@desk.example"
"""
HTML = "html = '<p>Reference <b>{{ reference }}</b></p>'\n"
OTHERS = (
    {},
    {"to": "jörg@bücher.example", "language": "de"},
    {"to": '"joe  doe"@customer.example', "subject": "Wo bleibt das Päckchen? 日本語"},
    {"mailbox": "hilfe@desk.example", "language": "pl", "message_id": "", "references": ()},
    {"language": "fr"},
)
_REPEATED = ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted")


def strict_faults(message: bytes) -> list[str]:
    """What the parser of `email` has against it."""
    try:
        if message.isascii():
            read = BytesParser(EmailMessage, policy=email.policy.strict).parsebytes(message)
        else:
            read = Parser(EmailMessage, policy=email.policy.strict).parsestr(message.decode())
        found = [
            f"{part.get_content_type()}: {name}: {defect!r}"
            for part in read.walk()
            for name, field in part.items()
            for defect in field.defects
            # RFC 6532 allows it, and only To: may have it.
            if not isinstance(defect, NonASCIILocalPartDefect)
        ]
        found += [
            f"{part.get_content_type()}: {part.defects}" for part in read.walk() if part.defects
        ]
        found += [f"no single {name}" for name in _REPEATED if len(read.get_all(name, [])) != 1]
        for name in ("From", "To"):
            if len(read[name].addresses) != 1 or len(parse_mailboxes(read[name].encode())) != 1:
                found.append(f"no single mailbox in {name}")
        kinds = [part.get_content_type() for part in read.walk()]
        both = ["multipart/alternative", "text/plain", "text/html"]
        if kinds not in (["text/plain"], both):
            found.append(f"made of {kinds}")
        for part in read.walk():
            if not part.is_multipart() and not part.get_payload(decode=True).decode().strip():
                found.append("an empty part")
    except (MessageError, ValueError, AttributeError) as error:
        return [repr(error)]
    return found


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Acknowledgements of every shape: 7-bit and not, one text and two, with HTML and without."""
    directory = tmp_path_factory.mktemp("composed")
    file = directory / "mailtriage.toml"
    file.write_text(CONFIG, "utf-8")
    (directory / "fr.toml").write_text(HTML, "utf-8")
    config = load([file]).config
    texts = load_texts(shipped_directory("policies") / "acks", _own(directory))
    return [
        compose(dataclasses.replace(ORDER, **changes), config, texts, Tokens(b"x" * 32), 1.8e9)
        for changes in OTHERS
    ]


def _own(directory: Path) -> Path:
    own = directory / "own"
    own.mkdir()
    (directory / "fr.toml").rename(own / "fr.toml")
    return own


def test_both_let_every_shape_pass(composed: list[bytes]) -> None:
    assert [faults(message) for message in composed] == [()] * len(OTHERS)
    assert [strict_faults(message) for message in composed] == [[]] * len(OTHERS)
    assert b"multipart/alternative" in composed[-1]


PIECES = st.one_of(
    st.sampled_from((
        b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"=", b"=?", b"?=", b"=?utf-8?q?=0D=0A?=", b'"',
        b"<", b">", b"@", b",", b";", b"(", b")", b"\\", b".", b"--", b"\0", b"\x7f", "é".encode(),
        b"\xff", b"=?utf-8?b?w6k=?=", b"=?utf-8?b?w6k?=", b"=?x?q?a?=", b"\r\nBcc: a@b.example",
        b"\r\n ", b"\r\n\t", b"\r\n\r\n", "\u2028".encode(), "\x85".encode(), b"=3D", b"=3d", b"=\r\n",
        b"<m@x.example>", b"a@b.example", b"Content-Type: text/plain", b"0", b"32",
    )),
    st.binary(max_size=4),
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_the_scan_lets_pass_has_no_defect(composed: list[bytes], data: st.DataObject) -> None:
    message = bytearray(data.draw(st.sampled_from(composed), label="message"))
    head = message.find(b"\r\n\r\n") + 4
    for _ in range(data.draw(st.integers(1, 3), label="changes")):
        # Most of what can go wrong is in the header.
        last = data.draw(st.sampled_from((head, len(message))))
        start = data.draw(st.integers(0, min(last, len(message))), label="at")
        gone = data.draw(st.integers(0, 6), label="gone")
        message[start : start + gone] = data.draw(PIECES, label="piece")
    changed = bytes(message)
    if not faults(changed):
        assert strict_faults(changed) == []
