"""mailtriage pipe: the mail goes through whatever happens; our facts only where they are ours."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.config import load
from mailtriage.doors.analysis import Analyst
from mailtriage.mail.fields import split_fields
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.shipped import shipped_directory
from mailtriage.state.secret import make_secret, read_secret
from mailtriage.tags.apply import apply_edits, header_names
from mailtriage.triage.customer import FixedCustomers
from tests.commands.conftest import COMMAND, Call, Done

TEMPFAIL = 75
JOE = "joe@customer.example"
MAIL = (
    b"From: Joe <joe@customer.example>\r\nTo: help@desk.example\r\nSubject: Invoice\r\n"
    b"Date: Mon, 23 Nov 2026 09:00:00 +0100\r\nMessage-ID: <m1@customer.example>\r\n\r\n"
    b"Could you send me the invoice for October once more? I cannot find the PDF.\r\n"
)
CONFIG = """
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[state]
secret_file = "{secret}"
[mailboxes."help@desk.example"]
profile = "znuny"
[profiles.znuny.map.queue]
billing = "Billing & VAT"
default = "General"
"""
# What stands in for a helpdesk's gateway: tells its arguments and what came in, ends as it is told.
GATEWAY = """
import json, sys
mail = sys.stdin.buffer.read()
json.dump({"arguments": sys.argv[1:], "size": len(mail), "mail": mail.decode("latin-1")}, sys.stdout)
sys.exit(int(mail.partition(b"X-Exit: ")[2][:2] or 0))
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    make_secret(tmp_path / "secret")
    file = tmp_path / "mailtriage.toml"
    file.write_text(CONFIG.format(secret=tmp_path / "secret"), encoding="utf-8")
    return file


@pytest.fixture
def gateway(tmp_path: Path) -> tuple[str, str]:
    file = tmp_path / "gateway.py"
    file.write_text(GATEWAY, encoding="utf-8")
    return sys.executable, str(file)


Tagged = Callable[..., bytes]


@pytest.fixture
def tagged(config: Path, tmp_path: Path) -> Tagged:
    """`tagged(raw)` is the mail as Postfix delivers it, with our tags and seal."""
    loaded = load([config]).config
    policies, _ = load_policies([shipped_directory("policies")])
    tokens = Tokens(read_secret(tmp_path / "secret"))
    analyst = Analyst(loaded, Matcher(policies), FixedCustomers({}), tokens)

    def make(raw: bytes = MAIL, sender: str = JOE) -> bytes:
        read = partial(
            read_message,
            raw,
            envelope=Envelope(sender, ("help@desk.example",)),
            client=Client("198.51.100.7", "mail.customer.example"),
        )
        body = raw[split_fields(raw)[1] :]
        edits = analyst.analyse(read, header_names(raw), body=body).edits
        return f"Return-Path: <{sender}>\r\n".encode() + apply_edits(raw, edits)

    return make


def told(done: Done) -> list[str]:
    """The arguments that the gateway got."""
    arguments: list[str] = json.loads(done.out)["arguments"]
    return arguments


WORDS = ("--queue={queue:None}", "{skill}", "{language}", "{priority}")
NOTHING_KNOWN = ["--queue=General", "general", "und", "3 normal"]


def test_the_gateway_gets_our_facts_and_the_mail_as_it_is(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged
) -> None:
    mail = tagged()
    done = call("--config", config, "pipe", "--", *gateway, *WORDS, stdin=mail)
    assert (done.code, done.err) == (0, "")
    assert told(done) == ["--queue=Billing & VAT", "billing", "en", "3 normal"]
    assert json.loads(done.out)["mail"].encode("latin-1") == mail


def test_the_exit_code_of_the_gateway_is_ours(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged
) -> None:
    for code in (0, 1, 2, 3, 69, 75):
        mail = MAIL.replace(b"\r\n\r\n", f"\r\nX-Exit: {code:02}\r\n\r\n".encode(), 1)
        done = call("--config", config, "pipe", "--", *gateway, stdin=tagged(mail))
        assert done.code == code


def forged(mail: bytes) -> bytes:
    """Somebody else's tags."""
    return mail.replace(b"X-Mailtriage-Skill: billing", b"X-Mailtriage-Skill: privacy")


def replayed(mail: bytes) -> bytes:
    """Our tags, copied from a mail of somebody's own to another."""
    return mail.replace(b"<m1@customer.example>", b"<m2@customer.example>")


def from_another(mail: bytes) -> bytes:
    return mail.replace(b"Return-Path: <joe@", b"Return-Path: <eve@")


def unsealed(mail: bytes) -> bytes:
    return b"".join(
        line for line in mail.splitlines(keepends=True) if b"X-Mailtriage-Seal" not in line
    )


def untagged(_: bytes) -> bytes:
    return MAIL


def broken(_: bytes) -> bytes:
    return b"no header at all, \xff\xfe\n\n\x00"


def empty(_: bytes) -> bytes:
    return b""


@pytest.mark.parametrize(
    "change",
    [forged, replayed, from_another, unsealed, untagged, broken, empty],
    ids=lambda change: change.__name__,
)
def test_without_a_valid_seal_nothing_is_known_and_the_mail_goes_on(
    call: Call,
    config: Path,
    gateway: tuple[str, str],
    tagged: Tagged,
    change: Callable[[bytes], bytes],
) -> None:
    mail = change(tagged())
    done = call("--config", config, "pipe", "--", *gateway, *WORDS, stdin=mail)
    assert done.code == 0
    assert told(done) == NOTHING_KNOWN
    assert "no valid seal" in done.err
    assert json.loads(done.out)["mail"].encode("latin-1") == mail


def test_on_a_trusted_path_the_header_is_believed(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged
) -> None:
    mail = unsealed(tagged())
    done = call("--config", config, "pipe", "--trusted", "--", *gateway, *WORDS, stdin=mail)
    assert told(done)[1:] == ["billing", "en", "3 normal"]


def test_even_there_a_value_that_is_none_of_ours_is_not_handed_on(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged
) -> None:
    mail = tagged().replace(b"X-Mailtriage-Skill: billing", b"X-Mailtriage-Skill: --url=http://x")
    done = call("--config", config, "pipe", "--trusted", "--", *gateway, *WORDS, stdin=mail)
    assert told(done) == NOTHING_KNOWN


def test_the_envelope_sender_can_come_as_an_option(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged
) -> None:
    mail = tagged().partition(b"\r\n")[2]  # pipe(8) without flags=R
    done = call("--config", config, "pipe", "--sender", JOE, "--", *gateway, *WORDS, stdin=mail)
    assert told(done)[1] == "billing"


@pytest.mark.parametrize("without", [b"Message-ID", b"Date"])
def test_a_mail_that_came_without_an_identity_is_known_by_what_it_says(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged, without: bytes
) -> None:
    lines = [line for line in MAIL.splitlines(keepends=True) if not line.startswith(b"Message-ID")]
    lines = [line for line in lines if not line.startswith(without)]
    mail = tagged(b"".join(lines))
    # Postfix adds what is missing behind the milter.
    mail = mail.replace(b"\r\n\r\n", b"\r\nMessage-Id: <2026.4C@mx.desk.example>\r\n\r\n", 1)
    done = call("--config", config, "pipe", "--", *gateway, *WORDS, stdin=mail)
    assert told(done)[1] == "billing"


def test_what_has_no_word_is_left_out_with_its_option(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged
) -> None:
    config.write_text(
        config.read_text().replace('billing = "Billing & VAT"\ndefault = "General"\n', "")
    )
    command = ("--queue", "{queue}", "--priority", "{priority}", "--x={queue}", "{{}}")
    done = call("--config", config, "pipe", "--", *gateway, *command, stdin=tagged())
    assert told(done) == ["--priority", "3 normal", "{}"]


def test_a_word_is_one_argument_and_no_shell_sees_it(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged
) -> None:
    config.write_text(config.read_text().replace("Billing & VAT", "$(id); 'a b'"))
    done = call("--config", config, "pipe", "--", *gateway, "{queue}", stdin=tagged())
    assert told(done) == ["$(id); 'a b'"]


def test_a_large_mail_goes_through_whole(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged
) -> None:
    mail = tagged() + b"x" * 70 * 1000 + b"\r\n" + b"y" * 5_000_000
    done = call("--config", config, "pipe", "--", *gateway, "{skill}", stdin=mail)
    assert json.loads(done.out)["size"] == len(mail)
    assert told(done) == ["billing"]


def test_a_gateway_that_does_not_read_its_input_decides_alone(call: Call, config: Path) -> None:
    done = call("--config", config, "pipe", "--", "/bin/true", stdin=MAIL + b"x" * 5_000_000)
    assert done.code == 0


@pytest.mark.parametrize(
    "broken",
    [
        ("pipe",),
        ("pipe", "--"),
        ("pipe", "--no-such-option", "--", "/bin/true"),
        ("--no-such-option", "pipe", "--", "/bin/true"),
        ("--config", "missing.toml", "pipe", "--", "/bin/true"),
        ("pipe", "--", "/no/such/gateway"),
        ("pipe", "--", "/bin/true", "{no-such-entry}"),
        ("pipe", "--", "/bin/true", "{skill"),
        ("pipe", "--", "/bin/sh", "-c", "kill -9 $$"),
    ],
    ids=" ".join,
)
def test_a_mistake_in_master_cf_defers_and_never_bounces(
    call: Call, broken: tuple[str, ...]
) -> None:
    done = call(*broken, stdin=MAIL)
    assert done.code == TEMPFAIL
    assert done.err


@pytest.mark.parametrize("content", [b"[milter\n", b"\xff", b"[mailboxes]\nx = 1\n"])
def test_a_broken_configuration_costs_a_mail_its_words_and_no_more(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged, content: bytes
) -> None:
    mail = tagged()
    config.write_bytes(content)
    command = ("--queue={queue:General}", "{skill}")
    done = call("--config", config, "pipe", "--", *gateway, *command, stdin=mail)
    assert done.code == 0
    assert told(done) == ["--queue=General", "general"]


@pytest.mark.parametrize(
    "sender",
    ["{x@evil.example", "a}@evil.example", "{no}@evil.example", "{queue}@evil.example", "{{@e.example"],
)  # fmt: skip
def test_braces_in_an_address_of_the_envelope_mean_nothing(
    call: Call, config: Path, gateway: tuple[str, str], sender: str
) -> None:
    """A stranger may choose such an address, and Postfix puts it where master.cf has $sender."""
    config.write_text(config.read_text().split("[profiles")[0])
    done = call("--config", config, "pipe", "--", *gateway, "-f", sender, "{skill}", stdin=MAIL)
    assert done.code == 0
    assert told(done) == ["-f", sender, "general"]


def test_a_fact_can_be_a_part_of_an_address(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged
) -> None:
    done = call(
        "--config", config, "pipe", "--", *gateway, "{skill:x}@desk.example", stdin=tagged()
    )
    assert told(done) == ["billing@desk.example"]


@pytest.mark.parametrize("value", [b"--url", b"-x"])
def test_no_fact_looks_like_an_option(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged, value: bytes
) -> None:
    mail = tagged().replace(b"X-Mailtriage-Skill: billing", b"X-Mailtriage-Skill: " + value)
    done = call("--config", config, "pipe", "--trusted", "--", *gateway, *WORDS, stdin=mail)
    assert told(done) == NOTHING_KNOWN


def test_even_on_a_trusted_path_a_second_field_below_ours_does_nothing(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged
) -> None:
    mail = tagged().replace(b"\r\nTo: ", b"\r\nX-Mailtriage-Skill: privacy\r\nTo: ", 1)
    done = call("--config", config, "pipe", "--trusted", "--", *gateway, *WORDS, stdin=mail)
    assert told(done)[1] == "billing"


def test_a_sender_beyond_ascii_in_return_path_fits_the_seal(
    call: Call, config: Path, gateway: tuple[str, str], tagged: Tagged
) -> None:
    mail = tagged(sender="jörg@kunde.example")
    done = call("--config", config, "pipe", "--", *gateway, "{skill}", stdin=mail)
    assert told(done) == ["billing"]


@pytest.mark.parametrize("log", ["nobody reads it", "full", "closed"])
def test_a_log_that_cannot_be_written_costs_no_mail(config: Path, log: str) -> None:
    """0 would mean that the mail is delivered, 1 and 120 that it goes back to its sender."""
    command = [*COMMAND, "--config", str(config), "pipe", "--"]
    for gateway, code in ((("/bin/cat",), 0), (("/no/such/gateway",), TEMPFAIL)):
        reader, broken = os.pipe()
        os.close(reader)
        full = os.open("/dev/full", os.O_WRONLY)
        line = [*command, *gateway]
        done = subprocess.run(
            ["sh", "-c", 'exec "$@" 2>&-', "-", *line] if log == "closed" else line,
            input=MAIL,
            stdout=subprocess.PIPE,
            stderr={"nobody reads it": broken, "full": full}.get(log),
            timeout=60,
            check=False,
        )
        os.close(broken)
        os.close(full)
        assert done.returncode == code
        assert done.stdout == (MAIL if code == 0 else b"")
