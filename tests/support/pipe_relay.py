"""What pipe(8) runs where its user may not run the real thing.

pipe(8) runs nothing as root, and a checkout, with the interpreter that runs these tests, may lie
where nobody but root can read it. So master.cf gets a few lines of Perl instead: as whatever user,
they hand command and mail to the process of the tests, and end as that command has ended there.
"""

import socketserver
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

RELAY: Final = """\
#!/usr/bin/perl
use strict;
use warnings;
use IO::Socket::UNIX;

my $there = IO::Socket::UNIX->new( Peer => shift @ARGV ) or exit 75;
print {$there} scalar(@ARGV), "\\n", map( {"$_\\0"} @ARGV ), do { local $/ = undef; <STDIN> };
$there->shutdown(1);
my $answer = do { local $/ = undef; <$there> };
exit 75 unless defined $answer && $answer =~ /^([0-9]+)\\n/;
print STDERR substr $answer, length $&;
exit $1;
"""


class _Delivery(socketserver.StreamRequestHandler):
    """Runs one command with its standard input; answers with the exit code and what was printed."""

    server: "PipeRelay"

    def handle(self) -> None:
        # Counted, for an argument may be empty, as the null sender is.
        number = int(self.rfile.readline())
        *command, mail = self.rfile.read().split(b"\0", number)
        done = subprocess.run(
            command, input=mail, env=self.server.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False,
        )  # fmt: skip
        self.wfile.write(b"%d\n" % done.returncode + done.stdout)


class PipeRelay(socketserver.ThreadingUnixStreamServer):
    """Runs for pipe(8) what its user may not. Use as a context manager.

    `environment`: of the commands; None: that of the tests.
    """

    daemon_threads = True

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None) -> None:
        """`directory`: one that the user of pipe(8) can look into."""
        self.environment: Final = environment
        self._script: Final = directory / "relay.pl"
        self._socket_file: Final = directory / "relay.sock"
        super().__init__(str(self._socket_file), _Delivery)
        self._socket_file.chmod(0o666)
        self._script.write_text(RELAY)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    @property
    def command(self) -> str:
        """What stands before the command in master.cf."""
        return f"/usr/bin/perl {self._script} {self._socket_file}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
