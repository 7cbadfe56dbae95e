"""The door of this room: finds out what a path holds, and reads it."""

from pathlib import Path
from typing import Final

from mailtriage.labelled.collect import Collector, TooMany, why_unreadable, within
from mailtriage.labelled.folders import has_folders, is_maildir, read_folders
from mailtriage.labelled.jsonl import read_jsonl
from mailtriage.labelled.lines import head, plain_name
from mailtriage.labelled.model import LabelledSet
from mailtriage.labelled.tables import read_table
from mailtriage.mail.model import Limits

NAMES: Final = ("gold.jsonl", "gold.jsonl.gz", "labels.jsonl", "labels.jsonl.gz")
"""The file of labels in a folder that may hold others."""

_JSONL: Final = (".jsonl", ".ndjson")
_TABLES: Final = (".csv", ".tsv")
_FORMS: Final = (
    "expected labels.jsonl beside the mails, .jsonl or .csv files, or one folder of mails a skill"
)
_DEFAULT_LIMITS: Final = Limits()


def read_labelled(path: Path, limits: Limits = _DEFAULT_LIMITS) -> LabelledSet:
    """Every labelled mail and utterance at that path.

    A folder of mails with gold.jsonl or labels.jsonl; a folder of JSONL or CSV files; a folder or
    Maildir with one sub-folder a skill; a file of JSONL, CSV or TSV, or an mbox with its CSV; any
    of the files may be a .gz. Raises LabelledError with everything that is wrong.
    """
    into = Collector(path, limits)
    try:
        if path.is_dir():
            _folder(path, into)
        else:
            _file(path, into)
    except TooMany:
        pass
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        into.problem(Path(error.filename or path), 1, f"cannot be read: {reason}")
    return into.finish()


def _folder(path: Path, into: Collector) -> None:
    given = [path / name for name in NAMES if (path / name).exists()]
    if len(given) > 1:
        what = f"there is {given[1].name} beside it"
        into.problem(given[0], 1, what, "name the one that is meant")
        return
    files = given or [
        file
        for file in sorted(path.iterdir())
        if plain_name(file).suffix.lower() in (*_JSONL, *_TABLES)
        and not file.name.startswith(".")
        and within(path, file.name)
    ]
    if files:
        for file in files:
            _labels(file, into)
    elif is_maildir(path) or has_folders(path):
        read_folders(path, into)
    else:
        into.problem(path, 1, "no labels are here", _FORMS)


def _file(path: Path, into: Collector) -> None:
    reason = why_unreadable(path)
    if reason:
        into.problem(path, 1, f"cannot be read: {reason}")
    elif head(path).startswith(b"From "):
        _mbox(path, into)
    else:
        _labels(path, into)


def _labels(file: Path, into: Collector) -> None:
    """A file of JSONL or a table, by what stands there: an object begins with a brace."""
    begin = head(file).lstrip()
    if begin.startswith(b"[") and plain_name(file).suffix.lower() == ".json":
        into.problem(file, 1, "an array of JSON", "write one object a line: jq -c '.[]'")
    elif begin.startswith((b"{", b"[")) or plain_name(file).suffix.lower() in _JSONL:
        read_jsonl(file, into)
    else:
        read_table(file, into)


def _mbox(path: Path, into: Collector) -> None:
    names = [path.with_suffix(suffix) for suffix in (".csv", ".tsv", ".csv.gz", ".tsv.gz")]
    tables = [name for name in names if name.exists()]
    if tables:
        read_table(tables[0], into)
    else:
        what = "no labels are beside it"
        into.problem(path, 1, what, f"write {names[0].name}: message_id,skill,priority,…")
