"""mailtriage postfix: what Postfix has to be told, for this configuration. Changes nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from mailtriage.commands.terminal import to_terminal
from mailtriage.config import Config
from mailtriage.config.endpoints import host_and_port
from mailtriage.service.load import LoadError, read_everything
from mailtriage.shipped import shipped_directory

QUEUE_DIRECTORY: Final = "/var/spool/postfix"
STRIP_FILE: Final = "mailtriage_strip.regexp"

CONNECT_TIMEOUT: Final = 5
COMMAND_TIMEOUT: Final = 10
"""Seconds that Postfix waits; far above our own deadline, far below its default of 300."""


_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  translated, not bound
"""Where to reach a socket that listens on every address, from this machine."""


def run_postfix(files: Sequence[Path] | None) -> int:
    """Print the commands; what is printed may be pasted into a root shell."""
    try:
        config = read_everything(files).config
    except LoadError as error:
        to_terminal(str(error))
        return 1
    click.echo(wiring(config))
    return 0


def milter_entry(config: Config) -> str:
    """mailtriage as one entry of smtpd_milters, with its own limits (Postfix 3.0 and later)."""
    # Twice our deadline covers a queue; 20 s is what a client of smtpd easily waits.
    content = max(20, round(config.milter.deadline * 2) + 10)
    return (
        f"{{ {_address(config)}, connect_timeout={CONNECT_TIMEOUT}s, "
        f"command_timeout={COMMAND_TIMEOUT}s, content_timeout={content}s, default_action=accept }}"
    )


def _address(config: Config) -> str:
    """The socket as smtpd sees it: relative to the queue directory when it lies in there.

    Postfix daemons run in their queue directory, chrooted or not, so the relative path fits both.
    """
    listen = config.milter.listen
    if listen.kind == "fd":
        # Passed by systemd/mailtriage.socket, which makes it there.
        return "unix:mailtriage/milter.sock"
    if listen.kind == "unix" and listen.path.startswith(f"{QUEUE_DIRECTORY}/"):
        return f"unix:{listen.path.removeprefix(f'{QUEUE_DIRECTORY}/')}"
    if listen.host in _ANY:
        return f"inet:{host_and_port(_ANY[listen.host], listen.port)}"
    return str(listen)


def wiring(config: Config) -> str:
    """The whole page: commands, map file, and why, in comments."""
    strip = (shipped_directory("config") / "postfix" / STRIP_FILE).read_text(encoding="utf-8")
    chroot = ""
    if config.milter.listen.kind == "unix" and _address(config) == str(config.milter.listen):
        chroot = (
            f"# {config.milter.listen.path} is outside {QUEUE_DIRECTORY}: where smtpd runs\n"
            "# chrooted (the fifth column of its line in master.cf is 'y', as Debian ships it),\n"
            f'# set milter.listen = "unix:{QUEUE_DIRECTORY}/mailtriage/milter.sock" instead.\n\n'
        )
    return f"""\
# Paste this into a root shell. mailtriage itself changes nothing of Postfix.

{chroot}# 1. Forged X-Mailtriage headers are removed before any milter sees the mail, and while
#    mailtriage is down. If you have header_checks already: header_checks = YOURS, THIS ONE.
cat > /etc/postfix/{STRIP_FILE} <<'END'
{strip.rstrip()}
END
postconf -e 'header_checks = regexp:/etc/postfix/{STRIP_FILE}'

# 2. mailtriage comes last in smtpd_milters, after whatever checks DKIM, DMARC and spam: it reads
#    what they write, and need not judge what they refuse. If there are others, put them before it:
#    postconf -e 'smtpd_milters = inet:127.0.0.1:11332, {milter_entry(config)}'
postconf -e 'smtpd_milters = {milter_entry(config)}'

# 3. Not in non_smtpd_milters: mail from sendmail(1) and our own acknowledgements stay untouched.

# 4. Check, and let it take effect.
postfix check && postfix reload
"""
