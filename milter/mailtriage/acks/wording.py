"""Moments as people read them: weekday, date, time and time zone, in their language.

The names of days, months and zones are those of the Unicode CLDR, through Babel. How they are put
together is written out below: CLDR's own patterns for a date with a time are made for tables
("h:mm a"), and are not what stands in a letter.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time, get_timezone_name


@dataclass(frozen=True, slots=True)
class _Style:
    pattern: str
    """CLDR date pattern; it begins with no preposition, so that any may stand before it."""
    locale: str
    """Whose names of days and months are taken."""
    zones: tuple[str, ...]
    """Whose abbreviations of time zones are taken, the first that has one."""


_STYLES: Final = {
    "da": _Style("EEEE 'den' d. MMMM y 'kl.' HH.mm", "da", ("da",)),
    "de": _Style("EEEE, d. MMMM y, HH:mm 'Uhr'", "de", ("de",)),
    # Day before month, and 24 hours: understood by all who read English somewhere in the world.
    "en": _Style("EEEE, d MMMM y 'at' HH:mm", "en_GB", ("en_GB", "en_US")),
    "es": _Style("EEEE, d 'de' MMMM 'de' y, 'a las' H:mm", "es", ("es",)),
    # EEEE is the essive ("keskiviikkona", on Wednesday): it stands alone and after "viimeistään".
    "fi": _Style("EEEE d. MMMM y 'klo' H.mm", "fi", ()),
    # CLDR 47 has "EEST" as French for Helsinki's winter time, too: the offset is never wrong.
    "fr": _Style("EEEE d MMMM y 'à' HH:mm", "fr", ()),
    "it": _Style("EEEE d MMMM y 'alle ore' HH:mm", "it", ("it",)),
    "nb": _Style("EEEE d. MMMM y 'kl.' HH.mm", "nb", ("nb",)),
    "nl": _Style("EEEE d MMMM y 'om' HH.mm 'uur'", "nl", ("nl",)),
    # The weekday would have to be inflected for what stands before it; in brackets it need not.
    "pl": _Style("d MMMM y 'r'. (EEEE), 'godz'. HH:mm", "pl", ("pl",)),
    "pt": _Style("EEEE, d 'de' MMMM 'de' y, 'às' HH:mm", "pt", ("pt_PT",)),
    "sv": _Style("EEEE d MMMM y 'kl.' HH.mm", "sv", ("sv",)),
}

_ABBREVIATION: Final = re.compile(r"[A-Z]{2,5}")


def moment(at: float, zone: ZoneInfo, language: str) -> str:
    """A moment in words: "Mittwoch, 25. November 2026, 12:00 Uhr MEZ".

    `at`: seconds since the epoch; `language`: a language code ("de"). One that is not among those
    of the shipped texts is written as CLDR has it; one that CLDR lacks, in English. Blanks are
    plain ones. Raises OverflowError or ValueError for moments outside the years 1 to 9999.
    """
    return _of_minute(at // 60 * 60, zone, language)


# A hundred microseconds each; and mails of one minute, promises of one hour, are worded alike.
@lru_cache(maxsize=1024)
def _of_minute(at: float, zone: ZoneInfo, language: str) -> str:
    when = datetime.fromtimestamp(at, zone)
    style = _STYLES.get(language)
    if style is None:
        return _plain_blanks(_as_cldr_has_it(when, language))
    pattern = _inflected(style.pattern, language, when)
    text = format_datetime(when, pattern, locale=style.locale)
    return _plain_blanks(f"{text} {_zone(when, style.zones)}")


def _inflected(pattern: str, language: str, when: datetime) -> str:
    """One o'clock is singular in Spanish and Portuguese, and the first an ordinal in French."""
    if language == "es" and when.hour == 1:
        return pattern.replace("a las", "a la")
    if language == "pt" and when.hour == 1:
        return pattern.replace("às", "à")
    if language == "fr" and when.day == 1:
        return pattern.replace("d MMMM", "d'er' MMMM")
    return pattern


def _as_cldr_has_it(when: datetime, language: str) -> str:
    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return moment(when.timestamp(), ZoneInfo(str(when.tzinfo)), "en")
    date = format_date(when, "full", locale=locale)
    time = format_time(when, "short", tzinfo=when.tzinfo, locale=locale)
    return f"{date}, {time} {_zone(when, (str(locale),))}"


def _zone(when: datetime, locales: tuple[str, ...]) -> str:
    """An abbreviation that people know ("MEZ"), else the offset ("(UTC+5:45)").

    CLDR gives an abbreviation only where it is in common use in that language.
    """
    if str(when.tzinfo) in {"UTC", "Etc/UTC"}:
        return "UTC"
    for locale in locales:
        name = get_timezone_name(when, width="short", locale=locale)
        if _ABBREVIATION.fullmatch(name):
            return name
    offset = when.utcoffset()
    minutes = 0 if offset is None else round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    return f"(UTC{sign}{hours}" + (f":{rest:02})" if rest else ")")


def _plain_blanks(text: str) -> str:
    # CLDR's U+00A0 and U+202F keep figures together in layout; in a mail they are quoted-printable
    # noise, and some clients show a box.
    return " ".join(text.split())
