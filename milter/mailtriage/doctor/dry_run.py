"""What is only tried: wished for, and easily forgotten."""

from collections.abc import Iterator

from mailtriage.doctor.facts import Facts
from mailtriage.doctor.model import Finding


def dry_run(facts: Facts) -> Iterator[Finding]:
    """dry-run: for information, what is worked out and not done."""
    trial = facts.config.dry_run
    told = []
    if trial.actions:
        told.append(f"{', '.join(trial.actions)} are only worked out, not done")
    told += [
        f"nothing is done to mail for {mailbox.address}"
        for mailbox in facts.config.mailboxes.mailboxes
        if mailbox.dry_run
    ]
    if trial.policies:
        told.append(f"{', '.join(trial.policies)} count for no tag")
    if told:
        yield Finding(
            "dry-run",
            "info",
            f"a dry run: {'; '.join(told)}",
            "X-Mailtriage-Dry-Run says of each mail what would have been done",
            "# When you have seen enough: take [dry_run], and dry_run of [mailboxes], out of the\n"
            "# configuration, then: systemctl reload mailtriage",
        )
