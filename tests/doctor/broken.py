"""Ways to break the wiring of a site, each with the finding that it leads to."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Broken:
    """A way to break the wiring: shell commands, and the finding they lead to.

    In the commands {mx} is the service that customers' mail comes in at, {port} the one at which
    acknowledgements are handed in, as master.cf names them.
    """

    id: str
    script: str
    also: frozenset[str] = frozenset()
    """What else follows from it."""
    mended: bool = True
    """Whether the finding's own command mends it; else only a person can."""


ENTRY: Final = "{{ unix:{directory}/milter.sock, default_action=%s, content_timeout=%s }}"
_BACK: Final = frozenset({"returns-transport"})
BROKEN: Final = (
    Broken("milter-missing", "postconf -e 'smtpd_milters ='"),
    Broken("milter-last", "postconf -e 'smtpd_milters = $mailtriage_milter, inet:127.0.0.1:9'"),
    Broken(
        "milter-address",
        f"postconf -e 'mailtriage_milter = {ENTRY % ('accept', '20s')}'".replace(
            "milter.sock", "m.sock"
        ),
    ),
    Broken("default-action", f"postconf -e 'mailtriage_milter = {ENTRY % ('tempfail', '20s')}'"),
    Broken(
        "default-action",
        "postconf -e 'mailtriage_milter = {{ unix:{directory}/milter.sock, content_timeout=20s }}'",
    ),
    Broken("milter-timeout", f"postconf -e 'mailtriage_milter = {ENTRY % ('accept', '1s')}'"),
    Broken("milter-timeout", f"postconf -e 'mailtriage_milter = {ENTRY % ('accept', '5m')}'"),
    Broken("milter-protocol", "postconf -e 'milter_protocol = 4'"),
    Broken("non-smtpd", "postconf -e 'non_smtpd_milters = inet:[::1]:9, $mailtriage_milter'"),
    Broken("chroot", "postconf -F '{mx}/chroot=y'", mended=False),
    Broken("header-checks", "postconf -e 'header_checks = regexp:/etc/postfix/border.regexp'"),
    Broken(
        "header-checks",
        "printf '/^X-/ DUNNO\\n' > /etc/postfix/mine;"
        'postconf -e "header_checks = regexp:/etc/postfix/mine, $(postconf -h header_checks)"',
    ),
    Broken(
        "header-checks",
        "postconf -P '{mx}/receive_override_options=no_header_body_checks'",
        also=frozenset({"results-forgeable"}),
        mended=False,
    ),
    Broken(
        "service-milters",
        "postconf -M 'submission/inet=submission inet n - n - - smtpd';"
        "postconf -P 'submission/inet/smtpd_milters=inet:127.0.0.1:9'",
    ),
    Broken(
        "service-milters",
        "postconf -M 'smtps/inet=smtps inet n - n - - smtpd';"
        "postconf -P 'smtps/inet/receive_override_options=no_milters'",
    ),
    Broken(
        "reinjection",
        "postconf -M '127.0.0.1:10025/inet=127.0.0.1:10025 inet n - n - - smtpd';"
        "postconf -P '127.0.0.1:10025/inet/content_filter='",
    ),
    Broken(
        "reinjection",
        "postconf -M '127.0.0.1:10025/inet=127.0.0.1:10025 inet n - n - - smtpd';"
        "postconf -P '127.0.0.1:10025/inet/content_filter='"
        " '127.0.0.1:10025/inet/receive_override_options=no_milters'",
    ),
    Broken(
        "hidden-domain-open",
        'postconf -e "relay_domains = mailtriage.invalid, $(postconf -h relay_domains)"',
    ),
    Broken("hidden-domain-open", "postconf -e 'mydestination = mailtriage.invalid'"),
    Broken(
        "hidden-domain-open",
        "echo '/invalid/ ok' > /etc/postfix/all;"
        "postconf -e 'virtual_mailbox_domains = regexp:/etc/postfix/all'",
        mended=False,
    ),
    Broken("transport", "postconf -e 'transport_maps ='", also=_BACK),
    Broken(
        "transport",
        "echo '/./ smtp:elsewhere.example' > /etc/postfix/all;"
        'postconf -e "transport_maps = regexp:/etc/postfix/all, $(postconf -h transport_maps)"',
        also=_BACK,
    ),
    Broken("desk-service", "postconf -MX mailtriage/unix"),
    Broken("desk-options", "postconf -P 'mailtriage/unix/lmtp_tls_security_level=encrypt'"),
    Broken("desk-options", "echo '/^/ DUNNO' > /etc/postfix/mailtriage_copy.regexp"),
    Broken("flush", "postconf -e 'fast_flush_domains = $relay_domains'"),
    Broken("sweeper", "postconf -e 'recipient_bcc_maps ='"),
    Broken(
        "sweeper",
        'postconf -e "recipient_bcc_maps = inline:{{ help@desk.example=archive@desk.example }},'
        ' $(postconf -h recipient_bcc_maps)"',
        mended=False,
    ),
    Broken("returns-domain", "postconf -e 'relay_domains = desk.example'"),
    Broken("returns-domain", "postconf -e 'mydestination = triage.desk.example'", mended=False),
    Broken("returns-transport", "postconf -MX mailtriage-return/unix"),
    Broken(
        "returns-transport",
        "postconf -P 'mailtriage-return/unix/lmtp_body_checks=regexp:/etc/postfix/mine'",
    ),
    Broken(
        "returns-transport",
        "echo '/@mailtriage.invalid/ mailtriage:{desk}' > /etc/postfix/mailtriage_transport.regexp",
    ),
    Broken("returns-open", "postconf -e 'smtpd_recipient_restrictions ='"),
    Broken("returns-open", "echo '/^/ DUNNO' > /etc/postfix/mailtriage_returns.regexp"),
    Broken("returns-refused", "postconf -e 'relay_recipient_maps = regexp:/etc/postfix/all'"),
    Broken("port-missing", "postconf -MX '{port}'"),
    Broken("port-loops", "postconf -P '{port}/smtpd_milters=$mailtriage_milter'"),
    Broken("port-unsigned", "postconf -P '{port}/smtpd_milters='"),
    Broken("port-unsigned", "postconf -P '{port}/milter_default_action=accept'"),
    Broken("port-strips", "postconf -P '{port}/receive_override_options='"),
    Broken("port-filter", "postconf -P '{port}/content_filter=smtp:[127.0.0.1]:9'"),
    Broken("port-open", "postconf -P '{port}/mynetworks=0.0.0.0/0'"),
    Broken("port-options", "postconf -P '{port}/smtpd_helo_restrictions=reject'"),
    Broken("results-forgeable", "postconf -e 'header_checks = regexp:{strip}'"),
)


def named(broken: Broken) -> str:
    return f"{broken.id}: {broken.script[-40:]}"
