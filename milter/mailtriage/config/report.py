"""How a check across several keys says what it found."""

from typing import Protocol

from mailtriage.toml_lines import KeyPath


class Report(Protocol):
    """Takes one problem with the key at `path`."""

    def __call__(
        self, path: KeyPath, what: str, hint: str = "", *, warning: bool = False
    ) -> None: ...
