"""Lists as main.cf has them: separated by commas or blanks, but not inside of braces."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

_SEPARATORS: Final = ", \t\r\n"


def entries(value: str) -> list[str]:
    """The entries of a list; one in braces keeps them."""
    found, word, depth = [], "", 0
    for letter in value:
        depth += (letter == "{") - (letter == "}")
        if letter in _SEPARATORS and depth <= 0:
            found.append(word)
            word = ""
        else:
            word += letter
    found.append(word)
    return [entry for entry in found if entry]


@dataclass(frozen=True, slots=True)
class MilterEntry:
    """One entry of smtpd_milters (Postfix 3.0 and later: `{ ADDRESS, NAME = VALUE ... }`)."""

    text: str
    address: str
    settings: dict[str, str]


def milter_entry_of(text: str) -> MilterEntry:
    """An entry of `entries(smtpd_milters)`."""
    if not text.startswith("{"):
        return MilterEntry(text, text, {})
    inside = text.strip().removeprefix("{").removesuffix("}")
    address, *settings = [part.strip() for part in inside.split(",")]
    # Blanks separate as well as commas, but there may be blanks around "=".
    first, *more = address.split(None, 1)
    pairs = [
        part.partition("=")
        for setting in (*more, *settings)
        for part in setting.replace(" = ", "=").replace("= ", "=").replace(" =", "=").split()
    ]
    return MilterEntry(text, first, {name: value for name, _, value in pairs})


def milters(value: str) -> list[MilterEntry]:
    """The milters of a list, in the order in which they see a mail."""
    return [milter_entry_of(text) for text in entries(value)]


def socket_path(address: str, queue: str, *, chroot: bool) -> str:
    """The file that "unix:PATH" means to a daemon of Postfix, which runs in its queue directory;
    empty for addresses of other kinds. After chroot(2) that directory is its root."""
    kind, _, path = address.partition(":")
    if kind not in {"unix", "local"}:
        return ""
    if chroot:
        path = path.lstrip("/")
    return str(PurePosixPath(queue) / path)


def seconds(text: str) -> float:
    """A time of main.cf in seconds ("20s", "2m"); without a unit it is in seconds."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    text = text.strip()
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    return float(number) * units[unit] if number.isdecimal() else 0.0
