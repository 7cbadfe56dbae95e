"""main.cf: the milter's place, its limits, and what is removed before it sees a mail."""

from collections.abc import Iterator
from typing import Final

from mailtriage.acks.tokens import HIDDEN_DOMAIN
from mailtriage.commands.postfix_wiring import STRIP_FILE
from mailtriage.doctor.facts import Facts, Postfix
from mailtriage.doctor.lists import entries, milter_entry_of, seconds, socket_path
from mailtriage.doctor.model import Finding
from mailtriage.doctor.postconf import Service

FORGED: Final = (
    "X-Mailtriage: v=1; prio=urgent;",
    "X-Mailtriage-Priority: urgent",
    "x-mailtriage-tier : vip",
)
"""Fields that no mail may bring along."""
REMOVING: Final = ("IGNORE", "REJECT", "DISCARD", "STRIP", "HOLD")
"""Actions of header_checks(5) after which nobody reads the field as ours."""

_VARIABLE: Final = "$mailtriage_milter"
_VERSION: Final = 6


def postfix_there(facts: Facts) -> Iterator[Finding]:
    """postfix-config: nothing else can be looked at."""
    if facts.postfix is None:
        yield Finding(
            "postfix-config",
            "error",
            f"Postfix's configuration cannot be read: {facts.postfix_fault}",
            "the wiring of milter, desk and port could not be looked at",
            f"postfix{f' -c {facts.shell.postfix}' if facts.shell.postfix else ''} check",
        )


def milter_missing(facts: Facts) -> Iterator[Finding]:
    """milter-missing: no service of Postfix asks mailtriage."""
    if facts.postfix is not None and not any(map(facts.ours, (None, *facts.smtpds()))):
        named = "mailtriage_milter" in facts.postfix.main
        entry = _written_elsewhere(facts)
        yield Finding(
            "milter-missing",
            "error",
            "mailtriage is not in smtpd_milters" + (f"; {entry} is" if entry else ""),
            "no mail is tagged and nobody is acknowledged",
            _put_last(facts, None) if named else facts.shell.rewire(),
        )


def _written_elsewhere(facts: Facts) -> str:
    """A milter that looks as if it were meant to be ours."""
    found = [one.address for one in facts.milters(None) if "mailtriage" in one.address]
    return found[0] if found else ""


def milter_address(facts: Facts) -> Iterator[Finding]:
    """milter-address, chroot: Postfix knocks where nobody listens."""
    postfix = facts.postfix
    wanted = facts.expected.milter.address
    if postfix is None:
        return
    moved = False
    for service in (None, *facts.smtpds()):
        ours = facts.ours(service)
        if ours is None:
            continue
        here = socket_path(wanted, postfix.queue, chroot=False) or wanted
        jailed = service is not None and service.chroot
        there = socket_path(ours.address, postfix.queue, chroot=jailed) or ours.address
        outside = socket_path(ours.address, postfix.queue, chroot=False) or ours.address
        if outside != here and not moved:
            moved = True
            yield Finding(
                "milter-address",
                "error",
                f"Postfix looks for mailtriage at {ours.address}, and it listens at {wanted}",
                "with default_action=accept all mail passes without tags",
                facts.shell.rewire(),
            )
        elif outside == here != there:
            yield Finding(
                "chroot",
                "error",
                f"{_name(service)} runs chrooted in {postfix.queue} and cannot see {here}",
                "mail of that service passes without tags, and so without acknowledgements",
                f'# In [milter] write listen = "unix:{postfix.queue}/mailtriage/milter.sock",'
                f" restart mailtriage, then:\n{facts.shell.rewire()}",
            )


def milter_last(facts: Facts) -> Iterator[Finding]:
    """milter-last: another milter comes after mailtriage."""
    for service in facts.own_lists("smtpd_milters"):
        known = facts.milters(service)
        places = [number for number, entry in enumerate(known) if facts.is_ours(entry)]
        if places and places[-1] != len(known) - 1:
            after = ", ".join(one.address for one in known[places[-1] + 1 :])
            yield Finding(
                "milter-last",
                "error",
                f"in smtpd_milters of {_name(service)}, {after} comes after mailtriage",
                "mailtriage cannot read what that writes (DKIM, DMARC, spam), and judges mail that"
                " it refuses",
                _put_last(facts, service),
            )


def default_action(facts: Facts) -> Iterator[Finding]:
    """default-action: mail would be deferred or refused while mailtriage is down."""
    for service in facts.own_lists("smtpd_milters"):
        ours = facts.ours(service)
        if ours is None or facts.postfix is None:
            continue
        general = facts.postfix.value(service, "milter_default_action")
        action = ours.settings.get("default_action", general)
        if action != "accept":
            yield Finding(
                "default-action",
                "error",
                f"the milter's default_action is {action} at {_name(service)}",
                "while mailtriage is down no mail comes in; it must go on without tags",
                _entry_again(facts, service),
            )


def milter_timeouts(facts: Facts) -> Iterator[Finding]:
    """milter-timeout: Postfix waits less long than mailtriage may take, or far too long."""
    deadline = facts.config.milter.deadline
    for service in facts.own_lists("smtpd_milters"):
        ours = facts.ours(service)
        if ours is None or facts.postfix is None:
            continue
        general = facts.postfix.value(service, "milter_content_timeout")
        wait = seconds(ours.settings.get("content_timeout", general))
        most = 2 * seconds(facts.expected.milter.settings["content_timeout"])
        if wait <= deadline or wait > most:
            yield Finding(
                "milter-timeout",
                "error" if wait <= deadline else "warning",
                f"content_timeout is {wait:g} s at {_name(service)}; milter.deadline is"
                f" {deadline:g} s",
                "a mail that takes its time would lose its tags"
                if wait <= deadline
                else "on the day on which mailtriage hangs, clients give up before Postfix does",
                _entry_again(facts, service),
            )


def milter_protocol(facts: Facts) -> Iterator[Finding]:
    """milter-protocol: too old for adding recipients and skipping attachments."""
    for service in facts.own_lists("milter_protocol"):
        ours = facts.ours(service)
        if ours is None or facts.postfix is None:
            continue
        spoken = facts.postfix.value(service, "milter_protocol")
        version = ours.settings.get("protocol", spoken)
        if version.isdecimal() and int(version) < _VERSION:
            yield Finding(
                "milter-protocol",
                "error",
                f"milter_protocol is {version} at {_name(service)}",
                "before version 6 no recipient can be added: nobody is acknowledged",
                facts.shell.set_for(_key(service), "milter_protocol", str(_VERSION)),
            )


def not_for_sendmail(facts: Facts) -> Iterator[Finding]:
    """non-smtpd: mailtriage sees mail from sendmail(1)."""
    if facts.postfix is None:
        return
    own = facts.postfix.main.get("non_smtpd_milters", "")
    if any(facts.is_ours(milter_entry_of(text)) for text in entries(own)):
        written = entries(facts.postfix.written.get("non_smtpd_milters", ""))
        rest = [text for text in written if not _is_written_as_ours(facts, text)]
        yield Finding(
            "non-smtpd",
            "warning",
            "mailtriage is in non_smtpd_milters",
            "mail from sendmail(1) is your own; reading it gains nothing",
            facts.shell.set_main("non_smtpd_milters", ", ".join(rest)),
        )


def header_checks(facts: Facts) -> Iterator[Finding]:
    """header-checks: forged X-Mailtriage headers get in while the milter is down."""
    if facts.postfix is None:
        return
    actions = facts.postfix.header_actions
    left = [field for field in FORGED if not removes(actions.get(field, ""))]
    if left:
        yield Finding(
            "header-checks",
            "error",
            f"header_checks do not remove a forged {left[0].partition(':')[0].strip()}",
            "while mailtriage is down anybody can give his own mail a priority",
            table_first(facts, facts.postfix, "header_checks", STRIP_FILE),
        )


def hidden_domain_open(facts: Facts) -> Iterator[Finding]:
    """hidden-domain-open: Postfix takes mail for the desk from strangers."""
    if facts.postfix is None:
        return
    for parameter in facts.postfix.hidden_open:
        written = entries(facts.postfix.written.get(parameter, ""))
        rest = [one for one in written if one.lower() not in {HIDDEN_DOMAIN, "invalid", ".invalid"}]
        command = facts.shell.set_main(parameter, ", ".join(rest))
        if rest == written:
            command = (
                f"# Take {HIDDEN_DOMAIN} out of the tables of {parameter}:\npostconf -x {parameter}"
            )
        yield Finding(
            "hidden-domain-open",
            "error",
            f"{HIDDEN_DOMAIN} is in {parameter}",
            "strangers may then send mail there, and what the desk refuses bounces to somebody",
            command,
        )


def removes(action: str) -> bool:
    """Whether an action of header_checks(5) removes the field, or keeps the mail away."""
    return action.partition(" ")[0].upper() in REMOVING


def table_first(facts: Facts, postfix: Postfix, parameter: str, file: str) -> str:
    """The command by which one of our tables is written, and asked before the others."""
    written = entries(postfix.written.get(parameter, ""))
    mine = [one for one in written if one.endswith(f"/{file}")]
    if not mine or written[0] == mine[0]:
        return facts.shell.rewire()
    order = [mine[0], *(one for one in written if one not in mine)]
    return f"{facts.shell.set_main(parameter, ', '.join(order))}\n{facts.shell.rewire()}"


def _put_last(facts: Facts, service: Service | None) -> str:
    postfix = facts.postfix
    assert postfix is not None  # noqa: S101  the caller has looked
    written = entries(
        service.options["smtpd_milters"]
        if service is not None and "smtpd_milters" in service.options
        else postfix.written.get("smtpd_milters", "")
    )
    rest = [text for text in written if not _is_written_as_ours(facts, text)]
    named = "mailtriage_milter" in postfix.main
    ours = _VARIABLE if named else facts.expected.milter.text
    return facts.shell.set_for(_key(service), "smtpd_milters", ", ".join([*rest, ours]))


def _entry_again(facts: Facts, service: Service | None) -> str:
    """The command that gives mailtriage's entry its limits back."""
    main = facts.postfix.main if facts.postfix else {}
    own = facts.ours(service)
    if own is not None and own.text == main.get("mailtriage_milter", "").strip():
        return facts.shell.set_main("mailtriage_milter", facts.expected.milter.text)
    return f"{facts.shell.rewire()}\n{_put_last(facts, service)}"


def _is_written_as_ours(facts: Facts, text: str) -> bool:
    return text in {_VARIABLE, "${mailtriage_milter}"} or facts.is_ours(milter_entry_of(text))


def _key(service: Service | None) -> str:
    return service.key if service is not None else ""


def _name(service: Service | None) -> str:
    return f"service {service.key}" if service is not None else "main.cf"
