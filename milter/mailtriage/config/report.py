"""How a check across several keys says what it found."""

import re
from typing import Final, Protocol

from mailtriage.toml_lines import KeyPath

NOT_FOR_MAIN_CF: Final = re.compile(r"""[\s,{}$'"\\`]""")
"""What a path may not hold that has to be written into main.cf or master.cf."""


class Report(Protocol):
    """Takes one problem with the key at `path`."""

    def __call__(
        self, path: KeyPath, what: str, hint: str = "", *, warning: bool = False
    ) -> None: ...
