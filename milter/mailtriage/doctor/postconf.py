"""Asks Postfix's own programs, which change nothing: postconf(1) and postmap(1)."""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mailtriage.doctor.lists import entries

TIME_LIMIT: Final = 10
"""Seconds for one call. A table may be a server that does not answer."""

_PATH: Final = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/sbin:/bin"
_FIELDS: Final = 8
_OURS: Final = re.compile(r"(?m)^(mailtriage_[a-z]+)[ \t]*=[ \t]*(.*)$")
_WHOLE_ADDRESS_ONLY: Final = ("regexp", "pcre")


class PostfixError(Exception):
    """A program of Postfix did not do what it was asked for; the message is its own."""


@dataclass(frozen=True, slots=True)
class Service:
    """One line of master.cf."""

    name: str
    kind: str
    chroot: bool
    program: str
    options: Mapping[str, str] = field(default_factory=dict)
    """Its own settings (-o), with every $name replaced."""

    @property
    def key(self) -> str:
        """As postconf -P has it: "smtp/inet"."""
        return f"{self.name}/{self.kind}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect, as far as its name tells."""
        host = self.name.rpartition(":")[0].strip("[]")
        return host == "localhost" or host == "::1" or host.startswith("127.")


@dataclass(frozen=True, slots=True)
class Asker:
    """Postfix with a configuration directory (empty: its own)."""

    directory: str = ""

    def run(self, program: str, *arguments: str, lines: Iterable[str] = ()) -> str:
        """What it prints. Raises PostfixError."""
        place = ("-c", self.directory) if self.directory else ()
        try:
            done = subprocess.run(  # noqa: S603  Postfix's own programs, without a shell
                [program, *place, *arguments],
                input="".join(f"{line}\n" for line in lines),
                env={**os.environ, "PATH": _PATH, "LC_ALL": "C"},
                capture_output=True, text=True, errors="replace", timeout=TIME_LIMIT, check=False,
            )  # fmt: skip
        except FileNotFoundError:
            raise PostfixError(f"there is no {program} here") from None
        except subprocess.TimeoutExpired:
            raise PostfixError(f"{program} did not answer in {TIME_LIMIT} seconds") from None
        # postmap -q ends with 1 and without a word where nothing is found.
        if done.returncode and done.stderr.strip():
            raise PostfixError(done.stderr.strip().splitlines()[-1])
        return done.stdout

    def main(self, *, expanded: bool) -> dict[str, str]:
        """All parameters of main.cf, the defaults of Postfix included; `expanded`: every $name
        replaced. Raises PostfixError."""
        found = {}
        for line in self.run("postconf", *(["-x"] if expanded else [])).splitlines():
            name, equals, value = line.partition(" =")
            if equals:
                found[name] = value.strip()
        for name, value in self._unused().items():
            found.setdefault(name, value)
        return found

    def _unused(self) -> dict[str, str]:
        """Our own names in main.cf that nothing refers to, which postconf does not print."""
        directory = self.directory or self.run("postconf", "-h", "config_directory").strip()
        try:
            text = Path(directory, "main.cf").read_text(errors="replace")
        except OSError:
            return {}
        return {name: value.strip() for name, value in _OURS.findall(text)}

    def services(self, *, chroot_by_default: bool) -> tuple[Service, ...]:
        """The services of master.cf. Raises PostfixError."""
        options: dict[str, dict[str, str]] = {}
        for line in self.run("postconf", "-xP").splitlines():
            place, _, value = line.partition(" =")
            service, _, name = place.rpartition("/")
            options.setdefault(service, {})[name] = value.strip()
        found = []
        for line in self.run("postconf", "-M").splitlines():
            words = line.split(None, _FIELDS)
            if len(words) < _FIELDS:
                continue
            name, kind, _private, _unprivileged, chroot = words[:5]
            jailed = chroot_by_default if chroot == "-" else chroot == "y"
            own = options.get(f"{name}/{kind}", {})
            found.append(Service(name, kind, jailed, words[7], own))
        return tuple(found)

    def look_up(self, table: str, keys: Sequence[str]) -> dict[str, str]:
        """What one table has for these keys. Raises PostfixError."""
        if table.startswith("{") or ":" not in table:
            return {}
        found = {}
        for line in self.run("postmap", "-q", "-", table, lines=keys).splitlines():
            key, tab, value = line.partition("\t")
            if tab:
                found[key] = value.strip()
        return found

    def first(self, tables: str, keys: Sequence[str]) -> dict[str, str]:
        """For each key the answer of the first table that has one. Raises PostfixError."""
        found: dict[str, str] = {}
        for table in entries(tables):
            left = [key for key in keys if key not in found]
            found.update(self.look_up(table, left) if left else {})
        return found

    def address(self, tables: str, address: str) -> str:
        """What a list of tables has for an address: all are asked for the whole address before any
        is asked for its domain, and patterns for the whole address alone. Raises PostfixError."""
        domain = f"@{address.rpartition('@')[2]}"
        by_name = ", ".join(
            table for table in entries(tables) if table.partition(":")[0] not in _WHOLE_ADDRESS_ONLY
        )
        whole = self.first(tables, [address])
        return whole.get(address) or self.first(by_name, [domain]).get(domain, "")
