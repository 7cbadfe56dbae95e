"""[history]: which past decisions are kept, and for how long."""

from dataclasses import dataclass

from mailtriage.config.reader import SettingsReader


@dataclass(frozen=True, slots=True)
class HistoryConfig:
    """What is kept of mails that were judged. Times in seconds, sizes in bytes."""

    keep: float
    """After that a decision is forgotten; 0: none is ever kept."""
    max_size: int
    """Of the file; where it would grow beyond, the oldest decisions go first."""


def read_history(table: SettingsReader) -> HistoryConfig:
    """Read the section."""
    return HistoryConfig(
        keep=table.duration("keep", "14d", low="0s", high="3650d"),
        max_size=table.size("max_size", "512MiB", low="1MiB", high="1024GiB"),
    )
