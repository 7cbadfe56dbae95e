"""A table reader for `mailtriage.toml`: units, addresses and files, and a note of each setting."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, urlsplit

from mailtriage.config.endpoints import (
    HOST_NAME,
    NEXT_HOP_FORM,
    SOCKET_FORM,
    EndpointError,
    Network,
    Networks,
    NextHop,
    SocketAddress,
    parse_network,
    parse_next_hop,
    parse_socket,
)
from mailtriage.config.units import DURATION_FORM, SIZE_FORM, seconds, size_in_bytes
from mailtriage.toml_lines import KeyPath
from mailtriage.toml_source import (
    Problem,
    Required,
    Source,
    TableReader,
    did_you_mean,
    show,
)

_Choice = TypeVar("_Choice", bound=str)
_Parsed = TypeVar("_Parsed")
_PORT_FITS: Final = re.compile(
    r"(?:\[[^\[\]]*\]|[^:\[\]]*)"
    r"(?::(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]))?"
)
"""A host, and a port if there is one (RFC 3986 section 3.2.3)."""

_OCTAL: Final = re.compile(r"0?[0-7]{3}")


@dataclass(frozen=True, slots=True)
class Setting:
    """One key as it applies: from a file, or the default."""

    path: KeyPath
    value: Any
    """As written in the file: text, number, boolean or array of texts."""
    default: Any
    given: bool
    """Whether a file gives it."""


class SettingsReader(TableReader):
    """A `TableReader` that notes each key it is asked for in `settings`, with its default."""

    def __init__(
        self,
        source: Source,
        problems: list[Problem],
        settings: list[Setting],
        data: dict[str, Any] | None = None,
        path: KeyPath = (),
    ) -> None:
        super().__init__(source, problems, data, path)
        self.settings: Final = settings
        self._tables: Final[list[SettingsReader]] = []

    def table(self, key: str) -> "SettingsReader":
        """The table of that name; an empty one when it is missing."""
        path = (*self.path, key)
        table = SettingsReader(self.source, self.problems, self.settings, self.mapping(key), path)
        self._tables.append(table)
        return table

    def finish(self) -> None:
        """Report every key, of this table and those below it, that was never asked for."""
        super().finish()
        for table in self._tables:
            table.finish()

    def peek(self, key: str, default: str) -> str:
        """A string that other keys depend on, before its turn to be read and checked."""
        value = self._data.get(key, default)
        return value if isinstance(value, str) else default

    def choice(self, key: str, default: _Choice, choices: tuple[_Choice, ...]) -> _Choice:
        """One of a few words."""
        value = self.text(key, default, choices=choices)
        return next((choice for choice in choices if choice == value), default)

    def duration(self, key: str, default: str, low: str, high: str) -> float:
        """A duration in seconds, bounds included."""
        value = self._parsed(key, default, seconds, DURATION_FORM)
        if seconds(low) <= value <= seconds(high):
            return value
        self.problem(key, f"{show(self._data[key])} is out of range", f"expected {low} to {high}")
        return seconds(default)

    def size(self, key: str, default: str, low: str, high: str) -> int:
        """A size in bytes, bounds included; a plain number counts bytes."""
        digits = self._data.get(key)
        if isinstance(digits, int) and not isinstance(digits, bool):
            self._given(key, default)
            value = digits
        else:
            value = self._parsed(key, default, size_in_bytes, SIZE_FORM)
        if size_in_bytes(low) <= value <= size_in_bytes(high):
            return value
        self.problem(key, f"{show(self._data[key])} is out of range", f"expected {low} to {high}")
        return size_in_bytes(default)

    def mode(self, key: str, default: str) -> int:
        """Permission bits, written in octal digits."""
        if isinstance(self._data.get(key), int):  # a decimal 660 is 0o1224: surely not meant
            self._given(key, default)
            self.problem(key, "permissions are written as a string", f'for example "{default}"')
            return int(default, 8)
        return self._parsed(key, default, _mode, f'write octal digits, for example "{default}"')

    def socket(self, key: str, default: str) -> SocketAddress:
        """An address to listen on."""
        return self._parsed(key, default, parse_socket, SOCKET_FORM)

    def optional_socket(self, key: str, default: str = "") -> SocketAddress | None:
        """An address to listen on; None when empty."""
        if default and self._data.get(key) == "":
            self._given(key, default)
            return None
        return self._parsed(
            key, default, lambda text: parse_socket(text) if text else None, SOCKET_FORM
        )

    def next_hop(self, key: str, default: str) -> NextHop:
        """A server that mail is handed to."""
        return self._parsed(key, default, parse_next_hop, NEXT_HOP_FORM)

    def host_name(self, key: str) -> str:
        """A host name; empty by default."""
        text = self.text(key, "", empty=True)
        if text and not HOST_NAME.fullmatch(text):
            self.problem(key, f"{show(text)} is not a host name")
        return text

    def items(self, key: str, default: tuple[str, ...] = ()) -> list[tuple[int, str]]:
        """The strings of an array that are not empty, each with its index as written."""
        texts = self.texts(key, default)
        written = self._data.get(key)
        items = written if isinstance(written, list) else texts
        return [(number, text) for number, text in enumerate(items) if text in texts]

    def line_of_text(self, key: str, pattern: re.Pattern[str], what: str, hint: str) -> str:
        """A text of one form; empty by default. One that does not fit is called `what`."""
        text = self.text(key, "", empty=True)
        if text and not pattern.fullmatch(text):
            self.problem(key, f"{show(text)} {what}", hint)
            return ""
        return text

    def words(
        self,
        key: str,
        pattern: re.Pattern[str],
        what: str,
        example: str,
        default: tuple[str, ...] = (),
    ) -> tuple[str, ...]:
        """An array of words of one form, in lower case. One that does not fit is "not `what`"."""
        good = []
        for number, text in self.items(key, default):
            if pattern.fullmatch(text):
                good.append(text.lower())
            else:
                self.problem((key, number), f"{show(text)} is not {what}", f"write {example}")
        return tuple(good)

    def networks(self, key: str, default: tuple[str, ...]) -> Networks:
        """IP networks and single addresses."""
        parsed: list[Network] = []
        for number, text in self.items(key, default):
            try:
                parsed.append(parse_network(text))
            except EndpointError as error:
                self.problem((key, number), str(error), error.hint)
        return Networks(tuple(parsed))

    def file(self, key: str, default: str = "") -> Path | None:
        """An absolute path; None when empty. Whether it is there is not looked at."""
        text = self.text(key, default, empty=True)
        return self._absolute((key,), text) if text else None

    def files(self, key: str) -> tuple[Path, ...]:
        """Absolute paths; none by default. Whether they are there is not looked at."""
        paths = [self._absolute((key, number), text) for number, text in self.items(key)]
        return tuple(path for path in paths if path is not None)

    def url(self, key: str, default: str, schemes: tuple[str, ...]) -> str:
        """A URL of one of the schemes; empty only when that is the default. No message repeats
        it: it may hold a password."""
        text = self.text(key, default, empty=not default)
        if not text:
            return default
        try:
            _check_url(text, schemes)
        except EndpointError as error:
            self.problem(key, str(error), error.hint)
            return default
        return text

    def _hint_for_unknown(self, key: str) -> str:
        sections = [f"[{at.path[0]}]" for at in self.settings if at.path[1:] == (key,)]
        if sections:
            return f"it belongs under {' or '.join(sections)}"
        return super()._hint_for_unknown(key)

    def _given(self, key: str, default: object) -> bool:
        given = super()._given(key, default)
        written = list(default) if isinstance(default, tuple) else default
        if not isinstance(default, Required):
            value = self._data[key] if given else written
            self.settings.append(Setting((*self.path, key), value, written, given))
        return given

    def _parsed(
        self, key: str, default: str, parse: Callable[[str], _Parsed], form: str
    ) -> _Parsed:
        text = self.text(key, default, empty=not default)
        try:
            return parse(text)
        except ValueError as error:
            hint = getattr(error, "hint", "") or form
            self.problem(key, str(error), hint)
            return parse(default)

    def _absolute(self, below: KeyPath, text: str) -> Path | None:
        if text.startswith("/") and "\0" not in text:
            return Path(text)
        self.problem(below, f"{show(text)} is not an absolute path")
        return None


def _mode(text: str) -> int:
    if not _OCTAL.fullmatch(text):
        raise ValueError(f'"{text}" is not a file mode')
    return int(text, 8)


def _check_url(url: str, schemes: tuple[str, ...]) -> None:
    """Raise EndpointError unless the URL has one of the schemes and what that scheme needs."""
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in schemes:
        listed = ", ".join(f"{known}://" for known in schemes)
        hint = did_you_mean(scheme, schemes) if separator else ""
        raise EndpointError(f"the URL must start with one of {listed}", hint)
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may repeat the password
        raise EndpointError("not a URL") from None
    if scheme == "sqlite":
        _check_sqlite(parts)
        return
    hosts = parts.netloc.rpartition("@")[2].split(",")
    if not all(hosts):
        raise EndpointError("the URL names no host", f"write {scheme}://HOST:PORT/DATABASE")
    if not all(map(_PORT_FITS.fullmatch, hosts)):
        # It may be a part of the password, and is not repeated.
        raise EndpointError(
            "the port is not a number from 1 to 65535",
            "in a password write / as %2F, @ as %40, : as %3A, # as %23 and ? as %3F",
        )
    service = parts.path.strip("/").partition("/")[0]
    if scheme == "redis+sentinel" and not service:
        raise EndpointError(
            "the URL names no Sentinel service",
            "write redis+sentinel://HOST:26379,HOST:26379/SERVICE/DATABASE",
        )


def _check_sqlite(parts: SplitResult) -> None:
    if parts.netloc or not parts.path.strip("/"):
        raise EndpointError(
            "the URL names no absolute path", "three slashes: sqlite:///var/lib/mailtriage/state.db"
        )
