"""What commands say to whoever called them."""

import sys


def to_terminal(text: str) -> None:
    """A message on standard error."""
    sys.stderr.write(f"{text}\n")
