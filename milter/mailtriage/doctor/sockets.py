"""The milter's socket: somebody listens, Postfix may connect, and a mail comes back with tags."""

import errno
from collections.abc import Iterator

from mailtriage.doctor.facts import Facts, Reached
from mailtriage.doctor.model import Finding


def milter_listens(facts: Facts) -> Iterator[Finding]:
    """milter-down: nobody answers at the milter's socket."""
    yield from silent(
        facts.milter,
        "milter-down",
        "mailtriage",
        "all mail passes without tags, and acknowledgements come from the sweeper alone",
    )


def milter_open(facts: Facts) -> Iterator[Finding]:
    """milter-permission: Postfix's user may not connect."""
    yield from shut(facts, facts.milter, "milter-permission", "milter", "mail passes without tags")


def probe(facts: Facts) -> Iterator[Finding]:
    """probe: the canned mail did not come back as it should (--probe)."""
    probed = facts.probed
    if probed is None or facts.milter.error:
        return
    fault = probed.fault
    if not fault and not probed.tags:
        fault = "it got no tags"
    if not fault and probed.status not in {"", "ok"}:
        fault = f"its status is {probed.status}"
    if fault:
        yield Finding(
            "probe",
            "error",
            f"a mail through {facts.milter.place} did not come back as it should: {fault}",
            "so it is with customers' mail",
            "journalctl -u mailtriage -n 50",
        )


def silent(reached: Reached, name: str, who: str, why: str) -> Iterator[Finding]:
    """The finding for a place at which nobody answers; a closed one is not silent."""
    if reached.error and reached.error not in {errno.EACCES, errno.EPERM}:
        fault = {
            errno.ENOENT: "there is no such socket",
            errno.ECONNREFUSED: "nobody listens",
            errno.ETIMEDOUT: "nobody answers",
        }.get(reached.error, errno.errorcode.get(reached.error, "it fails"))
        yield Finding(
            name,
            "error",
            f"{who} cannot be reached at {reached.place}: {fault}",
            why,
            "systemctl restart mailtriage; journalctl -u mailtriage -n 20",
        )


def shut(facts: Facts, reached: Reached, name: str, section: str, why: str) -> Iterator[Finding]:
    """The finding for a socket that Postfix's user may not open."""
    if reached.postfix_error not in {errno.EACCES, errno.EPERM}:
        return
    owner = facts.postfix.main.get("mail_owner", "postfix") if facts.postfix else "postfix"
    closed = reached.closed or reached.place.removeprefix("unix:")
    listen = getattr(facts.config, section).listen
    if closed == listen.path:
        mend = (
            f'# In [{section}] write socket_group = "{owner}" and socket_mode = "0660", then:\n'
            "systemctl restart mailtriage"
        )
    else:
        mend = f"chmod o+x {closed}"
    yield Finding(
        name,
        "error",
        f"the user {owner} may not open {reached.place}: {closed} is closed to it",
        why,
        mend,
    )
