"""What only shows when the sections about acknowledgements are seen together."""

import grp
import stat
from typing import Final

from mailtriage.config.acks import AckLimits
from mailtriage.config.endpoints import NextHop
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.profiles import GENERIC, Profile
from mailtriage.config.report import NOT_FOR_MAIN_CF, Report
from mailtriage.config.sections import Config

_PORT_OF_STRANGERS: Final = 25
_MOST_WAIT: Final = 0.1
"""Seconds."""
_NOBODY_READS: Final = ("no-reply", "noreply", "do-not-reply", "donotreply")


def check_acks(config: Config, report: Report) -> None:
    """Report what is wrong or doubtful about the desk, the mailboxes and what they answer."""
    _check_submit(config.ack.submit, report)
    _check_desk(config, report)
    _check_state(config, report)
    _check_limits(config.ack.limits, report)
    _check_trust(config, report)
    for mailbox in config.mailboxes.mailboxes:
        profile = config.profiles.get(mailbox.profile, GENERIC)
        _check_mailbox(mailbox, profile, report)


def _check_submit(submit: NextHop, report: Report) -> None:
    path = ("ack", "submit")
    if submit.protocol != "smtp":
        report(path, "acknowledgements are handed over by SMTP", "write HOST:PORT")
    elif submit.port == _PORT_OF_STRANGERS:
        report(
            path,
            "port 25 takes mail from strangers: its restrictions and milters, mailtriage among"
            " them, would be those of acknowledgements too",
            "name a port of its own; mailtriage postfix prints its line for master.cf",
            warning=True,
        )


def _check_desk(config: Config, report: Report) -> None:
    desk = config.desk
    path = ("desk", "listen")
    if desk.listen.kind == "fd":
        report(path, "only the milter can inherit its socket", "name an address")
    if desk.listen.kind != "fd" and not desk.listen.loopback:
        report(
            path,
            "reachable from other machines",
            "who can connect there can fill its memory; only the local Postfix needs it",
            warning=True,
        )
    if desk.listen.kind == "unix" and desk.socket_mode & stat.S_IWOTH:
        report(
            ("desk", "socket_mode"),
            "every user of this machine can connect",
            'write "0660" and name Postfix\'s group in socket_group',
            warning=True,
        )
    if desk.listen.kind == "unix" and NOT_FOR_MAIN_CF.search(desk.listen.path):
        what = "main.cf has no way to write a path with blanks, commas, braces, quotes or $"
        report(path, what)
    if desk.socket_group:
        try:
            grp.getgrnam(desk.socket_group)
        except KeyError:
            report(("desk", "socket_group"), f'there is no group "{desk.socket_group}" here')


def _check_trust(config: Config, report: Report) -> None:
    answering = any(mailbox.planned_ack != "off" for mailbox in config.mailboxes.mailboxes)
    if answering and not config.authentication.trusted_authserv_ids:
        report(
            ("authentication", "trusted_authserv_ids"),
            "empty: no acknowledgement is sent, as a forged sender cannot be told from a real one",
            "name the authserv-id that your own mail server writes into Authentication-Results",
            warning=True,
        )
    if config.authentication.level == "lenient" and not (
        config.customers.files or config.customers.redis
    ):
        report(
            ("authentication", "level"),
            '"lenient" is for known customers, and there is no customer list',
            "name one under [customers]",
            warning=True,
        )


def _check_limits(limits: AckLimits, report: Report) -> None:
    if limits.burst > limits.per_hour:
        report(
            ("ack", "limits", "burst"),
            f"{limits.burst} at once are more than per_hour, {limits.per_hour}, allows",
            f"write {limits.per_hour} at most",
        )


def _check_state(config: Config, report: Report) -> None:
    state = config.state
    if not state.shared:
        for key, value in (("file", state.file), ("password_file", state.password_file)):
            if value is not None:
                report(
                    ("state", key),
                    "is for nodes that share a Redis, and state.url names none",
                    'write url = "redis://HOST:PORT/DATABASE", or remove the key',
                    warning=True,
                )
        return
    if config.mailboxes.mailboxes and state.secret_file is None:
        report(
            ("state", "secret_file"),
            f"every node that shares this Redis needs the same secret, {state.secret}",
            "copy it from the first node before the first start of another one, and name it here",
            warning=True,
        )
    if config.customers.redis and config.customers.timeout + state.timeout > _MOST_WAIT:
        report(
            ("state", "timeout"),
            "together with customers.timeout a mail may wait for Redis more than"
            f" {_MOST_WAIT * 1000:.0f} ms",
            "50 ms each are enough for a Redis that is well",
            warning=True,
        )


def _check_mailbox(mailbox: Mailbox, profile: Profile, report: Report) -> None:
    path = mailbox.path
    if mailbox.planned_ack not in {"send", "deferred"}:
        return
    # Rule E4: an address that nobody set up may be a spammer's guess.
    never = "an address that is not named is never acknowledged"
    if mailbox.address.startswith("*@"):
        report((*path, "ack"), never, 'name those that are, or write ack = "off"', warning=True)
        return
    for number, alias in enumerate(mailbox.aliases):
        if alias.startswith("*@"):
            hint = "name those that are; the others can have a section of their own"
            report((*path, "aliases", number), never, hint, warning=True)
    if profile.subject_style == "re" and mailbox.subject_style != "re":
        report(
            (*path, "subject_style"),
            f"{profile.name} opens a second ticket for an answer whose subject has a marker in it",
            'write "re"',
            warning=True,
        )
    if profile.ack == "delegate" and mailbox.planned_ack == "send":
        report(
            (*path, "ack"),
            f"as {profile.name} is made, answers to our acknowledgement may open second tickets, or"
            " customers may get two",
            f'write "delegate", or see config/helpdesks/{profile.name}/README.md',
            warning=True,
        )
    for key, address, what in (
        ("from", mailbox.from_address, "acknowledgements come from"),
        ("reply_to", mailbox.reply_to, "answers to acknowledgements go to"),
    ):
        if address.partition("@")[0] in _NOBODY_READS:
            report(
                (*path, key),
                f"{what} {address}, which looks as if nobody read it",
                "customers answer them (RFC 3834 section 3.1.1)",
                warning=True,
            )
