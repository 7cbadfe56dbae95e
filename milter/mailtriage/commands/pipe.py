"""mailtriage pipe: our facts as arguments of the program that takes mail in for a helpdesk.

Some helpdesks read no header, but their gateways have options: rt-mailgate --queue, Redmine's
rdm-mailhandler.rb --priority. Postfix's pipe(8) calls this instead, with the gateway behind `--`.

Whatever goes wrong here, the mail goes on: with the words of a mail of which nothing is known, or
back into Postfix's queue (EX_TEMPFAIL of sysexits.h), never to the sender. What the gateway itself
makes of the mail is its own affair, and its exit code is ours.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from mailtriage.acks.tokens import Tokens
from mailtriage.commands.pipe_seal import sealed_facts
from mailtriage.commands.terminal import to_terminal
from mailtriage.config import Config, ConfigError, load
from mailtriage.config.facts import FACTS, filled, placeholders
from mailtriage.config.profile_sections import find_profile
from mailtriage.config.profiles import GENERIC, Profile
from mailtriage.faults import place_of
from mailtriage.mail.fields import split_fields
from mailtriage.state.secret import SecretError, read_secret
from mailtriage.tags.native import facts_of, value_of
from mailtriage.tags.vocabulary import fields
from mailtriage.triage.model import Triage
from mailtriage.triage.priority import NORMAL_SCORE

TEMPFAIL: Final = os.EX_TEMPFAIL
"""75: Postfix's pipe(8) keeps the mail and tries again."""

_LOOKED_AT: Final = 1 << 20
"""Bytes of the mail that are looked at; the rest goes through untouched."""
# Never what a program would take for an option.
_TOKEN: Final = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
_BRACES: Final = re.compile(r"\{([^{}]*)\}")
# Postfix gives the null sender of a bounce this name (pipe(8), null_sender).
_NULL_SENDER: Final = "MAILER-DAEMON"


class CommandError(ValueError):
    """A command line that cannot be meant."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the mail, in words."""

    facts: Mapping[str, str]
    profile: Profile


def run_pipe(
    files: Sequence[Path] | None,
    command: Sequence[str],
    *,
    profile: str,
    sender: str | None,
    trusted: bool,
) -> int:
    """Hand the mail on standard input to `command`, its placeholders filled; its exit code.

    `profile`: whose words are used; empty: that of the mailbox that the mail came to. `sender`:
    the reverse-path, None to take it from Return-Path; `trusted`: believe the header without a
    seal, as nobody else can write to whoever calls. 75 when the command cannot be run, and when
    anything else goes wrong: any other code would lose the mail (0) or return it to its sender.
    """
    try:
        return _run(files, command, profile=profile, sender=sender, trusted=trusted)
    except (Exception, KeyboardInterrupt) as fault:  # noqa: BLE001  Postfix keeps the mail
        _say(f"mailtriage pipe: {place_of(fault)}")
        return TEMPFAIL


def _run(
    files: Sequence[Path] | None,
    command: Sequence[str],
    *,
    profile: str,
    sender: str | None,
    trusted: bool,
) -> int:
    if not command:
        _say("mailtriage pipe: which command? Write it behind --")
        return TEMPFAIL
    raw = sys.stdin.buffer
    begin = raw.read(_LOOKED_AT)
    known = Known(neutral_facts(), GENERIC)
    try:
        known = _known(files, begin, profile, sender, trusted=trusted)
    except Exception as fault:  # noqa: BLE001  the mail goes on
        _say(f"mailtriage pipe: {place_of(fault)}: nothing is known of this mail")
    try:
        arguments = filled_command(command, known)
    except CommandError as error:
        _say(f"mailtriage pipe: {error}")
        return TEMPFAIL
    return _hand_on(arguments, begin, raw)


def neutral_facts() -> dict[str, str]:
    """Those of a mail that nobody has looked at."""
    return facts_of(fields(Triage(score=NORMAL_SCORE)))


def filled_command(command: Sequence[str], known: Known) -> list[str]:
    """The command with its placeholders filled: `{queue}` is an entry of the profile, else a fact,
    `{queue:General}` has a word for where there is none.

    An argument without a word for its placeholder is left out, and the option before it. Raises
    CommandError for a placeholder that is neither and has no such word. In an argument with an "@"
    both stay as they are: it may be an address from the envelope, where a stranger may write braces
    (RFC 5322 section 3.2.3).
    """
    arguments: list[str] = []
    for argument in command:
        if "@" in _BRACES.sub("", argument):
            arguments.append(_BRACES.sub(lambda place: _word_in_address(place, known), argument))
            continue
        words: dict[str, str] = {}
        try:
            names = placeholders(argument)
        except ValueError as error:
            raise CommandError(f"'{argument}': {error}; write '{{{{' for a brace") from None
        for name in names:
            words[name] = _word(name, known)
        if all(words.values()):
            arguments.append(filled(argument, words))
        elif arguments and arguments[-1].startswith("-") and "=" not in arguments[-1]:
            arguments.pop()
    return arguments


def _word_in_address(place: re.Match[str], known: Known) -> str:
    """The word for a placeholder; the placeholder itself where there is none."""
    name = place[1].partition(":")[0]
    there = name in FACTS or name in (emit.name for emit in known.profile.emits)
    return (_word(place[1], known) if there else "") or place[0]


def _word(place: str, known: Known) -> str:
    name, _, fallback = place.partition(":")
    for emit in known.profile.emits:
        if emit.name == name:
            return value_of(emit, known.facts) or fallback
    if name in FACTS:
        return known.facts[name]
    entries = [emit.name for emit in known.profile.emits]
    what = f"'{{{place}}}': the profile has only {', '.join((*entries, *FACTS))}"
    if not fallback:
        raise CommandError(what)
    _say(f"mailtriage pipe: {what}")
    return fallback


def _known(
    files: Sequence[Path] | None, begin: bytes, profile: str, sender: str | None, *, trusted: bool
) -> Known:
    config = _config(files)
    split, body_at, _ = split_fields(begin)
    raw_fields = [(name.decode("ascii", "surrogateescape"), value) for name, value in split]
    header = [(name, value.decode("latin-1").strip()) for name, value in raw_fields]
    mailbox_profile = ""
    facts: dict[str, str] | None = None
    if trusted:
        facts = facts_of(header)
    else:
        sealed = sealed_facts(
            raw_fields, begin[body_at:], _reverse_path(header, sender), config, _tokens(config)
        )
        if sealed is not None:
            facts, mailbox_profile = sealed
    name = profile or mailbox_profile or _only_profile(config)
    found = find_profile(config.profiles, name) or GENERIC
    if facts is None or not _complete(facts):
        _say("mailtriage pipe: the mail has no valid seal: it counts as one not looked at")
        facts = neutral_facts()
    return Known(facts, found)


def _only_profile(config: Config) -> str:
    """The profile of all mailboxes, if they have the same."""
    names = {mailbox.profile for mailbox in config.mailboxes.mailboxes}
    return names.pop() if len(names) == 1 else ""


def _config(files: Sequence[Path] | None) -> Config:
    try:
        return load(files).config
    except ConfigError as error:
        _say(str(error))
        return error.understood


def _tokens(config: Config) -> Tokens | None:
    try:
        return Tokens(read_secret(config.state.secret))
    except SecretError as error:
        _say(f"mailtriage pipe: {error}")
        return None


def _reverse_path(header: Sequence[tuple[str, str]], sender: str | None) -> str:
    if sender is None:
        found = next((value for name, value in header if name.lower() == "return-path"), "")
        sender = found.encode("latin-1").decode("utf-8", "replace")  # as the door reads it
    sender = sender.strip().strip("<>")
    return "" if sender == _NULL_SENDER else sender


def _say(text: str) -> None:
    """A line for Postfix's log, where it can be written."""
    try:
        to_terminal(text)
    except Exception:  # noqa: BLE001  no mail hangs on a line in a log
        # Without this Python would try again at its end, and its exit code would be 120.
        sys.stderr = io.StringIO()


def _complete(facts: Mapping[str, str]) -> bool:
    return all(_TOKEN.fullmatch(facts.get(fact, "")) for fact in FACTS)


def _hand_on(arguments: Sequence[str], begin: bytes, rest: IO[bytes]) -> int:
    """Run the command with the whole mail on its standard input."""
    try:
        gateway = subprocess.Popen(arguments, stdin=subprocess.PIPE)  # noqa: S603  the administrator's own command, no shell
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        _say(f"mailtriage pipe: {arguments[0]} cannot be run: {reason}")
        return TEMPFAIL
    assert gateway.stdin is not None  # noqa: S101  it was asked for
    # A broken pipe: it has read enough, and its exit code tells.
    with contextlib.suppress(BrokenPipeError), gateway.stdin as stdin:
        stdin.write(begin)
        shutil.copyfileobj(rest, stdin)
    code = gateway.wait()
    if code < 0:
        _say(f"mailtriage pipe: {arguments[0]} was ended by signal {-code}")
        return TEMPFAIL
    return code
