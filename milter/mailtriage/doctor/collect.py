"""Looks at the machine: reads, asks and connects, within time limits; changes nothing."""

import errno
from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from mailtriage.acks.tokens import HIDDEN_DOMAIN, Tokens
from mailtriage.commands.postfix_wiring import reachable
from mailtriage.config import Config
from mailtriage.config.endpoints import host_and_port
from mailtriage.doctor.authentication import MARK, forged_results
from mailtriage.doctor.desk import swept_addresses
from mailtriage.doctor.expected import Expected, expected
from mailtriage.doctor.facts import Facts, Postfix, Probed, Reached
from mailtriage.doctor.helpdesks import believed
from mailtriage.doctor.lists import MilterEntry, entries, milters, socket_path
from mailtriage.doctor.machine import clock, disks
from mailtriage.doctor.milter_wire import Letter, MilterError, passed
from mailtriage.doctor.model import Shell, Undone
from mailtriage.doctor.postconf import Asker, PostfixError, Service
from mailtriage.doctor.reach import reach_milter, reach_server
from mailtriage.doctor.returns import example
from mailtriage.doctor.routes import redirected
from mailtriage.doctor.settings import FORGED, removes
from mailtriage.doctor.stored import (
    look_at_knowledge,
    look_at_redis,
    look_at_state,
    look_at_templates,
)
from mailtriage.state.secret import SecretError, read_secret

_DOMAINS: Final = (
    "mydestination",
    "relay_domains",
    "virtual_alias_domains",
    "virtual_mailbox_domains",
)
_HIDDEN: Final = f"doctor@{HIDDEN_DOMAIN}"
_MOST_RESULTS: Final = 1 << 20

_Found = TypeVar("_Found")


def collect(
    config: Config, files: Sequence[Path] | None, *, postfix_config: Path | None, probe: bool
) -> Facts:
    """Everything that the checks want to know; `probe`: a canned mail through the milters, too."""
    undone: list[Undone] = []
    directory = str(postfix_config.absolute()) if postfix_config else ""
    shell = Shell(tuple(str(file.absolute()) for file in files or ()), directory)
    wanted = expected(config)
    asker = Asker(directory)
    postfix, fault = None, ""
    try:
        postfix = look_at_postfix(asker, config, wanted, shell, undone)
    except PostfixError as error:
        fault = str(error)
    queue = postfix.queue if postfix else "/var/spool/postfix"
    user = postfix.main.get("mail_owner", "postfix") if postfix else "postfix"
    answering = bool(config.mailboxes.mailboxes)
    desk = port = None
    signers: tuple[Reached, ...] = ()
    if answering:
        desk = reach_server(reachable(config.desk.listen), "LHLO", user)
        submit = config.ack.submit
        port = reach_server(f"inet:{host_and_port(submit.host, submit.port)}", "EHLO", user)
        signers = _signers(postfix, wanted, user)
    milter = reach_milter(_place(wanted.milter.address, queue), user)
    for name, reached in (("milter-permission", milter), ("desk-permission", desk)):
        if reached is not None and reached.postfix_error is None:
            why = f"who may open {reached.place} cannot be seen; run it as root"
            undone.append(Undone(name, why))
    for name, reached in (("milter-down", milter), ("desk-down", desk)):
        if reached is not None and reached.error in {errno.EACCES, errno.EPERM}:
            why = f"{reached.place} may not be opened by this user; run it as root"
            undone.append(Undone(name, why))
    facts = Facts(
        config=config,
        shell=shell,
        expected=wanted,
        postfix=postfix,
        postfix_fault=fault,
        milter=milter,
        desk=desk,
        port=port,
        signers=signers,
        forged=None,
        probed=None,
        state=look_at_state(config, undone) if answering else None,
        redis=look_at_redis(config, undone),
        knowledge=look_at_knowledge(config, undone),
        templates=look_at_templates(config, undone),
        clock=clock(),
        disks=disks([Path(queue), *([config.state.database.parent] if answering else [])]),
    )
    return _asked(facts, undone, probe=probe)


def look_at_postfix(
    asker: Asker, config: Config, wanted: Expected, shell: Shell, undone: list[Undone]
) -> Postfix:
    """Postfix's configuration, and what its tables have for what concerns us.

    Raises PostfixError when its programs do not answer at all.
    """
    main = asker.main(expanded=True)
    level = main.get("compatibility_level", "0").partition(".")[0]
    services = asker.services(chroot_by_default=level == "0")
    written = asker.main(expanded=False)
    bare = Postfix(main, written, services, {}, {})

    nothing: dict[str, str] = {}

    def ask(finding: str, question: Callable[[], _Found], otherwise: _Found) -> _Found:
        try:
            return question()
        except (PostfixError, OSError) as error:
            undone.append(Undone(finding, str(error)))
            return otherwise

    checks = _header_checks(bare, wanted.port)
    fields = [*FORGED, *forged_results(config)]
    actions = ask("header-checks", lambda: asker.first(checks, fields), nothing)
    others = list(believed(config))
    actions |= ask("helpdesk-headers", lambda: asker.first(checks, others), nothing)
    routes = list(redirected(config))
    milter_checks = main.get("milter_header_checks", "")
    transport = main.get("transport_maps", "")
    back, domain = example(config), config.follow_ups.returns.domain
    return Postfix(
        main=main,
        written=written,
        services=services,
        header_actions=actions,
        route_actions=ask("route-checks", lambda: asker.first(milter_checks, routes), nothing),
        hidden_route=ask("transport", lambda: asker.address(transport, _HIDDEN), ""),
        hidden_open=ask(
            "hidden-domain-open", lambda: _open(asker, main, HIDDEN_DOMAIN, "invalid"), ()
        ),
        returns_route=ask(
            "returns-transport", lambda: asker.address(transport, back) if back else "", ""
        ),
        returns_in=ask("returns-domain", lambda: _open(asker, main, domain) if back else (), ()),
        swept=ask("sweeper", lambda: _swept(asker, main, config, undone), nothing),
        tables=_tables(shell.directory, wanted),
    )


def _header_checks(postfix: Postfix, port: str) -> str:
    """header_checks as strangers' mail meets them: that of the first smtpd for the world, or of the
    first that is not the port for acknowledgements."""
    doors = [one for one in postfix.services if one.program.endswith("smtpd") and one.key != port]
    front = next(iter(sorted(doors, key=lambda one: one.loopback)), None)
    if "no_header_body_checks" in postfix.list_of(front, "receive_override_options"):
        return ""
    cleanup = postfix.service(f"{postfix.value(front, 'cleanup_service_name')}/unix")
    return postfix.value(cleanup, "header_checks")


def _open(asker: Asker, main: dict[str, str], domain: str, above: str = "") -> tuple[str, ...]:
    """The lists of domains that a domain is in, or the one above it, if that is named."""
    names = {domain, *((above, f".{above}") if above else ())}
    return tuple(name for name in _DOMAINS if _listed(asker, main.get(name, ""), domain, names))


def _listed(asker: Asker, value: str, domain: str, names: Set[str]) -> bool:
    """Whether a list of domains has one of the names: as a word, in a file or in a table."""
    for entry in entries(value):
        if entry.lower() in names:
            return True
        if entry.startswith("/"):
            text = Path(entry).read_text(errors="replace")[:_MOST_RESULTS]
            if names & set(text.lower().split()):
                return True
        elif ":" in entry and asker.look_up(entry, [domain]):
            return True
    return False


def _swept(
    asker: Asker, main: dict[str, str], config: Config, undone: list[Undone]
) -> dict[str, str]:
    """For each service address: "ours", or what recipient_bcc_maps have for it instead."""
    if not config.mailboxes.mailboxes:
        return {}
    try:
        tokens = Tokens(read_secret(config.state.secret))
    except SecretError as error:
        undone.append(Undone("sweeper", str(error)))
        return {}
    found = {}
    maps, aliases = main.get("recipient_bcc_maps", ""), main.get("virtual_alias_maps", "")
    for address, copy in swept_addresses(config, tokens).items():
        key = address.replace("*", "doctor-asks") if address.startswith("*") else address
        copies = asker.address(maps, key)
        if copies and copies != copy and copy in entries(asker.address(aliases, copies)):
            copies = copy  # theirs is an alias for both
        found[address] = "ours" if copies == copy else copies
    return found


def _tables(directory: str, wanted: Expected) -> dict[str, str]:
    found = {}
    for name in wanted.tables:
        try:
            found[name] = (Path(directory) / name).read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue  # what is in it shows when Postfix is asked
    return found


def _signers(postfix: Postfix | None, wanted: Expected, user: str) -> tuple[Reached, ...]:
    service = postfix.service(wanted.port) if postfix else None
    if postfix is None or service is None:
        return ()
    return tuple(
        reach_milter(place, user)
        for place in _places(milters(postfix.value(service, "smtpd_milters")), postfix, service)
    )


def _places(known: Sequence[MilterEntry], postfix: Postfix, service: Service | None) -> list[str]:
    jailed = service is not None and service.chroot
    return [_place(one.address, postfix.queue, chroot=jailed) for one in known]


def _place(address: str, queue: str, *, chroot: bool = False) -> str:
    path = socket_path(address, queue, chroot=chroot)
    return f"unix:{path}" if path else address


def _asked(facts: Facts, undone: list[Undone], *, probe: bool) -> Facts:
    """The same, with what a canned mail brought to light."""
    forged: bool | None = None
    probed: Probed | None = None
    fields = forged_results(facts.config)
    postfix = facts.postfix
    front = next((one for one in facts.smtpds() if facts.ours(one)), None)
    known = facts.milters(front)
    ahead: list[MilterEntry] = []
    for one in known:
        if facts.is_ours(one):
            break
        ahead.append(one)
    letter = _letter(facts.config)
    if fields and postfix is not None:
        actions = [postfix.header_actions.get(field, "") for field in fields]
        removed = all(map(removes, actions))
        if removed or not ahead:
            forged = not removed
        elif not probe:
            why = "only a mail shows whether the milters ahead remove forged ones: add --probe"
            undone.append(Undone("results-forgeable", why))
        else:
            forged, letter = _through(letter, _places(ahead, postfix, front), undone)
    if probe and not facts.milter.error:
        probed = _probe(facts.milter.place, letter)
    return replace(facts, forged=forged, probed=probed, undone=tuple(undone))


def _letter(config: Config) -> Letter:
    """What a customer might write, with forged results on top; nobody gets it."""
    mailbox = next(iter(config.mailboxes.mailboxes), None)
    to = mailbox.from_address.replace("*", "help") if mailbox else f"help@{HIDDEN_DOMAIN}"
    forged = [field.partition(": ") for field in forged_results(config)]
    return Letter(
        fields=(
            *((name, value) for name, _, value in forged),
            ("From", f"Doctor <customer@{MARK}>"),
            ("To", to),
            ("Subject", "Where is my parcel?"),
            ("Date", "Mon, 23 Nov 2026 09:00:00 +0000"),
            ("Message-ID", f"<doctor@{MARK}>"),
        ),
        sender=f"customer@{MARK}",
        recipient=to,
    )


def _through(
    letter: Letter, places: Sequence[str], undone: list[Undone]
) -> tuple[bool | None, Letter]:
    """Whether the forged results are still there behind these milters, and the mail as it is then.

    None when one of them could not be asked.
    """
    forgeries = [field for field in letter.fields if field[0] == "Authentication-Results"]
    for place in places:
        try:
            letter = replace(letter, fields=tuple(passed(place, letter)))
        except (MilterError, OSError, ValueError) as error:
            undone.append(Undone("results-forgeable", f"{place}: {error}"))
            return None, letter
    forged = any((name, value) in forgeries for name, value in letter.fields)
    return forged, letter


def _probe(place: str, letter: Letter) -> Probed:
    try:
        fields = passed(place, letter)
    except (MilterError, OSError, ValueError) as error:
        return Probed(fault=str(error) or type(error).__name__)
    ours = "x-mailtriage"
    tags = {name.lower(): value for name, value in fields if name.lower().startswith(ours)}
    return Probed(status=tags.get("x-mailtriage-status", ""), tags=len(tags))
