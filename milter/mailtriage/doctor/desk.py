"""The desk: the way of the hidden copies to it, and the sweeper."""

from collections.abc import Iterator
from typing import Final

from mailtriage.acks.tokens import HIDDEN_DOMAIN, Tokens
from mailtriage.commands.postfix_wiring_desk import COPY_FILE, SWEEPER_FILE, TRANSPORT_FILE
from mailtriage.config import Config
from mailtriage.doctor.expected import DESK_SERVICE
from mailtriage.doctor.facts import Facts, Postfix
from mailtriage.doctor.lists import entries
from mailtriage.doctor.model import Finding
from mailtriage.doctor.settings import table_first
from mailtriage.doctor.sockets import shut, silent
from mailtriage.mail.domains import spellings

_LEAVES: Final = (
    "hidden copies of customers' mail would go elsewhere, or bounce, and nobody is acknowledged"
)


def transport(facts: Facts) -> Iterator[Finding]:
    """transport: mail for the hidden domain does not go to the desk."""
    postfix, wanted = facts.postfix, facts.expected.desk
    if postfix is None or not wanted or postfix.hidden_route == wanted:
        return
    found = postfix.hidden_route or "nowhere of its own"
    yield Finding(
        "transport",
        "error",
        f"transport_maps send {HIDDEN_DOMAIN} {'to ' if postfix.hidden_route else ''}{found}"
        f" instead of {wanted}",
        _LEAVES,
        table_first(facts, postfix, "transport_maps", TRANSPORT_FILE),
    )


def desk_service(facts: Facts) -> Iterator[Finding]:
    """desk-service, desk-options: the transport of master.cf is missing, or not as it must be."""
    postfix = facts.postfix
    if postfix is None or not facts.expected.desk:
        return
    service = postfix.service(DESK_SERVICE)
    if service is None or service.program.rpartition("/")[2] != "lmtp":
        yield Finding(
            "desk-service",
            "error",
            "master.cf has no transport named mailtriage that speaks LMTP",
            "hidden copies wait in the queue, and nobody is acknowledged",
            facts.shell.rewire(),
        )
        return
    if service.chroot and facts.config.desk.listen.kind == "unix":
        yield Finding(
            "desk-service",
            "error",
            f"the transport mailtriage runs chrooted and cannot see {facts.config.desk.listen}",
            "hidden copies wait in the queue, and nobody is acknowledged",
            facts.shell.rewire(),
        )
    for name, value in facts.expected.options.get(DESK_SERVICE, {}).items():
        there = postfix.value(service, name)
        if same_option(there, value, facts.shell.directory):
            continue
        yield Finding(
            "desk-options",
            "warning" if name == "syslog_name" else "error",
            f"{name} of the transport mailtriage is '{there}' and must be '{value}'",
            "the desk would get other headers than those that were sealed, all attachments, or"
            " nothing at all",
            facts.shell.rewire(),
        )
    yield from _copy_table(facts, postfix)


def _copy_table(facts: Facts, postfix: Postfix) -> Iterator[Finding]:
    content = facts.expected.tables.get(COPY_FILE)
    if content is not None and _rules(postfix.tables.get(COPY_FILE, content)) != _rules(content):
        yield Finding(
            "desk-options",
            "warning",
            f"{COPY_FILE} is not the table that this version prints",
            f'the desk gets more, or less, of a mail than desk.copy = "{facts.config.desk.copy}"',
            facts.shell.rewire(),
        )


def _rules(table: str) -> list[str]:
    """The lines of a table without its comments."""
    return [line for line in table.splitlines() if line and not line.startswith("#")]


def flush(facts: Facts) -> Iterator[Finding]:
    """flush: after a stop the desk waits for Postfix's next retry."""
    postfix = facts.postfix
    if postfix is None or not facts.expected.desk:
        return
    if HIDDEN_DOMAIN not in postfix.list_of(None, "fast_flush_domains"):
        yield Finding(
            "flush",
            "warning",
            f"{HIDDEN_DOMAIN} is not in fast_flush_domains",
            "after a stop of the desk, acknowledgements come at Postfix's next retry, up to an hour"
            " later, instead of at once",
            facts.shell.rewire(),
        )


def sweeper(facts: Facts) -> Iterator[Finding]:
    """sweeper: while the milter is down nobody tells the desk."""
    if facts.postfix is None or not facts.expected.desk:
        return
    wanted = facts.postfix.swept
    left = [address for address, found in wanted.items() if found != "ours"]
    if not left:
        return
    taken = next((wanted[address] for address in left if wanted[address]), "")
    what = f"recipient_bcc_maps do not copy mail for {left[0]} to the desk"
    if len(left) > 1:
        what += f", nor for {len(left) - 1} more"
    if taken:
        what += f"; they have {taken} for it"
        mend = (
            "# recipient_bcc_maps has one result for an address: let yours be an alias for both,\n"
            f"# with the address that {SWEEPER_FILE} has (config/postfix/README.md, part 3)"
        )
    else:
        mend = facts.shell.rewire()
    yield Finding(
        "sweeper",
        "error",
        what,
        "whoever writes while the milter is down is never acknowledged",
        mend,
    )


def desk_listens(facts: Facts) -> Iterator[Finding]:
    """desk-down, desk-permission: the desk does not take what Postfix has for it."""
    if facts.desk is None:
        return
    why = "hidden copies wait in Postfix's queue, and nobody is acknowledged meanwhile"
    yield from silent(facts.desk, "desk-down", "the desk", why)
    yield from shut(facts, facts.desk, "desk-permission", "desk", why)
    if not facts.desk.error and not facts.desk.greeting:
        yield Finding(
            "desk-down",
            "error",
            f"whoever listens at {facts.desk.place} does not answer LHLO as the desk does",
            why,
            "systemctl restart mailtriage; journalctl -u mailtriage -n 20",
        )


def swept_addresses(config: Config, tokens: Tokens) -> dict[str, str]:
    """Each service address as Postfix may see it, and where mail for it has to be copied."""
    return {
        address: tokens.sweeper_recipient(mailbox.address)
        for known, mailbox in config.mailboxes.by_address.items()
        for address in spellings(known)
    }


def same_option(there: str, wanted: str, directory: str) -> bool:
    """Whether two values of a parameter mean the same list, or the same word."""
    return entries(there) == entries(wanted.replace("/etc/postfix", directory))
