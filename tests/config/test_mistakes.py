"""Each mistake in a configuration has its line, its key, and a way to mend it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from mailtriage.config import ConfigError, load

Problems = Callable[[str], list[str]]

DURATION = 'write a number and one of ms, s, m, h, d: "500ms", "2s", "5m"'
SIZE = 'write bytes as a number, or with one of kB, MB, GB, KiB, MiB, GiB: "256KiB"'
NO_ADDRESS = 'write [mailboxes."help@desk.example"] or [mailboxes."*@desk.example"]'
SCHEMES = "sqlite://, redis://, rediss://, redis+sentinel://"

MISTAKES = {
    # what stands in the file: what is said about it
    "workers = 1": "1: workers: unknown key — it belongs under [milter]",
    "[milter]\ntimeout = '1s'": (
        "2: milter.timeout: unknown key — it belongs under [smtp] or [customers] or [state]"
    ),
    "milter = 1": "1: milter: expected a table, found the number 1",
    "[Milter]": "1: Milter: unknown key — did you mean 'milter'?",
    "[milter]\nlisen = 'fd:3'": "2: milter.lisen: unknown key — did you mean 'listen'?",
    "[milter]\nlisten = 'unix:m.sock'": (
        "2: milter.listen: the path of a unix socket must be absolute"
        " — write unix:/run/mailtriage/m.sock"
    ),
    "[milter]\nlisten = '8894'": (
        '2: milter.listen: "8894" has no host or no port'
        " — write unix:/path, inet:HOST:PORT, inet:PORT@HOST or fd:N"
    ),
    "[milter]\nlisten = ''": "2: milter.listen: must not be empty",
    "[milter]\nsocket_mode = 660": (
        '2: milter.socket_mode: permissions are written as a string — for example "0660"'
    ),
    "[milter]\nsocket_mode = '0668'": (
        '2: milter.socket_mode: "0668" is not a file mode — write octal digits, for example "0660"'
    ),
    "[milter]\nsocket_mode = '0666'": (
        "2: milter.socket_mode: warning: every user of this machine can connect"
        ' — write "0660" and name Postfix\'s group in socket_group'
    ),
    "[milter]\nsocket_group = 'no-such-group'": (
        '2: milter.socket_group: there is no group "no-such-group" here'
    ),
    "[milter]\nworkers = '4'": (
        '2: milter.workers: expected a whole number, found the string "4"'
        " — write 4, without the quotes"
    ),
    "[milter]\nworkers = -1": "2: milter.workers: -1 is out of range — expected 0 to 256",
    "[milter]\ndeadline = '2'": f'2: milter.deadline: "2" has no unit — {DURATION}',
    "[milter]\ndeadline = 2": "2: milter.deadline: expected a string, found the number 2",
    "[milter]\ndeadline = '10ms'": (
        '2: milter.deadline: "10ms" is out of range — expected 50ms to 5m'
    ),
    "[milter]\ndeadline = '25s'": (
        "2: milter.deadline: warning: senders are kept waiting as long when an analysis hangs, and"
        " may send again"
        " — Postfix must wait longer still: paste again what mailtriage postfix prints"
    ),
    "[milter]\nmax_scan_bytes = '256K'": (
        f'2: milter.max_scan_bytes: "K" is not a unit of size — {SIZE}'
    ),
    "[milter]\nmax_scan_bytes = 100": (
        "2: milter.max_scan_bytes: 100 is out of range — expected 4KiB to 64MiB"
    ),
    "[milter]\nmax_scan_bytes = true": ("2: milter.max_scan_bytes: expected a string, found true"),
    "[smtp]\nlisten = 'inet:127.0.0.1:10026'": (
        "1: smtp.next_hop: the same address as smtp.listen: every mail would loop"
    ),
    "[smtp]\nlisten = '/run/mailtriage/milter.sock'": (
        "2: smtp.listen: the same address as milter.listen"
    ),
    "[smtp]\nlisten = 'fd:4'": (
        "2: smtp.listen: only the milter can inherit its socket — name an address"
    ),
    "[smtp]\nlisten = 'inet:0.0.0.0:25'": (
        "2: smtp.listen: warning: reachable from other machines"
        " — the next hop sees every mail come from this machine:"
        " it must not relay for this address, or all the world may"
    ),
    "[smtp]\nnext_hop = 'unix:/run/lmtp'": (
        "2: smtp.next_hop: only LMTP is spoken over a unix socket — write lmtp:unix:/run/lmtp"
    ),
    "[smtp]\nnext_hop = 'lmtp:unix:/run/lmtp'\nnext_hop_tls = 'required'": (
        '3: smtp.next_hop_tls: there is no TLS over a unix socket — write "none"'
    ),
    "[smtp]\nprotocol = 'esmtp'": (
        "2: smtp.protocol: \"esmtp\" is not one of smtp, lmtp — did you mean 'smtp'?"
    ),
    "[smtp]\nrecipients = 50": "2: smtp.recipients: 50 is out of range — expected 100 to 50000",
    "[authentication]\ntrusted_authserv_ids = 'mx.example'": (
        "2: authentication.trusted_authserv_ids: expected an array of strings,"
        ' found the string "mx.example" — write ["mx.example"]'
    ),
    "[authentication]\nown_hosts = [\n'mx.example',\n'my host']": (
        '4: authentication.own_hosts[1]: "my host" is not a host name — write "mx.desk.example"'
    ),
    "[authentication]\ntrusted_arc_sealers = ['@x.example']": (
        '2: authentication.trusted_arc_sealers[0]: "@x.example" is not a domain'
        ' — write "forwarder.example"'
    ),
    "[networks]\noutbound = [\n'10.0.0.1/8']": (
        '3: networks.outbound[0]: "10.0.0.1/8" has host bits set — did you mean "10.0.0.0/8"?'
    ),
    "[smtp]\nhostname = 'my host'": '2: smtp.hostname: "my host" is not a host name',
    "[state]\nurl = 'redis://u:s3cret@[::1/0'": "2: state.url: not a URL",
    "[networks]\noutbound = ['office']": (
        '2: networks.outbound[0]: "office" is not an IP network'
        ' — write for example "192.0.2.0/24" or "2001:db8::/32"'
    ),
    "[networks]\noutbound = ['0.0.0.0/0']": (
        "2: networks.outbound[0]: warning: 0.0.0.0/0 holds every address:"
        " all mail counts as outbound, and none is tagged"
    ),
    "[mailboxes]\nhelp = { ack = 'off' }": (
        f"2: mailboxes.help: not an e-mail address — {NO_ADDRESS}"
    ),
    "[mailboxes.'a*@x.example']": (
        f'1: mailboxes."a*@x.example": not an e-mail address — {NO_ADDRESS}'
    ),
    "[mailboxes.'a@x.example']\n[mailboxes.'A@x.example']": (
        '2: mailboxes."A@x.example": a@x.example is there twice — case does not matter'
    ),
    "[mailboxes.'a@x.example']\nack = 'sent'": (
        '2: mailboxes."a@x.example".ack: "sent" is not one of send, delegate, deferred, off'
        " — did you mean 'send'?"
    ),
    "[mailboxes.'a@x.example']\nprofil = 'rt'": (
        "2: mailboxes.\"a@x.example\".profil: unknown key — did you mean 'profile'?"
    ),
    "[mailboxes.'a@x.example']\naliases = ['b']": (
        '2: mailboxes."a@x.example".aliases[0]: "b" is not an e-mail address'
    ),
    "[mailboxes.'a@x.example']\naliases = ['b@x.example']\n[mailboxes.'b@x.example']": (
        '2: mailboxes."a@x.example".aliases[0]: b@x.example is a mailbox of its own already'
    ),
    "[customers]\nfiles = ['customers.csv']": (
        '2: customers.files[0]: "customers.csv" is not an absolute path'
    ),
    "[customers]\nfiles = ['/nowhere/customers.csv']": (
        "2: customers.files[0]: /nowhere/customers.csv is not there — nor can /nowhere be listed"
    ),
    "[customers]\nfiles = ['/']": "2: customers.files[0]: / is a directory, not a file",
    "[log]\nhash_key_file = '/nowhere/key'": "2: log.hash_key_file: /nowhere/key is not there — nor can /nowhere be listed",
    "[log]\nhash_key_file = 'key'": '2: log.hash_key_file: "key" is not an absolute path',
    "[customers]\nredis = 'http://x'": (
        "2: customers.redis: the URL must start with one of redis://, rediss://, redis+sentinel://"
    ),
    "[policies]\ndirectories = ['/nowhere']": ("2: policies.directories[0]: /nowhere is not there"),
    "[policies]\ndirectories = ['/etc/passwd']": (
        "2: policies.directories[0]: /etc/passwd is not a directory"
        " — name the directory that it lies in"
    ),
    "[policies]\nshipped = false": (
        "2: policies.shipped: warning: false, and no directories are named:"
        " every mail gets the skill general"
    ),
    "[policies]\ntime_limit = '2s'": (
        '2: policies.time_limit: "2s" is out of range — expected 1ms to 1s'
    ),
    "[state]\nurl = 'reddis://:s3cret@x'": (
        f"2: state.url: the URL must start with one of {SCHEMES} — did you mean 'redis'?"
    ),
    "[state]\nurl = '/var/lib/state.db'": f"2: state.url: the URL must start with one of {SCHEMES}",
    "[state]\nurl = 'sqlite://state.db'": (
        "2: state.url: the URL names no absolute path"
        " — three slashes: sqlite:///var/lib/mailtriage/state.db"
    ),
    "[state]\nurl = 'redis://:s3cret@/0'": (
        "2: state.url: the URL names no host — write redis://HOST:PORT/DATABASE"
    ),
    "[state]\nurl = 'redis://:s3cr/et@redis.desk.example/0'": (
        "2: state.url: the port is not a number from 1 to 65535 — in a password write / as %2F, @ as"
        " %40, : as %3A, # as %23 and ? as %3F"
    ),
    "[state]\nurl = 'redis+sentinel://a:26379,b:sentinel/desk'": (
        "2: state.url: the port is not a number from 1 to 65535 — in a password write / as %2F, @ as"
        " %40, : as %3A, # as %23 and ? as %3F"
    ),
    "[state]\nurl = 'redis+sentinel://a:26379,b:26379'": (
        "2: state.url: the URL names no Sentinel service"
        " — write redis+sentinel://HOST:26379,HOST:26379/SERVICE/DATABASE"
    ),
    "[ack]\nsubmit = 'lmtp:127.0.0.1:24'": (
        "2: ack.submit: acknowledgements are handed over by SMTP — write HOST:PORT"
    ),
    "[log]\naddresses = 'clear'": '2: log.addresses: "clear" is not one of hashed, plain',
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.items(), ids=MISTAKES.values())
def test_one_mistake_one_line(problems: Problems, text: str, expected: str) -> None:
    assert problems(text) == [expected]


def test_tls_files_go_together(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "key.pem").touch()
    text = f'[smtp]\ntls_key = "{tmp_path}/key.pem"\nnext_hop_ca_file = "{tmp_path}/key.pem"'
    assert problems(text) == [
        "2: smtp.tls_key: a key without tls_certificate",
        '3: smtp.next_hop_ca_file: has no effect unless next_hop_tls is "required"',
    ]


def test_a_missing_file_is_compared_with_those_beside_it(
    problems: Problems, tmp_path: Path
) -> None:
    (tmp_path / "customers.csv").touch()
    (problem,) = problems(f"[customers]\nfiles = ['{tmp_path}/costumers.csv']")
    assert problem.endswith("/costumers.csv is not there — did you mean 'customers.csv'?")


def test_items_after_a_wrong_one_keep_their_lines(problems: Problems) -> None:
    text = "[networks]\noutbound = [\n1,\n'',\n'::1/64',\n'10.0.0.0/8',\n'x']"
    assert [line.partition(" ")[0] for line in problems(text)] == ["3:", "4:", "5:", "7:"]


def test_files_that_may_not_be_read(
    public_directory: Path, as_nobody: Callable[[], AbstractContextManager[None]]
) -> None:
    key, own, main = (public_directory / name for name in ("key", "own", "mailtriage.toml"))
    key.touch(mode=0)
    own.mkdir(mode=0)
    main.write_text(f"[log]\nhash_key_file = '{key}'\n[policies]\ndirectories = ['{own}']\n")
    with as_nobody(), pytest.raises(ConfigError) as caught:
        load([main])
    hint = "the user that mailtriage runs as must be able to read it"
    assert [str(problem) for problem in caught.value.problems if not problem.warning] == [
        f"{main}:2: log.hash_key_file: {key} cannot be read: permission denied — {hint}",
        f"{main}:4: policies.directories[0]: {own} cannot be read: permission denied — {hint}",
    ]


def test_a_closed_configuration_directory_is_no_empty_one(
    public_directory: Path, as_nobody: Callable[[], AbstractContextManager[None]]
) -> None:
    closed = public_directory / "mailtriage"
    closed.mkdir(mode=0)
    with as_nobody(), pytest.raises(ConfigError) as caught:
        load(directory=closed)
    assert [problem.what for problem in caught.value.problems] == [
        "cannot be listed: permission denied",
        "cannot be read: permission denied",
    ]
