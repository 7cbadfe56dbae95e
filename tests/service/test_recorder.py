"""What an analyser tells the history of mail that nobody judged."""

from functools import partial
from pathlib import Path

from mailtriage.doors.exchange import Question
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.service.history import row_of
from mailtriage.service.load import read_everything
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.recorder import LONGEST, Channel, Recorder
from mailtriage.state.history_schema import COLUMNS
from mailtriage.tags.apply import header_names

MAIL = (
    b"From: Ann <ann@example.org>\r\nTo: help@desk.example\r\nSubject: Where is my parcel?\r\n"
    b"\r\nIt should have arrived last week.\r\n"
)
CONFIG = """
[state]
url = "sqlite://{folder}/state.db"
[exempt]
recipients = ["archive@desk.example"]
"""


def recorded(folder: Path, recipient: str) -> dict[str, object]:
    """The row that the history gets of a mail to that recipient."""
    file = folder / "mailtriage.toml"
    file.write_text(CONFIG.format(folder=folder))
    analyst = read_everything([file]).analyst()
    channel = Channel()
    channel.prepare(analyst)
    envelope = Envelope("ann@example.org", (recipient,))
    read = partial(read_message, MAIL, envelope=envelope)
    analysis = analyst.analyse(read, header_names(MAIL))
    question = Question(envelope, Client(), "4Rabcdef12", (), [MAIL], complete=True, whole=True)
    Recorder(analyst, channel, Deltas()).record(analysis, question)
    row = row_of(channel.out.recv(LONGEST))
    assert row is not None
    return dict(zip(COLUMNS, row, strict=True))


def test_exempt_mail_is_nobodys(tmp_path: Path) -> None:
    """Else early warning and the weekly page would count it as people's mail without a language."""
    assert recorded(tmp_path, "help@desk.example")["kind"] == "human"
    exempt = recorded(tmp_path, "archive@desk.example")
    assert exempt["why"] == "exempt-recipient"
    assert exempt["kind"] == ""
