"""What commands say to whoever called them."""

import re
import sys
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def to_terminal(text: str) -> None:
    """A message on standard error."""
    sys.stderr.write(f"{text}\n")


def harmless(text: str) -> str:
    """Words of a mail, fit to be shown: an escape sequence in them must not steer the terminal.

    Control characters but tab and line feed become what Python calls them: `\\x1b`.
    """
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)
