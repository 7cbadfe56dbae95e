"""How the desk tells what it does; the process that it runs in decides where that goes."""

from collections.abc import Callable, Mapping
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]

Report = Callable[[Level, Mapping[str, object]], None]
"""Takes one line for the log, as fields."""
