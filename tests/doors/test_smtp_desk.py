"""The SMTP door tells the desk of what its next hop has taken, and of nothing else."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.config import load
from mailtriage.desk.copy import Copy, open_copy
from mailtriage.doors import smtp_desk
from mailtriage.doors.smtp import Endpoint
from mailtriage.doors.smtp_desk import AT_ONCE, BODY, DeskNews, desk_copy
from mailtriage.state.sqlite import open_database
from tests.doors.smtp_support import Neighbourhood, NextHop, SmtpClient, eventually
from tests.support.postfix import free_port
from tests.support.serve import Service, wait_for

TOKENS = Tokens(b"a secret of the tests, 32 bytes and more")
KEY = TOKENS.dedupe_key("help@desk.example", "joe@customer.example", b"<m1@customer.example>")
HIDDEN = TOKENS.hidden_recipient(KEY, "in")
JOE = "joe@customer.example"
ID = "0a1b2c3d4e5f"
MAIL = (
    b"X-Mailtriage: v=1;\r\nReceived: from a (b [203.0.113.9])\r\n\tby mx.example with SMTP id ABCDEF12\r\n"
    b"From: joe@customer.example\r\nSubject: parcel\r\n\r\nHello\r\n.a dot\r\n"
)  # fmt: skip


class Told:
    """A desk, and the news for it."""

    def __init__(self, hood: Neighbourhood, directory: Path, desk: NextHop, toml: str) -> None:
        file = directory / "mailtriage.toml"
        file.write_text(f'[desk]\nlisten = "inet:127.0.0.1:{desk.port}"\n{toml}\n')
        config = load([file]).config
        self.desk = desk
        self._hood = hood

        async def make() -> DeskNews:
            return DeskNews(config)

        self._news = hood.run(make())

    def expect(self, mail_id: str = ID) -> None:
        self._news.expect(mail_id, HIDDEN)

    def committed(self, mail_id: str = ID, sender: str = JOE, message: bytes = MAIL) -> None:
        async def call() -> None:
            self._news.committed(mail_id, sender, message)

        self._hood.run(call())

    def stop(self, patience: float = 10) -> list[bytes]:
        """What the desk has got when the door leaves."""
        self._hood.run(self._news.stop(patience))
        return [taken.content for taken in self.desk.taken]


MakeTold = Callable[..., Told]


@pytest.fixture
def told(hood: Neighbourhood, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeTold:
    """`told('copy = "full"', answers={…})`: lines of [desk], and how the desk answers."""
    monkeypatch.setattr(smtp_desk, "PAUSES", (0.05, 0.1))

    def make(toml: str = 'copy = "full"', **script: object) -> Told:
        return Told(hood, tmp_path, hood.hop(lmtp=True, **script), toml)

    return make


def test_the_desk_gets_its_copy(told: MakeTold) -> None:
    one = told()
    one.expect()
    one.committed()
    (message,) = one.stop()
    (taken,) = one.desk.taken
    assert (taken.mail, taken.recipients) == (f"MAIL FROM:<{JOE}>", [f"RCPT TO:<{HIDDEN}>"])
    opened = open_copy(Copy(JOE, HIDDEN, message), TOKENS)
    assert opened is not None
    assert opened.arrival.queue_id == ID
    assert opened.arrival.at > 0
    assert [name for name, _ in opened.fields] == ["Received", "From", "Subject"], "all that came"
    assert message.endswith(MAIL)


@pytest.mark.parametrize(
    ("sender", "mail"),
    [
        ("", "MAIL FROM:<>"),
        ("jörg@example.org", "MAIL FROM:<jörg@example.org> SMTPUTF8"),
        ("\udcff@example.org", "MAIL FROM:<\udcff@example.org> SMTPUTF8"),
    ],
)
def test_any_sender_gets_through(told: MakeTold, sender: str, mail: str) -> None:
    one = told()
    one.expect()
    one.committed(sender=sender)
    one.stop()
    assert [taken.mail for taken in one.desk.taken] == [mail]


@pytest.mark.parametrize(("copy", "kept"), [("full", BODY), ("text", BODY), ("headers", 0)])
def test_the_copy_is_as_long_as_the_desk_wants_it(told: MakeTold, copy: str, kept: int) -> None:
    one = told(f'copy = "{copy}"')
    one.expect()
    one.committed(message=MAIL + b"x" * 76 * 10_000 + b"\r\n")
    (message,) = one.stop()
    body = message.partition(b"\r\n\r\n")[2]
    assert abs(len(body) - kept) < 10


def test_of_mail_that_leads_to_nothing_it_hears_nothing(told: MakeTold) -> None:
    one = told()
    one.expect("another")
    one.committed()
    assert one.stop() == []


def test_it_is_told_once(told: MakeTold) -> None:
    one = told()
    one.expect()
    one.committed()
    one.committed()
    assert len(one.stop()) == 1


@pytest.mark.parametrize(
    "answers",
    [
        {"LHLO": "421 4.3.2 stopping"},
        {"MAIL": "451 4.3.0 later"},
        {"RCPT": "452 4.3.1 later"},
        {"DATA": ""},
        {".": "451 4.3.0 later"},
        {".": ""},
    ],
)
def test_a_desk_that_is_not_ready_is_told_again(told: MakeTold, answers: dict[str, str]) -> None:
    one = told(answers=answers, only_once=True)
    one.expect()
    one.committed()
    one.stop()
    seen = one.desk.taken if "." in answers else one.desk.taken[-1:]
    assert len(seen) == (2 if "." in answers else 1)
    assert eventually(lambda: not one.desk.answers)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "."])
def test_a_desk_that_refuses_for_good_is_left_alone(told: MakeTold, verb: str) -> None:
    one = told(answers={verb: "550 5.1.1 not ours"})
    one.expect()
    one.committed()
    one.stop()
    assert sum(line.startswith("MAIL") for line in one.desk.commands) == 1


def test_a_desk_that_comes_back_hears_of_all(told: MakeTold, hood: Neighbourhood) -> None:
    one = told()
    hood.stop_listening(one.desk)
    for number in range(30):
        one.expect(str(number))
        one.committed(str(number))
    assert one.desk.taken == []
    hood.listen(one.desk)
    assert len(one.stop()) == 30


def test_a_desk_that_is_down_is_not_run_over(told: MakeTold, hood: Neighbourhood) -> None:
    """However many mails wait, few knock at its door at once."""
    one = told(answers={"MAIL": "451 4.3.0 later"})
    for number in range(30):
        one.expect(str(number))
        one.committed(str(number))
    one.stop(patience=0.5)
    # The tenth of a second between two attempts, and as many at once.
    assert 2 <= sum(line.startswith("MAIL") for line in one.desk.commands) <= AT_ONCE * 10


def test_the_door_waits_no_longer_than_it_may(
    told: MakeTold, hood: Neighbourhood, caplog: pytest.LogCaptureFixture
) -> None:
    one = told()
    hood.stop_listening(one.desk)
    one.expect()
    one.committed()
    assert one.stop(patience=0.3) == []
    assert "the desk was not told of 1 mails" in caplog.text
    assert JOE not in caplog.text


def test_it_gives_up_when_an_acknowledgement_would_be_of_no_use(
    told: MakeTold, hood: Neighbourhood, caplog: pytest.LogCaptureFixture
) -> None:
    one = told('copy = "full"\n[ack]\nexpire = "60s"')
    one._news._lifetime = 0.2  # type: ignore[misc] # a minute is the least that is taken
    hood.stop_listening(one.desk)
    one.expect()
    one.committed()
    one.stop()
    assert f"id={ID} the desk was not told: it did not answer in time" in caplog.text


def test_refused_mails_fill_no_memory(told: MakeTold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_desk, "MOST_WAITING", 10)
    one = told()
    for number in range(30):
        one.expect(str(number))
    for number in range(30):
        one.committed(str(number))
    assert len(one.stop()) == 10


@pytest.mark.parametrize("mail", [MAIL, b"From joe Mon Nov 23\r\n" + MAIL, b"", b"no header\r\n"])
def test_a_received_is_on_top_that_was_not_there_before(mail: bytes) -> None:
    opened = open_copy(Copy("", HIDDEN, desk_copy(mail, ID)), TOKENS)
    assert opened is not None
    assert opened.arrival.queue_id == ID
    assert len(opened.fields) == (3 if b"Subject" in mail else 0)


# The whole service.


class House:
    """The service with its SMTP door and its desk, and what it remembers."""

    def __init__(self, directory: Path, hop: NextHop) -> None:
        self.where = Endpoint("127.0.0.1", free_port())
        self.database = directory / "state.db"
        toml = (
            f'[milter]\nlisten = "unix:{directory}/milter.sock"\nworkers = 1\nanalysers = 1\n'
            f'[smtp]\nlisten = "inet:{self.where}"\nnext_hop = "127.0.0.1:{hop.port}"\n'
            f'[desk]\nlisten = "unix:{directory}/desk.sock"\n[state]\nurl = "sqlite://{self.database}"\n'
            f'[ack]\nsubmit = "127.0.0.1:{free_port()}"\n'
            '[authentication]\ntrusted_authserv_ids = ["mx.desk.example"]\n'
            '[mailboxes."help@desk.example"]\n[policies]\nshipped = false\n'
        )  # fmt: skip
        self.service = Service(directory, toml)

    def remembered(self) -> int:
        with closing(open_database(self.database)) as connection:
            return int(connection.execute("SELECT count(*) FROM outbox").fetchone()[0])


@pytest.fixture
def house(hood: Neighbourhood) -> Iterator[tuple[House, NextHop, Callable[[], SmtpClient]]]:
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    hop = hood.hop()
    house = House(directory, hop)
    with house.service:
        yield house, hop, lambda: hood.client(house.where)
    shutil.rmtree(directory)


def request(number: int) -> bytes:
    return (
        b"Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom=c%d.example\r\n"
        b"From: joe@c%d.example\r\nTo: help@desk.example\r\nSubject: parcel\r\n"
        b"Message-ID: <m%d@c.example>\r\n\r\nHello, where is my parcel?\r\n"
    ) % (number, number, number)


def send(client: SmtpClient, number: int) -> str:
    client.says(f"MAIL FROM:<joe@c{number}.example>", "250")
    client.says("RCPT TO:<help@desk.example>", "250")
    client.says("DATA", "354")
    client.send(request(number) + b".\r\n")
    return client.reply()


def test_an_acknowledgement_is_owed_for_what_the_next_hop_took(
    house: tuple[House, NextHop, Callable[[], SmtpClient]],
) -> None:
    home, hop, connect = house
    client = connect()
    for number, answer in enumerate(["550 5.7.1 no", "451 4.3.0 later"]):
        hop.answers["."] = answer
        assert send(client, number).startswith(answer[:3])
    hop.answers.clear()
    assert send(client, 2).startswith("250")
    wait_for(lambda: home.remembered() > 0, "the row", 20)
    assert send(client, 1).startswith("250"), "the client comes again"
    wait_for(lambda: home.remembered() > 1, "the other row", 20)
    assert home.remembered() == 2, "none for what was refused"


def test_the_desk_is_told_before_the_door_leaves(
    house: tuple[House, NextHop, Callable[[], SmtpClient]],
) -> None:
    home, _, connect = house
    client = connect()
    for number in range(5):
        assert send(client, number).startswith("250")
    client.drop()
    home.service.stop()
    assert home.remembered() == 5
