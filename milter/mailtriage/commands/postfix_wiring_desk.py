"""What Postfix is told for acknowledgements: the desk's transport, the sweeper, the port."""

import ipaddress
import re
from typing import Final

from mailtriage.acks.tokens import HIDDEN_DOMAIN, Tokens
from mailtriage.commands.postfix_wiring import (
    map_file,
    put,
    reachable,
    service_options,
    setting,
    shipped_table,
)
from mailtriage.commands.postfix_wiring_returns import returns_route
from mailtriage.config import Config
from mailtriage.config.endpoints import NextHop, host_and_port
from mailtriage.mail.domains import spellings
from mailtriage.state.secret import SecretError, read_secret

TRANSPORT_FILE: Final = "mailtriage_transport.regexp"
COPY_FILE: Final = "mailtriage_copy.regexp"
SWEEPER_FILE: Final = "mailtriage_sweeper"

_NOBODY: Final = (
    "left out, as nobody is answered without [mailboxes].\n"
    "#    Once there is one, run mailtriage postfix again."
)

_PORT_PROCESSES: Final = 20
"""smtpd processes of the port; the desk keeps a handful of connections open."""

_ALONE: Final = (
    "smtpd_client_restrictions=permit_mynetworks,reject",
    "smtpd_helo_restrictions=",
    "smtpd_sender_restrictions=",
    "smtpd_relay_restrictions=permit_mynetworks,reject",
    "smtpd_recipient_restrictions=permit_mynetworks,reject",
    "smtpd_data_restrictions=",
    "smtpd_end_of_data_restrictions=",
    "smtpd_etrn_restrictions=permit_mynetworks,reject",
    "smtpd_authorized_xclient_hosts=",
    "smtpd_authorized_xforward_hosts=",
    "smtpd_sasl_auth_enable=no",
    "smtpd_tls_security_level=none",
)
_SIGNED: Final = (
    "smtpd_milters=$mailtriage_signer",
    "smtpd_milter_maps=",
    "milter_default_action=tempfail",
    # Well within the time that the desk waits for the answer: one that comes later than that would
    # make it send an acknowledgement again that Postfix has taken.
    "milter_connect_timeout=5s",
    "milter_command_timeout=10s",
    "milter_content_timeout=20s",
    # The name by which signers are commonly told that mail is their own to sign.
    "milter_macro_daemon_name=ORIGINATING",
)
_UNTOUCHED: Final = (
    "receive_override_options=no_header_body_checks",
    "content_filter=",
    "smtpd_proxy_filter=",
    "syslog_name=postfix/mailtriage",
)


def desk_part(config: Config) -> str:
    """The hidden domain: its transport, and the queue that a desk may have flushed."""
    if not config.mailboxes.mailboxes:
        return f"# 2. The desk: {_NOBODY}\n"
    desk = f"mailtriage:{reachable(config.desk.listen)}"
    routes = f"/@{re.escape(HIDDEN_DOMAIN)}$/    {desk}\n{returns_route(config)}"
    options = [
        "syslog_name=postfix/mailtriage",
        # A policy for the world's LMTP servers is none for a socket of this machine.
        "lmtp_tls_security_level=none",
        # localhost is in /etc/hosts, and not always in DNS.
        "lmtp_host_lookup=native",
        # Generic maps and checks change headers, and what we signed is no longer what we signed.
        "lmtp_generic_maps=",
        "lmtp_header_checks=",
    ]
    copy = ""
    if config.desk.copy != "full":
        copy = map_file(COPY_FILE, shipped_table(f"mailtriage_copy_{config.desk.copy}.regexp"))
        # Postfix looks at the first 50 KB of each part only, by default.
        options += [f"lmtp_body_checks=regexp:/etc/postfix/{COPY_FILE}"]
        options += ["body_checks_size_limit=2147483647"]
    return f"""\
# 2. The desk. A mail that leads to something there has one more recipient, hidden from all others,
#    in a domain that exists nowhere: it is queued with the mail, or not at all. It goes there by a
#    transport of its own. The table comes first, as a pattern of yours could match every address.
#    {HIDDEN_DOMAIN} must not be in relay_domains or mydestination: as it is, strangers are told
#    "Relay access denied". What your own clients send there, the desk refuses unless we signed it.
{copy}\
postconf -M 'mailtriage/unix=mailtriage unix - - n - - lmtp'
{service_options("mailtriage/unix", options)}\
{map_file(TRANSPORT_FILE, routes)}\
{put("first", "transport_maps", f"regexp:/etc/postfix/{TRANSPORT_FILE}")}\
#    After a stop, the desk has Postfix deliver at once what waited (ETRN), not at its next retry.
{put("last", "fast_flush_domains", HIDDEN_DOMAIN)}"""


def sweeper_part(config: Config) -> str:
    """recipient_bcc_maps, if there are service mailboxes and the secret can be read."""
    title = "# 3. The sweeper"
    mailboxes = config.mailboxes.by_address
    if not mailboxes:
        return f"{title}: {_NOBODY}\n"
    try:
        tokens = Tokens(read_secret(config.state.secret))
    except SecretError as error:
        return (
            f"{title} is missing here, as its addresses are signed with the secret:\n"
            f"#    {error}\n"
            "#    Start mailtriage once, then run mailtriage postfix again, as root.\n"
        )
    table = "\n".join(
        # "@desk.example" is how Postfix's tables write "*@desk.example".
        f"{address.removeprefix('*')} {tokens.sweeper_recipient(mailbox.address)}"
        for known, mailbox in mailboxes.items()
        for address in spellings(known)
    )
    return f"""\
{title}: should the milter be down, mail for a service address is copied to the desk all the
#    same. While it is up, both copies come in one delivery, and count once. Postfix takes the
#    first result that recipient_bcc_maps has for an address: where you have one, ours is not used
#    (config/postfix/README.md says how to have both). The file is root's alone: who knows these
#    addresses can write to the desk.
rm -f /etc/postfix/{SWEEPER_FILE}
(umask 077; cat > /etc/postfix/{SWEEPER_FILE}) <<'END'
{table}
END
{put("last", "recipient_bcc_maps", f"texthash:/etc/postfix/{SWEEPER_FILE}")}"""


def port_part(config: Config) -> str:
    """The smtpd at which the desk hands in acknowledgements."""
    if not config.mailboxes.mailboxes:
        return f"# 4. The port for acknowledgements: {_NOBODY}\n"
    submit = config.ack.submit
    place = host_and_port(submit.host, submit.port)
    networks = _own_networks(submit)
    if not networks:
        return (
            f"# 4. Acknowledgements are handed in at {place} (ack.submit), which is not this\n"
            "#    machine: that Postfix needs an smtpd whose only milter is the one that signs.\n"
        )
    service = f"{place}/inet"
    alone = (
        f"mynetworks={networks}",
        *_ALONE,
        f"smtpd_client_event_limit_exceptions={networks}",
    )
    return f"""\
# 4. The port at which acknowledgements are handed in. The milter that signs sees them, mailtriage
#    and the others do not. While the signer is down they wait: none goes out unsigned. OpenDKIM
#    mostly listens on 8891, rspamd on 11332; signer='' if nothing signs. Kept when run again.
[ -n "${{signer+told}}$(postconf mailtriage_signer 2>/dev/null)" ] || signer=inet:127.0.0.1:8891
[ -z "${{signer+told}}" ] || {setting('"mailtriage_signer = $signer"')}\
#    Chrooted or not like your port 25, so that a signer's unix socket is found by the same name.
chroot=$(postconf -hF smtp/inet/chroot 2>/dev/null || :)
postconf -M "{service}={place} inet n - ${{chroot:-n}} - {_PORT_PROCESSES} smtpd"
#    This machine may use it and no other; what you ask of strangers is not asked here.
{service_options(service, alone)}\
{service_options(service, _SIGNED)}\
#    Part 1 would remove our own headers, and a content filter would send it round once more.
#    Aliases, canonical maps and always_bcc are for acknowledgements what they are for other mail.
{service_options(service, _UNTOUCHED)}\
"""


def _own_networks(submit: NextHop) -> str:
    """This machine in the way mynetworks has it; empty when `submit` is another one."""
    if submit.host == "localhost":
        return "127.0.0.0/8,[::1]/128"
    try:
        address = ipaddress.ip_address(submit.host)
    except ValueError:
        return ""
    if not address.is_loopback:
        return ""
    return "127.0.0.0/8" if address.version == 4 else "[::1]/128"
