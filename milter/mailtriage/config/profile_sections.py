"""[profiles.NAME]: what only the organisation knows about its helpdesk, laid over the profile."""

from collections.abc import Mapping
from dataclasses import replace

from mailtriage.config.profile_file import (
    FIELD_NAME,
    PROFILE_NAME,
    read_profile,
    read_words,
    shipped_profile,
    shipped_profiles,
    version,
)
from mailtriage.config.profiles import GENERIC, Emit, Profile
from mailtriage.config.reader import SettingsReader
from mailtriage.toml_source import SourceError, did_you_mean, show

Profiles = Mapping[str, Profile]


def read_profiles(table: SettingsReader) -> dict[str, Profile]:
    """The profiles that have a section, as the organisation runs them."""
    return {name: _profile(table, name) for name in table.names()}


def find_profile(profiles: Profiles, name: str) -> Profile | None:
    """The profile that a mailbox names: one with a section, else a shipped one; None: neither."""
    return profiles.get(name) or shipped_profile(name)


def profile_names(profiles: Profiles) -> list[str]:
    """Every name that a mailbox may give."""
    return sorted({*profiles, *shipped_profiles()})


def _profile(profiles: SettingsReader, name: str) -> Profile:
    table = profiles.table(name)
    if not PROFILE_NAME.fullmatch(name):
        profiles.problem(name, f"{show(name)} does not fit {PROFILE_NAME.pattern}")
    profile = replace(_foundation(table, name), name=name)
    running: tuple[int, ...] = ()
    try:
        running = version(table.text("version", "", empty=True))
    except ValueError as error:
        table.problem("version", str(error), 'write "6.6"')
    emits = {emit.name: emit for emit in profile.emits}
    for number, off in table.items("off"):
        if emits.pop(off, None) is None:
            known = [emit.name for emit in profile.emits]
            what = f"the profile sends no '{off}'"
            table.problem(("off", number), what, did_you_mean(off, known) or _one_of(known))
    headers = _headers(table.table("headers"), emits)
    words = _maps(table.table("map"), emits)
    changed = (
        replace(
            emit,
            header=headers.get(name, emit.header),
            words={**emit.words, **words.get(name, {})},
        )
        for name, emit in emits.items()
    )
    # What is switched off or renamed is believed by the helpdesk all the same.
    strip = (*profile.strip, *(emit.header for emit in profile.emits if emit.header))
    return replace(profile, emits=tuple(changed), strip=strip, version=running)


def _foundation(table: SettingsReader, name: str) -> Profile:
    """The profile that the section changes: a file of one's own, a shipped one, or `base`."""
    base = table.text("base", "", empty=True)
    file = table.file("file")
    if file is not None:
        if base:
            table.problem("base", "a profile with a file of its own has no other base")
        try:
            return read_profile(name, file)
        except SourceError as error:
            table.problems.extend(error.problems)
            return GENERIC
    known = list(shipped_profiles())
    found = shipped_profile(base or name)
    if found is not None:
        return found
    what = f"there is no helpdesk profile '{base or name}'"
    hint = did_you_mean(base or name, known) or 'name the one that it stands on in "base"'
    table.problem("base" if base else None, what, hint)
    return GENERIC


def _headers(table: SettingsReader, emits: Mapping[str, Emit]) -> dict[str, str]:
    """Entry to the name of its field."""
    renamed = {}
    for name in table.names():
        header = table.text(name, "", pattern=FIELD_NAME)
        if name not in emits:
            what = f"the profile sends no '{name}'"
            table.problem(name, what, did_you_mean(name, emits) or _one_of(list(emits)))
        elif header:
            renamed[name] = header
    return renamed


def _maps(table: SettingsReader, emits: Mapping[str, Emit]) -> dict[str, dict[str, str]]:
    """Entry to what its map is changed in."""
    mapped = {}
    for name in table.names():
        emit = emits.get(name)
        fact = emit.fact if emit else ""
        words = read_words(table.table(name), fact)
        if emit is None:
            what = f"the profile has no '{name}' to map"
            table.problem(name, what, did_you_mean(name, emits) or _one_of(list(emits)))
        elif not fact:
            table.problem(name, f"'{name}' is made of several facts: it has no map")
        else:
            mapped[name] = words
    return mapped


def _one_of(names: list[str]) -> str:
    return f"one of {', '.join(names)}" if names else ""
