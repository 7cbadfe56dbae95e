"""mailtriage demo: what a person sees who has nothing but this program."""

import os
import re
import signal
import smtplib
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailtriage.demo.embedded import sample_files
from mailtriage.mail.read import read_message
from tests.commands.conftest import COMMAND, Call, Done
from tests.commands.test_samples import language_of
from tests.support.serve import wait_for

Row = dict[str, str]


def rows(text: str) -> list[Row]:
    """The rows of every table: by the name of the column, which begins where its name begins."""
    found: list[Row] = []
    columns: list[tuple[str, int]] = []
    for line in text.splitlines():
        if re.match(r" +from +subject +lang", line):
            columns = [(m[0], m.start()) for m in re.finditer(r"\S+(?: \S+)*", line)]
        elif columns and line.strip() and not line.lstrip().startswith("─"):
            ends = [start for _, start in columns[1:]] + [len(line)]
            row = {
                name: line[start:end].strip()
                for (name, start), end in zip(columns, ends, strict=True)
            }
            if not row["from"]:  # goes on
                for name, more in row.items():
                    found[-1][name] = f"{found[-1][name]} {more}".strip()
            else:
                found.append(row)
        elif found and not line.strip():
            columns = []
    return found


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """What `mailtriage demo --once` shows."""
    empty = tmp_path_factory.mktemp("demo") / "empty.toml"
    empty.touch()
    command = [*COMMAND, "--config", str(empty), "demo", "--once", "--listen", "127.0.0.1:0"]
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_once_shows_every_sample_and_leaves(once: Done) -> None:
    assert (once.code, once.err) == (0, "")
    shown = rows(once.out)
    assert len(shown) == len(sample_files()) >= 14
    for file, row in zip(sample_files(), shown, strict=True):
        mail = read_message(file.read_bytes())
        assert (mail.from_name or mail.from_address).startswith(row["from"].rstrip("…"))
        assert mail.subject.startswith(row["subject"].rstrip("…"))
        assert row["skill"]
        assert re.fullmatch(r"(urgent|high|normal|low) \d+", row["priority"])
    assert "Listening" not in once.out


def test_once_shows_at_least_eight_languages_and_every_priority(once: Done) -> None:
    shown = rows(once.out)
    for file, row in zip(sample_files(), shown, strict=True):
        assert row["lang"] in (language_of(file), "und")
    assert len({row["lang"] for row in shown} - {"und"}) >= 8
    assert {row["priority"].split()[0] for row in shown} == {"urgent", "high", "normal", "low"}


@pytest.mark.parametrize(
    ("sample", "besides"),
    [
        ("nl-angry-leaving", ("churn high", "negative")),
        ("da-chaser", ("chaser",)),
        ("en-vip", ("VIP",)),
        ("en-forged-headers", ("forged removed",)),
        ("en-encrypted", ("unread",)),
        ("en-mailing-list", ("list",)),
        ("en-bounce", ("bounce",)),
        ("sv-out-of-office", ("machine",)),
        ("fi-thank-you", ("positive",)),
        ("de-x-priority", ("sender says urgent",)),
    ],
)
def test_what_is_out_of_the_ordinary_about_a_sample_is_said(
    once: Done, sample: str, besides: tuple[str, ...]
) -> None:
    (number,) = [n for n, file in enumerate(sample_files()) if file.stem.endswith(sample)]
    for words in besides:
        assert words in rows(once.out)[number]["besides"]


ACKNOWLEDGED = {
    "en-plain": "en: Message received: ",
    "sv-html-only": "sv: ",
    "de-quoted-reply-disclaimer": "no, G2: ",
    "fr-quoted-printable-latin9": "fr: Accusé de réception : ",
    "es-base64": "es: ",
    "nb-danger": "nb: ",
    "da-chaser": "no, G2: ",
    "en-forged-headers": "en: Message received: ",
    "en-encrypted": "en, de: ",
    "en-mailing-list": "no, B2: ",
    "en-bounce": "no, A1: ",
    "sv-out-of-office": "no, A1: ",
}
"""The language and marker of the answer, or the rule that forbids one."""


@pytest.mark.parametrize("sample", ACKNOWLEDGED)
def test_what_each_customer_is_answered_is_shown(once: Done, sample: str) -> None:
    (number,) = [n for n, file in enumerate(sample_files()) if file.stem.endswith(sample)]
    shown = rows(once.out)[number]["acknowledged"]
    assert shown.startswith(ACKNOWLEDGED[sample].strip())


def test_once_shows_an_acknowledgement_as_the_customer_gets_it(once: Done) -> None:
    letter = once.out.partition("What the customer gets at once:")[2]
    lines = [line.strip() for line in letter.splitlines()]
    assert "From: Desk Example <help@desk.example>" in lines
    assert any(line.startswith("To: sindre.haugland@") for line in lines)
    assert any(re.search(r": [0-9A-Z]{4}-[0-9A-Z]{2}$", line) for line in lines), "a reference"
    assert "+46 8 123 45 67" in letter
    assert "https://desk.example/privacy" in letter


def test_once_shows_the_headers_of_one_mail(once: Done) -> None:
    assert "as the helpdesk gets it:" in once.out
    assert re.search(r"^  X-Mailtriage: v=1; prio=urgent;", once.out, re.MULTILINE)
    assert "X-Mailtriage-Status: ok" in once.out


def send(port: int, content: bytes, sender: str = "kim@customer.example") -> None:
    """A mail to the demonstration, from a program of one's own."""
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail(sender, ["help@desk.example"], content)


class Demo:
    """A demonstration that goes on, and what it has shown since its samples went through."""

    def __init__(self, config: Path) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "--config", str(config), "demo", "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
        )
        self.port = 0
        self.invitation = ""
        self._shown: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_for(lambda: bool(self.port) or self.process.poll() is not None, "the invitation")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if listening := re.match(r"Listening on 127\.0\.0\.1:(\d+)\.", line):
                self._shown.clear()
                self.port = int(listening[1])
            self._shown.append(line)

    def send(self, content: bytes) -> str:
        """Send a mail; returns what is shown of it."""
        before = len(rows(self.shown))
        send(self.port, content)
        wait_for(lambda: self.shown.count("as the helpdesk gets it") > before, "the mail", 20)
        return self.shown

    @property
    def shown(self) -> str:
        """Everything since the samples."""
        return "".join(self._shown)

    def interrupt(self) -> Done:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.stderr is not None
        code = self.process.wait(20)
        self._reader.join(20)
        return Done(code, self.shown, self.process.stderr.read())


@pytest.fixture
def demo(quick: Path) -> Iterator[Demo]:
    """A demonstration without policies, which starts quickly."""
    running = Demo(quick)
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.wait()


def mail(
    subject: str,
    body: bytes = b"Hello, I have a question.\r\n",
    sender: str = "kim@customer.example",
) -> bytes:
    head = f"From: Kim <{sender}>\r\nSubject: {subject}\r\nTo: help@desk.example\r\n"
    return f"{head}\r\n".encode() + body


def test_it_goes_on_listening_where_it_says_and_shows_mail_of_ones_own(demo: Demo) -> None:
    assert "Ctrl-C" in demo.shown
    assert f"--server 127.0.0.1:{demo.port}" in demo.shown
    shown = demo.send(mail("Where is my parcel?"))
    assert [row["subject"] for row in rows(shown)] == ["Where is my parcel?"]
    assert "The top of “Where is my parcel?” as the helpdesk gets it" in shown
    done = demo.interrupt()
    assert (done.code, done.err) == (0, "")


def test_a_mail_of_ones_own_is_acknowledged_once_and_the_next_is_told_why_not(demo: Demo) -> None:
    """The desk behind it is the real one: it remembers whom it has answered."""
    shown = demo.send(mail("Where is my parcel?"))
    assert "What the customer gets at once:" in shown
    assert "  To: kim@customer.example" in shown
    (first,) = rows(shown)
    assert first["acknowledged"].startswith(("en: ", "en, de: "))
    later = rows(demo.send(mail("Another question")))[-1]
    assert later["acknowledged"].startswith("no, F2: ")
    assert demo.shown.count("What the customer gets at once:") == 1


def test_ctrl_c_ends_it_while_a_client_is_connected(demo: Demo) -> None:
    with socket.create_connection(("127.0.0.1", demo.port)) as client:
        assert client.recv(3) == b"220"
        done = demo.interrupt()
    assert (done.code, done.err) == (0, "")


def test_a_line_of_any_length_is_shown(demo: Demo) -> None:
    """SMTP would stop at 1000 octets (RFC 5321 section 4.5.3.1.6); the HTML of many a mail does not."""
    shown = demo.send(mail("long", b"<p>" + b"a question " * 20_000 + b"\r\n"))
    assert [row["subject"] for row in rows(shown)] == ["long"]


def test_what_is_shown_of_a_mail_is_its_own_also_when_many_come_at_once(demo: Demo) -> None:
    subjects = [f"number {n}" for n in range(12)]
    threads = [threading.Thread(target=send, args=(demo.port, mail(s))) for s in subjects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def seen() -> list[tuple[str, str]]:
        top = r"The top of “(.+)” as the helpdesk gets it:\n(?:  (?!Subject).*\n)+  Subject: (.+)\n"
        return re.findall(top, demo.shown)

    wait_for(lambda: len(seen()) == len(subjects), "all mails", 20)
    assert sorted(seen()) == sorted((subject, subject) for subject in subjects)


def test_each_customer_gets_an_answer_of_his_own_also_when_many_come_at_once(demo: Demo) -> None:
    senders = [f"kim@customer{n}.example" for n in range(8)]
    threads = [
        threading.Thread(target=send, args=(demo.port, mail(s, sender=s), s)) for s in senders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def seen() -> list[tuple[str, str]]:
        answered = (
            r"The top of “(.+)” as the helpdesk gets it:\n(?:  .*\n)+\n"
            r"What the customer gets at once:\n  From: .*\n  To: (.+)\n"
        )
        return re.findall(answered, demo.shown)

    wait_for(lambda: len(seen()) == len(senders), "all answers", 20)
    assert sorted(seen()) == sorted((sender, sender) for sender in senders)


def test_a_mail_cannot_steer_the_terminal(demo: Demo) -> None:
    shown = demo.send(mail("red \x1b[31m alert\r\nX-Note: \x1b]0;title\x07"))
    assert "\x1b" not in shown
    assert r"red \x1b[31m alert" in shown


def test_a_busy_port_is_named(call: Call, quick: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        done = call("--config", quick, "demo", "--once", "--listen", where)
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"mailtriage demo: cannot listen on {where}: address already in use; "
        "choose another place with --listen\n"
    )


def test_an_unknown_host_is_named(call: Call, quick: Path) -> None:
    done = call("--config", quick, "demo", "--once", "--listen", "nobody.invalid:2525")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("mailtriage demo: cannot listen on nobody.invalid:2525: ")
    assert "while attempting" not in done.err
    assert len(done.lines()) == 1


def test_the_usual_port_is_2525(call: Call) -> None:
    assert "127.0.0.1:2525" in call("demo", "--help").out


def test_nothing_is_written(call: Call, quick: Path, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    assert call("--config", quick, "demo", "--once", "--listen", "127.0.0.1:0").code == 0
    assert set(tmp_path.rglob("*")) == before
