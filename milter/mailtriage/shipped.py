"""Where the data lies that comes with mailtriage: policies and configuration recipes."""

import sys
import sysconfig
from pathlib import Path
from typing import Final

_CHECKOUT: Final = Path(__file__).resolve().parents[2]


def shipped_directory(name: str) -> Path:
    """The shipped directory of that name ("policies", "config").

    It stands beside the code in a source checkout, else under PREFIX/share/mailtriage, where
    setuptools' data-files go. Raises FileNotFoundError, naming every place looked at.
    """
    # Debian's pip installs data under /usr/local while sys.prefix is /usr.
    prefixes = dict.fromkeys((sys.prefix, sysconfig.get_path("data")))
    places = [Path(prefix) / "share" / "mailtriage" / name for prefix in prefixes]
    # In site-packages the same two steps up end in the standard library, which is none of ours.
    if (_CHECKOUT / "pyproject.toml").is_file():
        places.insert(0, _CHECKOUT / name)
    for place in places:
        if place.is_dir():
            return place
    looked = ", ".join(map(str, places))
    raise FileNotFoundError(f"the shipped directory '{name}' is missing; looked at {looked}")
