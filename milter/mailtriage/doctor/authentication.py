"""Whose word on the sender is believed, and whether anybody can forge it (RFC 8601 section 5)."""

import re
from collections.abc import Iterator
from typing import Final

from mailtriage.config import Config
from mailtriage.doctor.facts import Facts
from mailtriage.doctor.model import Finding

MARK: Final = "doctor.mailtriage.invalid"
"""Domain of the forged result, by which it is known again."""


def nobody_trusted(facts: Facts) -> Iterator[Finding]:
    """results-untrusted: no acknowledgement is ever sent (rule D7)."""
    if answers(facts.config) and not facts.config.authentication.trusted_authserv_ids:
        name = facts.postfix.main.get("myhostname", "") if facts.postfix else ""
        yield Finding(
            "results-untrusted",
            "error",
            "authentication.trusted_authserv_ids is empty",
            "a forged sender cannot be told from a real one, so nobody is acknowledged (rule D7)",
            "# In [authentication] write the name that your DKIM and DMARC milter writes into\n"
            f'# Authentication-Results, as in: trusted_authserv_ids = ["{name or "mx.example"}"]\n'
            "systemctl reload mailtriage",
        )


def results_forgeable(facts: Facts) -> Iterator[Finding]:
    """results-forgeable: a stranger's Authentication-Results count as ours (rule D2)."""
    if facts.forged:
        name = facts.config.authentication.trusted_authserv_ids[0]
        pattern = re.escape(name)
        line = f"/^Authentication-Results:[[:space:]]*{pattern}([[:space:];]|$)/ IGNORE"
        directory = facts.shell.directory
        yield Finding(
            "results-forgeable",
            "error",
            f"Authentication-Results of {name} that a stranger sends along are not removed",
            "he says himself that his sender is real: acknowledgements go to people who never"
            " wrote (RFC 8601 section 5)",
            "# Where results are written by a milter of this Postfix; else do it where they are:\n"
            f"echo '{line}' > {directory}/forged_results.regexp\n"
            + facts.shell.set_main(
                "header_checks", _with(facts, f"regexp:{directory}/forged_results.regexp")
            ),
        )


def answers(config: Config) -> bool:
    """Whether anybody is acknowledged at all, or will be when a dry run is over."""
    planned = {mailbox.planned_ack for mailbox in config.mailboxes.mailboxes}
    return bool(planned & {"send", "deferred"})


def forged_results(config: Config) -> tuple[str, ...]:
    """Fields such as a forger writes, one a method; none where it could not matter.

    One a method, as some milters remove their own alone: OpenDKIM 2.11 takes out results of dkim,
    and leaves those of spf and dmarc in.
    """
    trusted = config.authentication.trusted_authserv_ids
    if not trusted or not answers(config):
        return ()
    methods = ("dkim=pass header.d", "spf=pass smtp.mailfrom", "dmarc=pass header.from")
    return tuple(f"Authentication-Results: {trusted[0]}; {method}={MARK}" for method in methods)


def _with(facts: Facts, table: str) -> str:
    """header_checks with one more table behind the others."""
    written = facts.postfix.written.get("header_checks", "") if facts.postfix else ""
    return f"{written}, {table}" if written else table
