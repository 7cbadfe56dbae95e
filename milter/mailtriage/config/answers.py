"""[answers]: the templates that agents answer with, and what is looked at in their answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailtriage.config.reader import SettingsReader

DEFAULT_INDEX: Final = Path("/var/lib/mailtriage/answers.idx")


@dataclass(frozen=True, slots=True)
class AnswersConfig:
    """[answers]."""

    folder: Path | None
    """Holds a file for each template; None: there are none."""
    index: Path
    """What `kb build` makes of the folder."""
    threshold: float
    """Confidence from which a template is suggested."""
    checks: bool
    """Whether answers that go out are looked at: language, greeting, closing, links, template."""


def read_answers(table: SettingsReader) -> AnswersConfig:
    """Read the section."""
    return AnswersConfig(
        folder=table.file("folder"),
        index=table.file("index", str(DEFAULT_INDEX)) or DEFAULT_INDEX,
        threshold=table.number("threshold", 0.30, low=0.05, high=1.0),
        checks=table.boolean("checks", default=True),
    )
