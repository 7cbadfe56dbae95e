"""mailtriage postfix: what it prints is taken by a real Postfix, and the papers say the same.

That mail then goes where it should is shown by tests/e2e/test_wiring.py.
"""

import base64
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.commands.postfix import wiring
from mailtriage.config import load
from mailtriage.state.secret import make_secret
from tests.commands.conftest import Call, Write
from tests.support.postfix import PrivatePostfix, RootShell, why_not

Print = Callable[..., str]

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "config/postfix"
FORGED = (
    "X-Mailtriage: v=1; prio=urgent;",
    "X-Mailtriage-Priority: urgent",
    "x-MAILTRIAGE-tier: vip",
    "X-Mailtriage-Tier : vip",
    "X-Mailtriage-Made-Up-Tomorrow:",
    "X-Mailtriage-Loops: none of ours",
)
OTHERS = (
    "Subject: X-Mailtriage: no",
    "X-Mailtriages: no",
    "Y-X-Mailtriage: no",
    "X-Mail: no",
    "X-Mailtriage-Loop: our own acknowledgement that comes back must be known for it",
)
MAILBOXES = """
[mailboxes."help@desk.example"]
aliases = ["support@desk.example"]
[mailboxes."*@shop.example"]
"""


@pytest.fixture
def machine(public: Path) -> RootShell:
    """Postfix as it was before mailtriage came; it is checked but never started."""
    if reason := why_not():
        pytest.skip(reason)
    root = public / "postfix"
    root.mkdir()
    postfix = PrivatePostfix(root, sink_port=1, sasl_port=1, services={}, cleanups={})
    return RootShell(postfix, running=False)


@pytest.fixture
def printed(write: Write) -> Print:
    """`printed(toml)` is what the command prints for that configuration."""
    return lambda toml="": wiring(load([write("mailtriage.toml", toml)]).config)


@pytest.fixture
def wired(printed: Print, tmp_path: Path) -> str:
    """What is printed for two mailboxes once there is a secret."""
    secret = tmp_path / "secret"
    make_secret(secret)
    return printed(f"[state]\nsecret_file = '{secret}'\n{MAILBOXES}")


def tables(script: str) -> dict[str, str]:
    """The map files that it writes, by name."""
    return dict(re.findall(r"(?ms)^cat > /etc/postfix/(\S+) <<'END'\n(.*?)^END\n", script))


def strips(machine: RootShell, header: str) -> bool:
    """Whether header_checks drop that field."""
    table = machine.value("header_checks").partition(",")[0]
    return machine.ask("postmap", "-q", header, table) == "IGNORE"


def test_what_is_printed_can_be_pasted_into_a_root_shell(wired: str, machine: RootShell) -> None:
    assert machine.paste(wired) == ""
    assert machine.value("mailtriage_milter") == (
        "{ unix:/run/mailtriage/milter.sock, connect_timeout=5s, command_timeout=10s, "
        "content_timeout=20s, default_action=accept }"
    )
    assert machine.value("smtpd_milters") == "$mailtriage_milter"
    assert machine.value("non_smtpd_milters") == ""
    assert machine.value("fast_flush_domains") == "$relay_domains, mailtriage.invalid"
    for header in FORGED:
        assert strips(machine, header), header
    for header in OTHERS:
        assert not strips(machine, header), header


def test_what_is_there_already_stays(wired: str, machine: RootShell) -> None:
    machine.paste("""
        postconf -e 'header_checks = pcre:/etc/postfix/mine' 'fast_flush_domains = mine.example' \
            'smtpd_milters = inet:127.0.0.1:11332' 'recipient_bcc_maps = hash:/etc/postfix/mine' \
            'transport_maps = hash:/etc/postfix/mine, hash:/etc/postfix/more'
    """)
    machine.paste(wired)
    etc = machine.config
    assert {
        name: machine.value(name)
        for name in (
            "header_checks", "smtpd_milters", "transport_maps", "recipient_bcc_maps",
            "fast_flush_domains",
        )
    } == {
        "header_checks": f"regexp:{etc}/mailtriage_strip.regexp, pcre:{etc}/mine",
        "smtpd_milters": "inet:127.0.0.1:11332, $mailtriage_milter",
        "transport_maps": (
            f"regexp:{etc}/mailtriage_transport.regexp, hash:{etc}/mine, hash:{etc}/more"
        ),
        "recipient_bcc_maps": f"hash:{etc}/mine, texthash:{etc}/mailtriage_sweeper",
        "fast_flush_domains": "mine.example, mailtriage.invalid",
    }  # fmt: skip


def test_pasted_again_it_changes_nothing_and_keeps_the_signer(
    wired: str, machine: RootShell
) -> None:
    machine.paste(wired, signer="inet:127.0.0.1:11332")
    assert machine.value("mailtriage_signer") == "inet:127.0.0.1:11332"
    files = sorted(path for path in machine.config.rglob("*") if path.is_file())
    before = {path: path.read_bytes() for path in files}
    assert machine.paste(wired) == ""
    assert {path: path.read_bytes() for path in files} == before
    machine.paste(wired, signer="")
    machine.paste(wired)
    assert machine.value("mailtriage_signer") == ""


def test_the_port_is_chrooted_when_smtpd_is(wired: str, machine: RootShell) -> None:
    machine.paste("postconf -M 'smtp/inet=smtp inet n - y - - smtpd'")
    machine.paste(wired)
    entry = machine.ask("postconf", "-M", "127.0.0.1:10026/inet").split()
    assert entry[:8] == ["127.0.0.1:10026", "inet", "n", "-", "y", "-", "20", "smtpd"]


def test_nothing_trips_over_the_history_of_an_interactive_shell(wired: str) -> None:
    """bash replaces !word in whatever is typed or pasted, here-documents included."""
    assert "!" not in wired


@pytest.mark.parametrize(
    ("listen", "milter"),
    [
        ("inet:127.0.0.1:8894", "inet:127.0.0.1:8894"),
        ("inet:8894@localhost", "inet:localhost:8894"),
        ("inet6:[::1]:8894", "inet:[::1]:8894"),
        ("inet:0.0.0.0:8894", "inet:127.0.0.1:8894"),
        ("inet6:[::]:8894", "inet:[::1]:8894"),
        ("local:/run/mailtriage/other.sock", "unix:/run/mailtriage/other.sock"),
        ("unix:/var/spool/postfix/mailtriage/milter.sock", "unix:mailtriage/milter.sock"),
        ("fd:3", "unix:mailtriage/milter.sock"),
    ],
)
def test_the_address_is_spelt_as_postfix_reaches_it(
    printed: Print, listen: str, milter: str
) -> None:
    script = printed(f"[milter]\nlisten = '{listen}'\n")
    assert f"'mailtriage_milter = {{ {milter}, connect_timeout=" in script


@pytest.mark.parametrize(
    ("listen", "transport"),
    [
        ("inet:127.0.0.1:10027", "mailtriage:inet:127.0.0.1:10027"),
        ("inet:0.0.0.0:24", "mailtriage:inet:127.0.0.1:24"),
        ("inet6:[::1]:24", "mailtriage:inet:[::1]:24"),
        ("unix:/run/mailtriage/desk.sock", "mailtriage:unix:/run/mailtriage/desk.sock"),
    ],
)
def test_only_the_hidden_domain_goes_to_the_desk(
    printed: Print, machine: RootShell, tmp_path: Path, listen: str, transport: str
) -> None:
    script = printed(f"[desk]\nlisten = '{listen}'\n{MAILBOXES}")
    file = tmp_path / "transport"
    file.write_text(tables(script)["mailtriage_transport.regexp"])
    table = f"regexp:{file}"
    for address, result in {
        "t1.abc.def@mailtriage.invalid": transport,
        "T1.ABC.DEF@MAILTRIAGE.INVALID": transport,
        "help@desk.example": "",
        "x@mailtriage.invalid.example": "",
        "x@mailtriagexinvalid": "",
        "x@sub.mailtriage.invalid": "",
    }.items():
        assert machine.ask("postmap", "-q", address, table) == result, address


@pytest.mark.parametrize(
    ("listen", "advised"),
    [
        ("unix:/run/mailtriage/milter.sock", True),
        ("unix:/var/spool/postfix/mailtriage/milter.sock", False),
        ("inet:127.0.0.1:8894", False),
        ("fd:3", False),
    ],
)
def test_a_socket_that_a_chrooted_smtpd_cannot_see_is_pointed_out(
    printed: Print, listen: str, advised: bool
) -> None:
    script = printed(f"[milter]\nlisten = '{listen}'\n")
    assert ("is outside /var/spool/postfix" in script) is advised


@pytest.mark.parametrize("deadline", [0.1, 2, 4, 25, 60])
def test_postfix_waits_longer_than_mailtriage_thinks(printed: Print, deadline: float) -> None:
    script = printed(f"[milter]\ndeadline = '{round(deadline * 1000)}ms'\n")
    seconds = script.rpartition("content_timeout=")[2].partition("s,")[0]
    assert int(seconds) > 2 * deadline


def test_every_address_of_a_mailbox_is_swept(
    wired: str, machine: RootShell, tmp_path: Path
) -> None:
    tokens = Tokens((tmp_path / "secret").read_bytes())
    help_, shop = map(tokens.sweeper_recipient, ("help@desk.example", "*@shop.example"))
    machine.paste(wired)
    table = machine.value("recipient_bcc_maps")
    for address, copy in {
        "help@desk.example": help_,
        "support@desk.example": help_,
        "@shop.example": shop,
        "sales@desk.example": "",
    }.items():
        assert machine.ask("postmap", "-q", address, table) == copy, address
    assert (machine.config / "mailtriage_sweeper").stat().st_mode & 0o077 == 0


def test_without_a_secret_the_sweeper_is_left_out_and_the_way_to_it_shown(
    printed: Print, tmp_path: Path
) -> None:
    script = printed(f"[state]\nsecret_file = '{tmp_path}/none'\n{MAILBOXES}")
    assert "then run mailtriage postfix again, as root" in script
    assert "recipient_bcc_maps" not in script


def test_for_tags_alone_postfix_gets_no_desk_and_no_port(
    printed: Print, machine: RootShell
) -> None:
    script = printed()
    for part in ("2. The desk", "3. The sweeper", "4. The port for acknowledgements"):
        assert f"# {part}: left out, as nobody is answered without [mailboxes]." in script
    assert "signer" not in script
    assert machine.paste(script) == ""
    assert machine.value("smtpd_milters") == "$mailtriage_milter"
    assert "mailtriage" not in machine.ask("postconf", "-M")
    assert machine.value("recipient_bcc_maps") == machine.value("transport_maps") == ""


def test_a_mailbox_is_swept_however_its_domain_is_spelled(
    printed: Print, machine: RootShell, tmp_path: Path
) -> None:
    make_secret(tmp_path / "secret")
    script = printed(
        f"[state]\nsecret_file = '{tmp_path}/secret'\n[mailboxes.'help@bücher.example']\n"
    )
    machine.paste(script)
    table = machine.value("recipient_bcc_maps")
    for address in ("help@xn--bcher-kva.example", "help@bücher.example"):
        assert machine.ask("postmap", "-q", address, table).startswith("s1."), address


@pytest.mark.parametrize("warned", ["receive_override_options=no_milters", "on submission"])
def test_where_the_milter_must_and_must_not_stand_is_said(printed: Print, warned: str) -> None:
    assert warned in printed()
    assert warned in (RECIPES / "README.md").read_text()


@pytest.mark.parametrize(
    ("submit", "service"),
    [
        ("127.0.0.1:2526", "127.0.0.1:2526/inet/mynetworks=127.0.0.0/8"),
        ("[::1]:2526", "[::1]:2526/inet/mynetworks=[::1]/128"),
        ("localhost:2526", "localhost:2526/inet/mynetworks=127.0.0.0/8,[::1]/128"),
        ("192.0.2.9:2526", ""),
        ("mx.desk.example:2526", ""),
    ],
)
def test_the_port_is_for_this_machine_alone(printed: Print, submit: str, service: str) -> None:
    script = printed(f"[ack]\nsubmit = '{submit}'\n{MAILBOXES}")
    if service:
        assert f"'{service}'" in script
    else:
        assert "mynetworks" not in script
        assert f"handed in at {submit}" in script


TEXTS = {
    "en": "Hello, my parcel has not arrived although it was sent two weeks ago. Where is it?",
    "de": "Guten Tag, die Größe ist falsch, bitte prüfen Sie das für mich. Schöne Grüße, Jürgen",
    "pl": "Dzień dobry, proszę o zwrot pieniędzy, paczka nie została mi jeszcze dostarczona.",
    "html": "<p style='margin:0'>I was charged <b>twice</b> for one order.</p>\r\n<p>Kim</p>",
}


def kept(machine: RootShell, copy: str, lines: list[str]) -> float:
    """The share of body lines that the table of that desk.copy leaves in."""
    table = f"regexp:{RECIPES}/mailtriage_copy_{copy}.regexp"
    found = machine.ask_about(lines, "postmap", "-b", "-m", "-q", "-", table)
    return 1 - found.count("IGNORE") / len(lines)


@pytest.mark.parametrize("language", TEXTS)
def test_text_in_base64_stays_in_the_copy(machine: RootShell, language: str) -> None:
    lines = base64.encodebytes((TEXTS[language] * 30).encode()).decode().splitlines()
    assert kept(machine, "text", lines) > 0.85


def test_attachments_in_base64_do_not(machine: RootShell) -> None:
    content = random.Random(3).randbytes(300_000)
    lines = base64.encodebytes(content).decode().splitlines()
    assert kept(machine, "text", lines) < 0.02


def test_what_is_not_base64_stays_in_the_copy_of_text(machine: RootShell) -> None:
    lines = [
        "",
        "Hello,",
        "--=_boundary_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "Content-Type: text/plain; charset=utf-8",
        "https://shop.example/" + 70 * "a",
        40 * "QUJD"[:1],
    ]
    assert kept(machine, "text", lines) == 1


def test_no_line_stays_in_a_copy_of_headers(machine: RootShell) -> None:
    assert kept(machine, "headers", ["", " ", "Hello", "QUJD" * 19, ". ", "ÅÄÖ"]) == 0


@pytest.mark.parametrize("copy", ["text", "headers", "full"])
def test_the_tables_are_those_that_are_shipped(printed: Print, tmp_path: Path, copy: str) -> None:
    no_secret = f"[state]\nsecret_file = '{tmp_path}/none'\n"
    script = printed(f"[desk]\ncopy = '{copy}'\n{no_secret}{MAILBOXES}")
    found = tables(script)
    assert found.pop("mailtriage_transport.regexp")
    strip = (RECIPES / "mailtriage_strip.regexp").read_text()
    assert found.pop("mailtriage_strip.regexp") == strip
    if copy == "full":
        assert not found
        assert "lmtp_body_checks" not in script
    else:
        shipped = (RECIPES / f"mailtriage_copy_{copy}.regexp").read_text()
        assert found == {"mailtriage_copy.regexp": shipped}


def test_the_command_prints_it(call: Call, quick: Path, printed: Print) -> None:
    done = call("--config", quick, "postfix")
    assert done.code == 0
    assert done.out == printed()


def test_the_paper_says_what_is_printed(wired: str) -> None:
    """Every command in config/postfix/README.md is one that is printed, in that order."""
    paper = (RECIPES / "README.md").read_text().splitlines()
    starts = ("put ", "postconf ", "mailtriage_milter ")
    commands = [line for line in paper if line.startswith(starts)]
    assert len(commands) > 5
    places = [wired.find(command) for command in commands]
    assert -1 not in places, commands[places.index(-1)]
    assert places == sorted(places)
