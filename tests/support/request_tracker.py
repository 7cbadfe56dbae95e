"""A private Request Tracker 5: Debian's program with a configuration, a database and a port of its own.

RT reads RT_SiteConfig.pm where RT_SITE_CONFIG leads to, and keeps all else in a temporary directory.
The server and every script run as the user of Debian's package. Nothing of the system's
configuration is read or changed.
"""

import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.error import URLError
from urllib.request import urlopen

from tests.support.background import Background
from tests.support.postfix import free_port
from tests.support.serve import wait_for

SERVER: Final = Path("/usr/share/request-tracker5/libexec/rt-server")
SETUP_DATABASE: Final = Path("/usr/sbin/rt-setup-database-5")
MAILGATE: Final = Path("/usr/bin/rt-mailgate")
SETUP: Final = Path(__file__).parents[2] / "config" / "helpdesks" / "rt5" / "setup.pl"
USER: Final = "www-data"
NAME: Final = "rt.desk.example"
"""$rtname: a ticket is "[rt.desk.example #17]"."""

SITE_CONFIG: Final = """\
Set($rtname, '{name}');
Set($Organization, 'desk.example');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '{directory}/var/rt.db');
Set($WebDomain, '127.0.0.1');
Set($WebPort, {port});
Set($WebPath, '');
Set(%PriorityAsString, Default => {{ Low => 0, Normal => 50, High => 80, Urgent => 100 }});
Set($CorrespondAddress, '{address}');
Set($CommentAddress, 'comment@desk.example');
Set($OwnerEmail, 'owner@desk.example');
Set($SendmailPath, '{directory}/sendmail');
Set($LogToSTDERR, 'warning');
Set($LogToSyslog, '');
Set($LogToFile, '');
$RT::MasonDataDir = '{directory}/mason';
$RT::MasonSessionDir = '{directory}/session';
$RT::VarPath = '{directory}/var';
1;
"""

# What msmtp or a Postfix of its own would be on RT's machine: hands mail in by SMTP, so that it
# passes the milter. XCLIENT stands for the address of that machine.
SENDMAIL: Final = """\
#!/usr/bin/perl
use strict;
use warnings;
use Net::SMTP;

my $from = '{address}';
for my $at ( 0 .. $#ARGV - 1 ) {{ $from = $ARGV[ $at + 1 ] if $ARGV[$at] eq '-f' }}
$from = q{{}} if $from eq '<>';
my $mail = do {{ local $/ = undef; <STDIN> }};
my ( $head, $body ) = split /\\n\\n/, $mail, 2;
my $unfolded = $head =~ s/\\n[ \\t]+/ /gr;
my %to;
while ( $unfolded =~ /^(?:To|Cc|Bcc):(.*)$/mig ) {{
    my $list = $1;
    $to{{$_}} = 1 for $list =~ /([^\\s<>,;:"]+\\@[^\\s<>,;:"]+)/g;
}}
$head =~ s/^Bcc:.*\\n?(?:[ \\t].*\\n?)*//mig;
my $smtp = Net::SMTP->new( '127.0.0.1', Port => {smtp}, Hello => 'rt.desk.example' ) or exit 75;
$smtp->command( 'XCLIENT', 'ADDR={client}', 'NAME=rt.desk.example' );
$smtp->response() == 2 or exit 75;
$smtp->hello('rt.desk.example') or exit 75;
$smtp->mail($from) or exit 75;
$smtp->to( keys %to ) or exit 75;
$smtp->data("$head\\n\\n$body") or exit 75;
$smtp->quit();
"""

WATCHER: Final = """
for my $name (qw({queues})) {{
    my $queue = RT::Queue->new( RT->SystemUser );
    $queue->Load($name);
    my ( $ok, $why ) = $queue->AddWatcher( Type => 'AdminCc', Email => '{agent}' );
    die $why unless $ok;
}}
"""
"""An agent who is told of every ticket in these queues."""

_TICKETS: Final = """
    SELECT Tickets.id, Queues.Name, Tickets.Subject, Tickets.Priority, Tickets.Status
    FROM Tickets JOIN Queues ON Queues.id = Tickets.Queue ORDER BY Tickets.id
"""
_FIELDS: Final = """
    SELECT CustomFields.Name, Content FROM ObjectCustomFieldValues AS given
    JOIN CustomFields ON CustomFields.id = CustomField
    WHERE ObjectType = 'RT::Ticket' AND ObjectId = ? AND given.Disabled = 0
"""
_MESSAGES: Final = """
    SELECT MessageId FROM Attachments JOIN Transactions ON Transactions.id = TransactionId
    WHERE ObjectType = 'RT::Ticket' AND ObjectId = ? AND Type IN ('Create', 'Correspond')
    AND Parent = 0 ORDER BY Attachments.id
"""


@dataclass(frozen=True, slots=True)
class RtTicket:
    """One ticket, in the words that people see."""

    number: int
    queue: str
    subject: str
    priority: int
    status: str
    fields: Mapping[str, str]
    messages: tuple[str, ...]
    """Message-IDs, without angle brackets, of the mail that it was made of, and of the answers."""


class RequestTracker:
    """One instance. Use as a context manager.

    `directory` is made; RT's mail leaves through the SMTP server at `smtp_port`, from `address`, as
    from a client at `client`.
    """

    def __init__(self, directory: Path, *, smtp_port: int, address: str, client: str) -> None:
        self.directory: Final = directory
        self.port: Final = free_port()
        self._server: Final = Background("Request Tracker", directory / "log")
        directory.mkdir()
        for name in ("config.d", "var", "mason", "session"):
            (directory / name).mkdir()
            shutil.chown(directory / name, USER, USER)
        known = {
            "directory": directory, "port": self.port, "address": address, "name": NAME,
            "smtp": smtp_port, "client": client,
        }  # fmt: skip
        for name, text in (("sendmail", SENDMAIL), ("RT_SiteConfig.pm", SITE_CONFIG)):
            (directory / name).write_text(text.format(**known))
        (directory / "sendmail").chmod(0o755)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.run(str(SETUP_DATABASE), "--action", "init", "--skip-create")
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def run(self, *command: str) -> str:
        """Run a program as RT's user, with this configuration; what it prints."""
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
            check=False, env=self._environment(), cwd="/", user=USER, group=USER, extra_groups=(),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def set_up(self, *arguments: str) -> list[str]:
        """Run the shipped setup.pl as an administrator does; its lines."""
        # From a copy: RT's user may not be able to read this directory.
        for file in (SETUP, SETUP.with_name("autoreply.txt")):
            shutil.copy(file, self.directory)
        return self.run("/usr/bin/perl", str(self.directory / SETUP.name), *arguments).splitlines()

    def perl(self, code: str) -> str:
        """What an administrator clicks: Perl with RT loaded."""
        lib = "-I/usr/share/request-tracker5/lib"
        return self.run("/usr/bin/perl", lib, "-MRT=-init", "-e", code)

    def start(self) -> None:
        """Start it, with the database that is there; returns when it answers."""
        command = [str(SERVER), "--host", "127.0.0.1", "--port", str(self.port)]
        self._server.start(
            [*command, "--max-workers", "2"], self._answers, cwd=Path("/"),
            environment=self._environment(), user=USER,
        )  # fmt: skip

    def stop(self) -> None:
        """End it and its workers, as when its machine goes away."""
        self._server.stop(signal.SIGKILL)

    def tickets(self) -> list[RtTicket]:
        """All tickets, oldest first."""
        with closing(sqlite3.connect(self.directory / "var" / "rt.db", timeout=10)) as database:
            return [
                RtTicket(
                    *row,
                    dict(database.execute(_FIELDS, (row[0],)).fetchall()),
                    tuple(one for (one,) in database.execute(_MESSAGES, (row[0],))),
                )
                for row in database.execute(_TICKETS).fetchall()
            ]

    def ticket_of(self, message_id: str) -> RtTicket:
        """The one ticket that this mail is in, waited for."""
        name = message_id.strip("<>")
        wait_for(lambda: any(name in one.messages for one in self.tickets()), f"{name} in RT")
        (found,) = (one for one in self.tickets() if name in one.messages)
        return found

    def header_of(self, message_id: str) -> str:
        """The header of a mail as RT has kept it."""
        with closing(sqlite3.connect(self.directory / "var" / "rt.db", timeout=10)) as database:
            query = "SELECT Headers FROM Attachments WHERE MessageId = ? AND Parent = 0"
            ((header,),) = database.execute(query, (message_id.strip("<>"),)).fetchall()
            return str(header)

    def log(self) -> str:
        """What it logged."""
        log = self._server.output
        return log.read_text(errors="replace") if log.exists() else ""

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", "TZ": "UTC",
            "RT_SITE_CONFIG": str(self.directory / "RT_SiteConfig.pm"),
            "RT_SITE_CONFIG_DIR": str(self.directory / "config.d"),
        }  # fmt: skip

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/NoAuth/css/print.css", timeout=60) as response:
                return bool(response.status)
        except URLError as error:
            return getattr(error, "code", None) is not None  # an answer, whatever it is
        except ConnectionError:
            return False


def master_cf() -> str:
    """What README.md has for master.cf, on one line."""
    text = SETUP.with_name("README.md").read_text()
    found = re.search(r"^ +mailtriage-rt unix .*?(?=```)", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return " ".join(found[0].split())


def why_not() -> str:
    """Why no Request Tracker can run here; empty when it can."""
    if not SERVER.exists() or not MAILGATE.exists():
        return "Debian's packages request-tracker5, rt5-standalone and rt5-db-sqlite are missing"
    return ""
