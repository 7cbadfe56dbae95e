"""The configuration: `/etc/mailtriage/mailtriage.toml`, `conf.d/*.toml`, and the defaults.

`load` reads, merges and checks it, and either gives a complete `Config` or lists every mistake of
every file at once. `describe` says which value each key has, and where it came from.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mailtriage.config.acks import AckConfig, Calendar, DeskConfig, Targets
from mailtriage.config.checks import cross_check
from mailtriage.config.endpoints import (
    EndpointError,
    Networks,
    NextHop,
    SocketAddress,
    parse_next_hop,
    parse_socket,
)
from mailtriage.config.layers import Layers
from mailtriage.config.mailboxes import AckMode, Mailbox, Mailboxes
from mailtriage.config.reader import Setting, SettingsReader
from mailtriage.config.report import Report
from mailtriage.config.sections import (
    AuthenticationConfig,
    Config,
    CustomersConfig,
    LogConfig,
    MilterConfig,
    NetworksConfig,
    PoliciesConfig,
    SmtpConfig,
    StateConfig,
    read_sections,
)
from mailtriage.toml_lines import KeyPath
from mailtriage.toml_source import Problem, SourceError, dotted, read_source

__all__ = [
    "AckConfig",
    "AckMode",
    "AuthenticationConfig",
    "Calendar",
    "Config",
    "ConfigError",
    "CustomersConfig",
    "DeskConfig",
    "EndpointError",
    "Loaded",
    "LogConfig",
    "Mailbox",
    "Mailboxes",
    "MilterConfig",
    "Networks",
    "NetworksConfig",
    "NextHop",
    "PoliciesConfig",
    "Setting",
    "SmtpConfig",
    "SocketAddress",
    "StateConfig",
    "Targets",
    "describe",
    "load",
    "parse_next_hop",
    "parse_socket",
]

DIRECTORY: Final = Path("/etc/mailtriage")
MAIN_FILE: Final = "mailtriage.toml"
PARTS: Final = "conf.d"

_LOGIN: Final = re.compile(r"://([^:/@]*):.*@")
_PASSWORD: Final = re.compile(r"([?&][a-z_]*password=)[^&]*")


class ConfigError(Exception):
    """A configuration that must not be used."""

    def __init__(self, problems: tuple[Problem, ...], understood: Config) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems: Final = problems
        """Sorted; errors, and what warnings there are besides."""
        self.understood: Final = understood
        """What could be read of it, with defaults for the rest: good for finding more mistakes."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that is fit for use."""

    config: Config
    problems: tuple[Problem, ...]
    """Warnings only, sorted."""
    files: tuple[str, ...]
    """What was read, in the order in which later files override earlier ones."""
    settings: tuple[Setting, ...]
    """Every key, in the order of the sections."""
    layers: Layers

    def problem(
        self, path: KeyPath, what: str, hint: str = "", *, warning: bool = False
    ) -> Problem:
        """A problem with the key at `path`, with the file and line that it stands in."""
        return Problem(*self.layers.locate(path), dotted(path), what, hint, warning)


def load(files: Sequence[Path] | None = None, *, directory: Path = DIRECTORY) -> Loaded:
    """Read and check the configuration.

    Without `files`, `mailtriage.toml` and `conf.d/*.toml` (by name) of `directory` are read, as far
    as they are there; `files` replaces them. Of two files that give the same key the later counts.
    Raises ConfigError with the problems of all files.
    """
    problems: list[Problem] = []
    sources = []
    for file in files or _default_files(directory, problems):
        try:
            sources.append(read_source(file))
        except SourceError as error:
            problems.extend(error.problems)
    all_read = not problems
    # Each file alone first: a mistake counts even where a later file overrides it.
    for source in sources:
        read_sections(SettingsReader(source, problems, []))
    layers = Layers(sources, str(directory / MAIN_FILE))
    settings: list[Setting] = []
    config = read_sections(SettingsReader(layers, problems, settings))
    if all_read:
        cross_check(config, _reporter(layers, problems))
    listed = tuple(sorted(set(problems)))
    if not all(problem.warning for problem in listed):
        raise ConfigError(listed, config)
    files_read = tuple(source.file for source in sources)
    return Loaded(config, listed, files_read, tuple(settings), layers)


def describe(loaded: Loaded, *, changed: bool = False) -> list[tuple[str, str, str]]:
    """The effective configuration: (dotted key, value in TOML, origin) of every key.

    The origin is "file:line" or "default"; `changed` leaves only what differs from the default.
    Passwords in URLs are masked.
    """
    rows = []
    for setting in loaded.settings:
        if changed and setting.value == setting.default:
            continue
        origin = "default"
        if setting.given:
            origin = "{}:{}".format(*loaded.layers.locate(setting.path))
        rows.append((dotted(setting.path), _toml(setting.value), origin))
    return rows


def _default_files(directory: Path, problems: list[Problem]) -> list[Path]:
    """The files of the configuration directory that are there, whether readable or not."""
    files = []
    main, parts = directory / MAIN_FILE, directory / PARTS
    try:
        main.lstat()
        files.append(main)
    except FileNotFoundError:
        pass
    except OSError:
        files.append(main)  # reading it will say why not
    try:
        # Names that begin with a dot are an editor's unfinished business.
        files += sorted(
            part
            for part in parts.iterdir()
            if part.suffix == ".toml" and not part.name.startswith(".")
        )
    except FileNotFoundError:
        pass
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        problems.append(Problem(str(parts), 1, "", f"cannot be listed: {reason}"))
    return files


def _reporter(layers: Layers, problems: list[Problem]) -> Report:
    # A key that was not understood has its default here: what would follow from that is no news.
    wrong = {_without_index(problem.path) for problem in problems}

    def report(path: KeyPath, what: str, hint: str = "", *, warning: bool = False) -> None:
        name = dotted(path)
        if _without_index(name) not in wrong:
            problems.append(Problem(*layers.locate(path), name, what, hint, warning))

    return report


def _without_index(name: str) -> str:
    return name.partition("[")[0]


def _toml(value: Any) -> str:
    """A setting as TOML, passwords masked. JSON's strings, numbers and arrays are TOML's too."""
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        value = _PASSWORD.sub(r"\1***", _LOGIN.sub(r"://\1:***@", value))
    return json.dumps(value, ensure_ascii=False)
