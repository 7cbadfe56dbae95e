"""What `mailtriage train --feedback` learns from: the corrected mails of an archive."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mailtriage.acks.tokens import Tokens
from mailtriage.config import Config
from mailtriage.labelled import read_labelled
from mailtriage.learning.corrections import Corrected, with_corrections
from mailtriage.mail.model import Limits
from mailtriage.state.feedback import feedback_file, open_feedback
from mailtriage.state.secret import read_secret


class NothingCorrectedError(Exception):
    """There is nothing to learn from; the message says why."""


def corrected_set(
    config: Config, given: Path | None, archives: Sequence[Path], limits: Limits
) -> Corrected:
    """What is labelled at `given`, if anything is, with the corrections over it, and the corrected
    mails of the archives.

    Raises NothingCorrectedError, FeedbackError, SecretError, LabelledError.
    """
    tokens = Tokens(read_secret(config.state.secret))
    feedback = open_feedback(feedback_file(config.state.database))
    if feedback is None:
        raise NothingCorrectedError("nothing has been corrected yet; mailtriage feedback does it")
    with feedback:
        rows = feedback.corrections()
    labelled = read_labelled(given, limits) if given else None
    try:
        found = with_corrections(labelled, archives, rows, tokens, limits)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise NothingCorrectedError(f"{error.filename}: {reason}") from None
    if not found.labelled.examples:
        where = ", ".join(map(str, archives))
        raise NothingCorrectedError(
            f"of {found.corrected} mails whose skill or priority was corrected none is in {where}; "
            "no text of them is kept, so nothing can be learnt without an archive that has them"
        )
    return replace(found, labelled=replace(found.labelled, notes=_notes(found)))


def _notes(found: Corrected) -> tuple[str, ...]:
    note = (
        f"corrected mails: {found.corrected}; {found.used} found in the archive, "
        f"{found.overridden} among the labelled, {found.missing} missing"
    )
    return (*found.labelled.notes, note)


def biased(found: Corrected) -> list[str]:
    """What is to be said of a comparison over the mistakes of one side."""
    if not found.wrong:
        return []
    said = (
        f"{found.wrong} of these mails were corrected because a tag was wrong: over them the model "
        "in use looks worse than it is. Confirm some that were right as well"
    )
    return [said]
