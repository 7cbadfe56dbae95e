"""What Postfix is told for return addresses: whose they are, which are well formed, their way."""

import re
from typing import Final

from mailtriage.commands.postfix_wiring import map_file, put, reachable, service_options
from mailtriage.config import Config

RETURNS_FILE: Final = "mailtriage_returns.regexp"
RETURNS_SERVICE: Final = "mailtriage-return"

# As acks/returns.py makes them, in the POSIX syntax of regexp_table(5): no (?:...) there.
_FORMS: Final = (
    r"[bo]1\.[a-z2-7]{26}\.[a-z2-7]{13}",
    r"v1\.[a-z2-7]{26}\.[a-z2-7]{13}\.[1-5]",
    r"f1\.[a-z]{1,16}\.[a-z0-9_-]{1,40}\.[a-z2-7]{13}",
)
_OPTIONS: Final = (
    "syslog_name=postfix/mailtriage",
    "lmtp_tls_security_level=none",
    "lmtp_host_lookup=native",
    "lmtp_generic_maps=",
    "lmtp_header_checks=",
    # The status of a bounce, and the mail that an agent corrects, are in the body.
    "lmtp_mime_header_checks=",
    "lmtp_nested_header_checks=",
    "lmtp_body_checks=",
)


def has_returns(config: Config) -> bool:
    """Whether there are return addresses, and a desk to take what comes to them."""
    return bool(config.follow_ups.returns.domain and config.mailboxes.mailboxes)


def returns_route(config: Config) -> str:
    """Its line in the table of transport_maps; empty without return addresses."""
    if not has_returns(config):
        return ""
    domain = re.escape(config.follow_ups.returns.domain)
    return f"/@{domain}$/    {returns_transport(config)}"


def returns_transport(config: Config) -> str:
    """Where Postfix delivers it, as transport_maps have it."""
    return f"{RETURNS_SERVICE}:{reachable(config.desk.listen)}"


def returns_table(config: Config) -> str:
    """What is asked for each recipient at RCPT (access(5)). It permits nothing by itself."""
    domain = re.escape(config.follow_ups.returns.domain)
    lines = [f"/^{form}@{domain}$/    DUNNO" for form in _FORMS]
    return "\n".join((*lines, f"/@{domain}$/    550 5.1.1 There is no such address"))


def returns_part(config: Config) -> str:
    """The domain of the return addresses; nothing without one."""
    if not has_returns(config):
        return ""
    domain = config.follow_ups.returns.domain
    return f"""\
# 7. Return addresses: bounces, votes and opt-outs come back to {domain}, which goes to
#    the desk by a transport that leaves the body as it is. DNS must have an MX record for
#    {domain} that leads to this Postfix. Anything but the forms of our addresses is
#    refused at RCPT, as what has been taken must never become a bounce to a forged sender. A table
#    for relay_recipient_maps is added where you have one; without any it would shut all other
#    relay domains.
postconf -M '{RETURNS_SERVICE}/unix={RETURNS_SERVICE} unix - - n - - lmtp'
{service_options(f"{RETURNS_SERVICE}/unix", _OPTIONS)}\
{map_file(RETURNS_FILE, returns_table(config))}\
{put("last", "relay_domains", domain)}\
{put("first", "smtpd_recipient_restrictions", _RESTRICTION)}\
[ -z "$(postconf -h relay_recipient_maps)" ] || \\
    {put("last", "relay_recipient_maps", f"regexp:/etc/postfix/{RETURNS_FILE}")}"""


_RESTRICTION: Final = f"check_recipient_access regexp:/etc/postfix/{RETURNS_FILE}"
