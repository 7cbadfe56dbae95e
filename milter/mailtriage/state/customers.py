"""The organisation's customer list in CSV or TOML files, held in memory.

A file has one customer a line, `address-or-domain,tier`; a TOML file has one table of the same.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from mailtriage.toml_source import Problem, Source, SourceError, did_you_mean, read_source
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.model import Tier

TIERS: Final = tuple(tier.value for tier in Tier if tier is not Tier.UNKNOWN)

_KEY: Final = re.compile(r"([^@\s]+@)?[^@\s.*]+(\.[^@\s.*]+)+")


class CustomerFileError(Exception):
    """A customer list that must not be used; holds every problem of every file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems: Final = tuple(problems)


def read_customers(files: Sequence[Path]) -> FixedCustomers:
    """Read customer files; a later file overrides an earlier one. Raises CustomerFileError."""
    problems: list[Problem] = []
    tiers: dict[str, Tier] = {}
    for file in files:
        rows = _toml_rows(file, problems) if file.suffix == ".toml" else _csv_rows(file, problems)
        for line, who, tier in rows:
            key = who.strip().lower().removeprefix("@")
            name = tier.strip().lower()
            if not _KEY.fullmatch(key):
                what = f"'{who[:60]}' is neither an address nor a domain"
                hint = "a domain covers its sub-domains" if "*" in key else ""
                problems.append(Problem(str(file), line, "", what, hint))
            elif name not in TIERS:
                what = f"'{tier[:40]}' is no tier"
                hint = did_you_mean(name, TIERS) or f"one of {', '.join(TIERS)}"
                problems.append(Problem(str(file), line, "", what, hint))
            else:
                tiers[key] = Tier(name)
    if problems:
        raise CustomerFileError(problems)
    return FixedCustomers(tiers)


_Row = tuple[int, str, str]
"""Line, address or domain, tier."""


def _csv_rows(file: Path, problems: list[Problem]) -> list[_Row]:
    """The rows without blank lines, `#` comments and the heading, if there is one."""
    rows: list[_Row] = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            for row in reader:
                if not row or not row[0].strip() or row[0].lstrip().startswith("#"):
                    continue
                if len(row) < 2:
                    what = "expected address-or-domain,tier"
                    hint = "the two are separated by a comma" if ";" in row[0] else ""
                    problems.append(Problem(str(file), reader.line_num, "", what, hint))
                elif rows or row[1].strip().lower() != "tier":
                    rows.append((reader.line_num, row[0], row[1]))
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        problems.append(Problem(str(file), 1, "", f"cannot be read: {reason}"))
    except (UnicodeDecodeError, csv.Error) as error:
        problems.append(Problem(str(file), 1, "", f"not a CSV file in UTF-8: {error}"))
    return rows


def _toml_rows(file: Path, problems: list[Problem]) -> list[_Row]:
    try:
        source = read_source(file)
    except SourceError as error:
        problems.extend(error.problems)
        return []
    return list(_flat(source, (), source.data))


def _flat(source: Source, path: tuple[str, ...], table: Mapping[str, object]) -> Iterator[_Row]:
    """To TOML a domain without quotes, `northwind.example = "vip"`, is a table in a table."""
    for key, value in table.items():
        here = (*path, key)
        if isinstance(value, dict):
            yield from _flat(source, here, value)
        else:
            yield source.line(here), ".".join(here), str(value)
