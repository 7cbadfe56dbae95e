"""What Postfix is told for tagging: the strip table, the milter; and how the script sets a list."""

from collections.abc import Sequence
from typing import Final, Literal

from mailtriage.config import Config
from mailtriage.config.endpoints import SocketAddress, host_and_port
from mailtriage.config.profiles import DEFAULT_WORD, GENERIC
from mailtriage.shipped import shipped_directory

QUEUE_DIRECTORY: Final = "/var/spool/postfix"
STRIP_FILE: Final = "mailtriage_strip.regexp"
ROUTE_FILE: Final = "mailtriage_route.regexp"

CONNECT_TIMEOUT: Final = 5
COMMAND_TIMEOUT: Final = 10
"""Seconds that Postfix waits; far above our own deadline, far below its default of 300."""

_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  translated, not bound
"""Where to reach a socket that listens on every address, from this machine."""


def preamble(config: Config) -> str:
    """How to use the script, and the function that adds to a list of main.cf.

    postconf(1) can only replace a value, so adding takes a line of shell. And before it reads
    main.cf it waits until that has been quiet for a second, so everything is read before anything
    is written.
    """
    signer = ""
    if config.mailboxes.mailboxes:
        signer = (
            "# Part 4 wants to know who signs your mail with DKIM: say so first,"
            " signer=inet:127.0.0.1:8891\n"
        )
    return f"""\
# Paste this into a root shell, or: mailtriage postfix | sh -eu
{signer}\
# What your Postfix has already stays; when run again, only what has changed is changed.
# mailtriage itself changes nothing of Postfix.

put() {{ # put first|last PARAMETER ENTRY: that list of main.cf, with the entry in it
    now=$(postconf -h "$2" 2>/dev/null)
    case "$1 $now" in
        *"$3"*) ;;
        "$1 ") now=$3 ;;
        first*) now="$3, $now" ;;
        last*) now="$now, $3" ;;
    esac
    printf '%s = %s\\n' "$2" "$now"
}}
set -- # collects the settings: main.cf is written once, at the end
"""


def setting(text: str) -> str:
    """The command that collects a setting; `text` is a word of shell, quoted as it must be."""
    return f'set -- "$@" {text}\n'


def put(end: Literal["first", "last"], parameter: str, entry: str) -> str:
    """The command that adds an entry to a list of main.cf, unless it is there."""
    return setting(f"\"$(put {end} {parameter} '{entry}')\"")


def map_file(name: str, content: str) -> str:
    """The command that writes a table into Postfix's directory."""
    return f"cat > /etc/postfix/{name} <<'END'\n{content.rstrip()}\nEND\n"


def service_options(service: str, options: Sequence[str]) -> str:
    """One postconf -P, an option a line."""
    lines = (f"    '{service}/{option}'" for option in options)
    return "postconf -P \\\n" + " \\\n".join(lines) + "\n"


def shipped_table(name: str) -> str:
    """The text of a shipped table."""
    return (shipped_directory("config") / "postfix" / name).read_text(encoding="utf-8")


def strip_part(config: Config) -> str:
    """header_checks."""
    table = shipped_table(STRIP_FILE).rstrip()
    believed = _believed_by_helpdesks(config)
    if believed:
        table += f"\n#\n# What the helpdesks of [mailboxes] believe.\n{believed}"
    return f"""\
# 1. Forged X-Mailtriage headers are removed before any milter sees the mail, and while
#    mailtriage is down.
{map_file(STRIP_FILE, table)}\
{put("first", "header_checks", f"regexp:/etc/postfix/{STRIP_FILE}")}"""


def _believed_by_helpdesks(config: Config) -> str:
    """A line for each name that a profile wants removed while the milter is down, too."""
    names = {
        name.lower(): name
        for mailbox in config.mailboxes.mailboxes
        for name in config.profiles.get(mailbox.profile, GENERIC).header_checks
    }
    lines = []
    for name in names.values():
        # A field name is printable ASCII without a colon (RFC 5322 section 2.2).
        pattern = name.replace("*", "[!-9;-~]*")
        lines.append(f"/^{pattern}[[:space:]]*:/    IGNORE")
    return "\n".join(lines)


def route_part(config: Config) -> str:
    """What routes need of Postfix; nothing without any."""
    modes = {mailbox.route for mailbox in config.mailboxes.mailboxes}
    return "\n".join(
        part
        for part in (
            _REPLACED if "recipient" in modes else "",
            _redirected(config) if "postfix" in modes else "",
        )
        if part
    )


_REPLACED: Final = f"""\
# 6. Routes: the milter replaces the recipient. With this off, which it is not by default, Postfix
#    would take the new one for a duplicate where an alias of yours leads to it as well, and the
#    mail would reach nobody.
{setting("'enable_original_recipient = yes'")}"""


def _redirected(config: Config) -> str:
    """milter_header_checks."""
    routed = [mailbox for mailbox in config.mailboxes.mailboxes if mailbox.route == "postfix"]
    # The longest first: "billing-de" before "billing", which stands for all its other languages.
    keys = sorted(routed[0].routes, key=lambda key: (key == DEFAULT_WORD, -len(key)))
    table = "\n".join(
        f"/^X-Mailtriage-Route: {'.*' if key == DEFAULT_WORD else f'{key}(-[a-z]+)?'}$/"
        f"    REDIRECT {routed[0].routes[key]}"
        for key in keys
    )
    return f"""\
# 6. Routes: Postfix sends the whole mail, all its recipients, to the address of its skill and
#    language. Only fields that a milter has added are looked at, so nobody else can ask for it.
{map_file(ROUTE_FILE, table)}\
{put("first", "milter_header_checks", f"regexp:/etc/postfix/{ROUTE_FILE}")}
"""


def milter_part(config: Config) -> str:
    """smtpd_milters."""
    chroot = ""
    if config.milter.listen.kind == "unix" and _milter(config) == str(config.milter.listen):
        chroot = (
            f"#    {config.milter.listen.path} is outside {QUEUE_DIRECTORY}: where smtpd runs\n"
            "#    chrooted (a 'y' in the fifth column of its master.cf line, as on Debian), set\n"
            f'#    milter.listen = "unix:{QUEUE_DIRECTORY}/mailtriage/milter.sock" instead.\n'
        )
    return f"""\
# 5. mailtriage comes last in smtpd_milters, after whatever checks DKIM, DMARC and spam: it reads
#    what they write, and need not judge what they refuse. Should it be down, mail goes on.
#    Not in non_smtpd_milters: mail from sendmail(1) is your own.
#    Where a content filter hands mail in again, it comes from 127.0.0.1 and counts as your own:
#    mailtriage, and part 1, would remove the tags. Give that service in master.cf
#        -o receive_override_options=no_milters,no_header_body_checks
#    A service with its own -o smtpd_milters= in master.cf never sees mailtriage: add
#    $mailtriage_milter there. If it is missing on submission, agents' answers are never seen.
{chroot}\
{put("last", "smtpd_milters", "$mailtriage_milter")}\
{setting(f"'mailtriage_milter = {milter_entry(config)}'")}"""


def milter_entry(config: Config) -> str:
    """mailtriage as one entry of smtpd_milters, with its own limits (Postfix 3.0 and later)."""
    # Twice our deadline covers a queue; 20 s is what a client of smtpd easily waits.
    content = max(20, round(config.milter.deadline * 2) + 10)
    return (
        f"{{ {_milter(config)}, connect_timeout={CONNECT_TIMEOUT}s, "
        f"command_timeout={COMMAND_TIMEOUT}s, content_timeout={content}s, default_action=accept }}"
    )


def _milter(config: Config) -> str:
    """The milter's socket as smtpd sees it: relative to the queue directory when it lies in there.

    Postfix daemons run in their queue directory, chrooted or not, so the relative path fits both.
    """
    listen = config.milter.listen
    if listen.kind == "fd":
        # Passed by systemd/mailtriage.socket, which makes it there.
        return "unix:mailtriage/milter.sock"
    if listen.kind == "unix" and listen.path.startswith(f"{QUEUE_DIRECTORY}/"):
        return f"unix:{listen.path.removeprefix(f'{QUEUE_DIRECTORY}/')}"
    return reachable(listen)


def reachable(listen: SocketAddress) -> str:
    """A socket as Postfix connects to it: "unix:/path", "inet:host:port"."""
    if listen.host in _ANY:
        return f"inet:{host_and_port(_ANY[listen.host], listen.port)}"
    return str(listen)
