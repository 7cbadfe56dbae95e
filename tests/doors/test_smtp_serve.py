"""The SMTP door in the running service: tagged mail, and nothing lost whatever else happens."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from email.parser import BytesHeaderParser
from pathlib import Path

import pytest

from mailtriage.doors.smtp import Endpoint
from tests.doors.smtp_support import Neighbourhood, NextHop, SmtpClient
from tests.support.mails import FORGED, LETTERS, assert_tagged, ours
from tests.support.postfix import free_port
from tests.support.serve import Service, alive, cpu_seconds, wait_for

MAIL = b"From: kim@customer.example\r\nSubject: hello\r\n\r\nHello,\r\n.a dot\r\n\xff\x00\r\n"
WIRE = MAIL.replace(b"\r\n.", b"\r\n..") + b".\r\n"
"""The same as DATA carries it."""

SLOW_PATTERNS = 12
"""Each runs into `policies.time_limit` on `SLOW_MAIL`."""
SLOW_MAIL = (
    b"Subject: slow\r\n\r\n"
    + b" ".join(b"y%d" % number for number in range(SLOW_PATTERNS))
    + b"\r\n"
    + b"x" * 200
    + b"\r\n"
)
SLOW_POLICY = "format = 1\nskill = 'slow'\nthreshold = 3.0\n" + "".join(
    f"[[signal]]\nid = 'slow-{number}'\nweight = 1.0\nregex = '(?:x+x+)+y{number}'\n"
    for number in range(SLOW_PATTERNS)
)


class Proxy:
    """The service with its SMTP door, in front of a next hop on script."""

    def __init__(self, directory: Path, hood: Neighbourhood, *lines: str, policies: str) -> None:
        self.hood = hood
        self.hop: NextHop = hood.hop()
        self.where = Endpoint("127.0.0.1", free_port())
        toml = [
            "[smtp]", f'listen = "inet:{self.where}"', f'next_hop = "127.0.0.1:{self.hop.port}"',
            'hostname = "door.example"',
            "[policies]", policies,
            "[milter]", f'listen = "unix:{directory}/milter.sock"', "workers = 1", *lines,
        ]  # fmt: skip
        self.service = Service(directory, "\n".join([*toml, ""]))

    def client(self) -> SmtpClient:
        """A client on loopback, greeted."""
        return self.hood.client(self.where)

    def arrived(self, count: int = 1) -> list[bytes]:
        """What the next hop has taken; waits until it is that many."""
        wait_for(lambda: len(self.hop.taken) >= count, f"{count} mails", 20)
        return [mail.content for mail in self.hop.taken]


Start = Callable[..., Proxy]


@pytest.fixture
def start(hood: Neighbourhood) -> Iterator[Start]:
    """Start one: `start('analysers = 1')` adds that line to [milter]."""
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    with ExitStack() as running:
        running.callback(shutil.rmtree, directory)

        def start_one(*lines: str, policies: str = "shipped = false") -> Proxy:
            proxy = Proxy(directory, hood, *lines, policies=policies)
            running.enter_context(proxy.service)
            return proxy

        yield start_one


def split(arrived: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """The header that was put on top of a mail, and the mail."""
    header = [
        (name, value.strip()) for name, value in BytesHeaderParser().parsebytes(arrived).items()
    ]
    count = len(ours(header))
    return header, b"".join(arrived.splitlines(keepends=True)[count:])


def assert_relayed(arrived: bytes, mail: bytes, status: str = "ok") -> None:
    """Tagged with that status, and below the tags every byte is what was sent."""
    header, rest = split(arrived)
    assert_tagged(header, status)
    assert rest == mail


def test_mail_is_relayed_and_tagged(start: Start) -> None:
    """Who connects from loopback is the mail server in front of us, and no agent of the desk."""
    proxy = start(policies="shipped = true")
    client = proxy.client()
    assert client.sends_mail(MAIL).startswith("250 2.0.0 kept")
    assert_relayed(proxy.arrived()[0], MAIL)
    for number, letter in enumerate(LETTERS, start=2):
        raw = letter.raw.replace(b"\n", b"\r\n")
        assert client.sends_mail(raw).startswith("250")
        arrived = proxy.arrived(number)[-1]
        assert_relayed(arrived, raw)
        assert letter.agrees_with(dict(split(arrived)[0]))
    client.says("QUIT", "221")


def test_forged_tags_are_removed(start: Start) -> None:
    proxy = start()
    forged = FORGED.replace(b"\n", b"\r\n")
    assert proxy.client().sends_mail(forged + MAIL).startswith("250")
    assert_relayed(proxy.arrived()[0], MAIL)


def test_every_mail_has_one_line_in_the_log(start: Start) -> None:
    proxy = start("analysers = 1")
    client = proxy.client()
    for _ in range(3):
        client.sends_mail(MAIL)

    def lines() -> list[str]:
        return [line for line in proxy.service.log().splitlines() if "event=mail " in line]

    wait_for(lambda: len(lines()) >= 3, "three lines", 20)
    ids = [line.partition("queue_id=")[2].partition(" ")[0] for line in lines()]
    assert len(ids) == len(set(ids)) == 3
    assert "@" not in proxy.service.log()
    assert all(" direction=inbound " in line for line in lines())


def test_an_analyser_that_is_killed_over_a_mail_costs_its_tags_only(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "slow.toml").write_text(SLOW_POLICY)
    proxy = start(
        "analysers = 1",
        "deadline = '20s'",
        policies=f"shipped = false\ntime_limit = '20ms'\ndirectories = ['{tmp_path}']",
    )
    client = proxy.client()
    (analyser,) = proxy.service.workers("analyser")
    idle = cpu_seconds(analyser)
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(client.sends_mail, SLOW_MAIL)
        wait_for(lambda: cpu_seconds(analyser) > idle + 0.04, "the analyser to be at work")
        os.kill(analyser, signal.SIGKILL)
        assert reply.result(30).startswith("250 2.0.0 kept")
    assert_relayed(proxy.arrived()[0], SLOW_MAIL, "error")
    wait_for(lambda: proxy.service.workers("analyser") not in ([], [analyser]), "another analyser")
    assert client.sends_mail(MAIL).startswith("250")
    assert_relayed(proxy.arrived(2)[1], MAIL)
    assert "status=error" in proxy.service.log()


def test_analysers_that_hang_cost_the_deadline_and_the_tags_only(start: Start) -> None:
    proxy = start("analysers = 1", "deadline = '300ms'")
    (analyser,) = proxy.service.workers("analyser")
    os.kill(analyser, signal.SIGSTOP)
    try:
        assert proxy.client().sends_mail(MAIL).startswith("250")
    finally:
        os.kill(analyser, signal.SIGCONT)
    assert_relayed(proxy.arrived()[0], MAIL, "timeout")


def test_a_reload_keeps_open_sessions_to_their_end(start: Start) -> None:
    proxy = start()
    (before,) = proxy.service.workers("smtp")
    idle, within, waiting = proxy.client(), proxy.client(), proxy.client()
    proxy.hop.may_answer.clear()
    waiting.begins_mail()
    waiting.says("DATA", "354")
    waiting.send(WIRE)
    wait_for(proxy.hop.dot_seen.is_set, "the next hop to have it")
    within.begins_mail()
    within.says("DATA", "354")
    within.send(WIRE[:30])

    proxy.service.reload()
    assert proxy.service.workers("smtp") != [before]
    within.send(WIRE[30:])
    proxy.hop.may_answer.set()
    assert waiting.expect("250 2.0.0 kept")
    assert within.expect("250 2.0.0 kept")
    for arrived in proxy.arrived(2):
        assert_relayed(arrived, MAIL)
    assert idle.reply().startswith("421"), "an idle client is told to come again"
    assert proxy.client().sends_mail(MAIL).startswith("250")
    wait_for(lambda: not alive(before), "the old process to leave")


def test_reloads_under_load_lose_nothing(start: Start) -> None:
    proxy = start()

    def send(number: int) -> int:
        """Until it is accepted, as an MTA does; returns how often it was put off."""
        mail = b"Subject: number %d\r\n\r\nx\r\n" % number
        for attempt in range(100):
            client = SmtpClient(proxy.where)
            try:
                if not client.reply().startswith("220"):
                    continue
                client.send("EHLO client.example\r\n")
                if not client.reply().startswith("250"):
                    continue
                client.send("MAIL FROM:<a@example.org>\r\n")
                if not client.reply().startswith("250"):
                    continue
                client.says("RCPT TO:<b@desk.example>", "250")
                client.says("DATA", "354")
                client.send(mail + b".\r\n")
                if client.reply().startswith("250"):
                    return attempt
            finally:
                client.drop()
        raise AssertionError(f"mail {number} was never taken")

    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(send, number) for number in range(120)]
        proxy.service.reload()
        proxy.service.reload()
        for one in sent:
            one.result(60)
    arrived = proxy.arrived(120)
    subjects = sorted(int(mail.partition(b"number ")[2].split()[0]) for mail in arrived)
    assert subjects == list(range(120)), "each once"
    assert all(b"X-Mailtriage-Status: ok\r\n" in mail for mail in arrived)


def test_sigterm_waits_for_what_is_on_its_way(start: Start) -> None:
    proxy = start()
    idle, waiting = proxy.client(), proxy.client()
    proxy.hop.may_answer.clear()
    waiting.begins_mail()
    waiting.says("DATA", "354")
    waiting.send(WIRE)
    wait_for(proxy.hop.dot_seen.is_set, "the next hop to have it")
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(proxy.service.stop, 60)
        assert idle.reply().startswith("421")
        assert waiting.hears_nothing(0.5), "no answer before the next hop's"
        assert not stopped.done()
        proxy.hop.may_answer.set()
        assert waiting.expect("250 2.0.0 kept")
        assert stopped.result(60) == 0
    assert_relayed(proxy.arrived()[0], MAIL)
    with pytest.raises(ConnectionRefusedError):
        SmtpClient(proxy.where)


@pytest.mark.parametrize("hop", ["127.0.0.1:10025", "127.0.0.1:{port}"])
def test_the_next_hop_may_have_any_port_but_ours(hop: str, hood: Neighbourhood) -> None:
    """10025 is where amavis and its like hand mail back to Postfix."""
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    port = free_port()
    toml = (
        f'[milter]\nlisten = "unix:{directory}/milter.sock"\nworkers = 1\nanalysers = 1\n'
        f'[smtp]\nlisten = "inet:127.0.0.1:{port}"\nnext_hop = "{hop.format(port=port)}"\n'
        "[policies]\nshipped = false\n"
    )
    service = Service(directory, toml)
    try:
        if "{port}" in hop:
            with pytest.raises(RuntimeError, match="every mail would loop"):
                service.start()
            return
        with service:
            hood.client(Endpoint("127.0.0.1", port), greet="").expect("220 ")
    finally:
        shutil.rmtree(directory)
