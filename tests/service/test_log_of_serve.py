"""What a running service logs of real mail: all that is needed to follow it, nothing of what it says."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailtriage.demo.embedded import sample_files
from mailtriage.mail.read import read_message
from mailtriage.service.log import AddressMask
from tests.service.conftest import Stream
from tests.service.test_log import parsed
from tests.support.milter_wire import Sample, tag
from tests.support.serve import Service, wait_for

TAGS = ("priority", "score", "language", "skill", "topic", "tier", "churn", "mood", "kind", "thread", "ack", "ack_rule")  # fmt: skip
ALWAYS = {"level", "event", "queue_id", "direction", "sender", "recipients", "status", "ms"}
SOMETIMES = {*TAGS, "rules", "defects", "stripped"}

CANARY = b"""\
From: "Canaryname Kim" <canarylocal@canarydomain.example>
To: "Canaryto" <help@desk.example>
Subject: Canarysubject about an invoice
X-Canaryfield: Canaryvalue
Message-ID: <canaryid@canarydomain.example>
In-Reply-To: <canaryreply@desk.example>
X-Mailtriage-Canaryforged: canaryforged
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="canaryboundary"

--canaryboundary
Content-Type: text/plain; charset=utf-8

Canarybody: the invoice is wrong.
--canaryboundary
Content-Type: application/pdf
Content-Disposition: attachment; filename="canaryfile.pdf"

%PDF canarycontent
--canaryboundary--
"""


def queue_id(number: int) -> str:
    return f"4Wx{number:04d}z3ef"


class Logged:
    """A service that logs all it can, the samples sent through it, and its log."""

    def __init__(self, directory: Path) -> None:
        self.listen = directory / "milter.sock"
        self.key = directory / "key"
        self.key.write_bytes(b"a key that stays")
        self.service = Service(directory, self.toml("hashed"))

    def toml(self, addresses: str) -> str:
        """The configuration."""
        return (
            f'[milter]\nlisten = "unix:{self.listen}"\nworkers = 1\nanalysers = 1\n'
            f'[log]\nlevel = "debug"\naddresses = "{addresses}"\nhash_key_file = "{self.key}"\n'
        )

    def send(self, raw: bytes, number: int, sender: str, *recipients: str) -> None:
        """Send a mail through, under a queue id of its own."""
        mail = Sample.parse(
            raw,
            sender=sender.encode(),
            recipients=tuple(recipient.encode() for recipient in recipients),
            queue_id=queue_id(number).encode(),
        )
        tag(self.listen, mail)

    def lines(self, number: int) -> list[str]:
        """The lines about that mail; waits for the first."""
        wait_for(lambda: f"queue_id={queue_id(number)} " in self.service.log(), "the line", 20)
        return [
            line
            for line in self.service.log().splitlines()
            if f"queue_id={queue_id(number)} " in line
        ]

    def fields(self, number: int) -> dict[str, str]:
        """The fields of the one line about that mail."""
        (line,) = self.lines(number)
        return parsed(line)


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    """The samples went through, numbered from 0, sent by sender0, sender1, …"""
    logged = Logged(tmp_path_factory.mktemp("logged"))
    with logged.service:
        for number, file in enumerate(sample_files()):
            logged.send(
                file.read_bytes(), number, f"sender{number}@customer.example", "help@desk.example"
            )
        yield logged


def test_every_mail_has_one_line_with_its_queue_id_and_its_tags(logged: Logged) -> None:
    for number, file in enumerate(sample_files()):
        fields = logged.fields(number)
        assert fields["event"] == "mail"
        assert fields["direction"] == "inbound"
        assert fields.keys() >= {*ALWAYS, *TAGS, "rules"}, file.name
        assert fields.keys() <= ALWAYS | SOMETIMES, file.name
        assert re.fullmatch(r"\d+\.\d", fields["ms"])
        assert re.fullmatch(r"-|[a-z0-9-]+(,[a-z0-9-]+)*", fields["rules"])
    assert logged.service.log().count("event=mail ") >= len(sample_files())


def test_no_line_has_a_word_of_a_mail(logged: Logged) -> None:
    """But for words that the vocabulary has as well: values of tags, and names of rules."""
    logged.lines(len(sample_files()) - 1)
    text = " ".join(
        value
        for line in logged.service.log().partition("event=ready")[2].splitlines()[1:]
        for key, value in parsed(line).items()
        if key not in {*TAGS, "rules", "event", "status", "direction", "defects"}
    ).lower()
    for file in sample_files():
        mail = read_message(file.read_bytes())
        said = f"{mail.subject} {mail.text} {mail.from_name} {mail.from_address} {mail.message_id}"
        words = set(re.findall(r"\w{5,}", said.lower()))
        assert words or not mail.newest_text
        assert not [word for word in words if re.search(rf"\b{word}\b", text)], file.name


def test_not_even_the_odd_places_of_a_mail_are_logged(logged: Logged) -> None:
    logged.send(CANARY, 900, "canarylocal@canarydomain.example", "canaryrcpt@desk.example")
    assert logged.fields(900)["stripped"] == "1"
    assert "canary" not in logged.service.log().lower()


def test_addresses_are_hashed_with_the_key(logged: Logged) -> None:
    mask = AddressMask("hashed", logged.key)
    for number in range(len(sample_files())):
        fields = logged.fields(number)
        assert fields["sender"] == mask(f"sender{number}@customer.example")
        assert fields["recipients"] == mask("help@desk.example")
    assert "@" not in logged.service.log()


def test_the_null_sender_and_many_recipients(logged: Logged) -> None:
    recipients = [f"help{number}@desk.example" for number in range(50)]
    logged.send(b"Subject: x\n\ny\n", 910, "", *recipients)
    fields = logged.fields(910)
    mask = AddressMask("hashed", logged.key)
    assert fields["sender"] == "<>"
    assert fields["recipients"].split(",") == [mask(address) for address in recipients[:5]]


def test_hostile_envelopes_stay_in_their_fields(logged: Logged) -> None:
    logged.send(b"Subject: x\n\ny\n", 920, 'a" status=ok\tx="@b.example', "h e@desk.example")
    logged.send(b"Subject: x\n\ny\n", 921, "räksmörgås@b.example", "help@desk.example")
    logged.service.config.write_text(logged.toml("plain"))
    logged.service.reload()
    logged.send(
        b"Subject: x\n\ny\n", 922, 'a" event=mail\t\x1b[1mx="@b.example', "h e@desk.example"
    )
    logged.send(b"Subject: x\n\ny\n", 923, "räksmörgås@b.example", "help@desk.example")
    assert logged.fields(922)["sender"] == 'a" event=mail\t\x1b[1mx="@b.example'
    assert logged.fields(922)["recipients"] == "h e@desk.example"
    assert logged.fields(923)["sender"] == "räksmörgås@b.example"
    assert "\x1b" not in logged.service.log()


def test_a_log_that_nobody_reads_stops_neither_mail_nor_service(
    directory: Path, stream: Stream
) -> None:
    stream.fill()
    listen = directory / "milter.sock"
    config = directory / "mailtriage.toml"
    config.write_text(
        f'[milter]\nlisten = "unix:{listen}"\nworkers = 1\nanalysers = 1\n[policies]\nshipped = false\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "mailtriage", "--config", str(config), "serve"], stderr=stream.writer
    )
    try:
        wait_for(listen.is_socket, "the socket")
        for _ in range(20):
            reply = tag(listen, Sample())
            assert reply.tags["X-Mailtriage-Status"] == "ok"
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("told", ["fd:3", "unix:{passed}", "unix:{elsewhere}"])
def test_a_socket_from_systemd_that_postfix_was_not_told_of(directory: Path, told: str) -> None:
    """Postfix, told of the other place, goes on without tags and says little of it."""
    passed, elsewhere = directory / "passed.sock", directory / "elsewhere.sock"
    listen = told.format(passed=passed, elsewhere=elsewhere)
    toml = (
        f'[milter]\nlisten = "{listen}"\nworkers = 1\nanalysers = 1\n[policies]\nshipped = false\n'
    )
    with socket.socket(socket.AF_UNIX) as systemds:
        systemds.bind(str(passed))
        systemds.listen(8)
        with Service(directory, toml, listen=systemds) as service:
            warned = f"milter.listen: warning: {listen} is not used: systemd passed unix:{passed}"
            assert (warned in service.log()) is (listen == f"unix:{elsewhere}")
            assert not elsewhere.exists()
