"""How letters begin and end in each language, and what an address or a charset hints at."""

from typing import Final

CLOSINGS: Final = {
    "sv": (
        "med vänliga hälsningar",
        "med vanliga halsningar",
        "med vänlig hälsning",
        "vänliga hälsningar",
        "vänligen",
        "hälsningar",
        "bästa hälsningar",
        "mvh",
        "vänl hälsn",
        "tack på förhand",
        "kram",
    ),
    "da": (
        "med venlig hilsen",
        "venlig hilsen",
        "de bedste hilsner",
        "mange hilsner",
        "kærlig hilsen",
        "på forhånd tak",
        "bedste hilsner",
        "mvh",
        "vh",
        "dbh",
        "hilsen",
    ),
    "nb": (
        "med vennlig hilsen",
        "vennlig hilsen",
        "med venleg helsing",
        "venleg helsing",
        "beste hilsen",
        "på forhånd takk",
        "helsing",
        "hilsen",
        "mvh",
    ),
    "fi": (
        "ystävällisin terveisin",
        "ystavallisin terveisin",
        "terveisin",
        "parhain terveisin",
        "kiitos etukäteen",
        "t:",
        "yst terv",
        "terv",
    ),
    "en": (
        "kind regards",
        "best regards",
        "warm regards",
        "regards",
        "yours sincerely",
        "yours faithfully",
        "sincerely",
        "best wishes",
        "many thanks",
        "thanks in advance",
        "cheers",
        "all the best",
    ),
    "de": (
        "mit freundlichen grüßen",
        "mit freundlichen grüssen",
        "mit freundlichen gruessen",
        "mit freundlichem gruß",
        "freundliche grüße",
        "freundliche grüsse",
        "viele grüße",
        "beste grüße",
        "liebe grüße",
        "viele gruesse",
        "hochachtungsvoll",
        "mfg",
        "lg",
        "vg",
    ),
    "nl": (
        "met vriendelijke groet",
        "met vriendelijke groeten",
        "vriendelijke groet",
        "hartelijke groet",
        "groetjes",
        "groeten",
        "hoogachtend",
        "mvg",
        "alvast bedankt",
    ),
    "fr": (
        "cordialement",
        "bien cordialement",
        "bien à vous",
        "salutations distinguées",
        "sincères salutations",
        "merci d'avance",
        "merci par avance",
        "cdlt",
        "bonne journée",
        "veuillez agréer",
    ),
    "es": (
        "atentamente",
        "un saludo",
        "un cordial saludo",
        "saludos cordiales",
        "saludos",
        "muchas gracias",
        "gracias de antemano",
        "quedo a la espera",
        "reciban un cordial saludo",
    ),
    "it": (
        "cordiali saluti",
        "distinti saluti",
        "un cordiale saluto",
        "grazie in anticipo",
        "cordialmente",
        "saluti",
        "in attesa di riscontro",
    ),
    "pt": (
        "com os melhores cumprimentos",
        "melhores cumprimentos",
        "atenciosamente",
        "cumprimentos",
        "atentamente",
        "att",
        "obrigado desde já",
        "desde já agradeço",
        "muito obrigado",
        "muito obrigada",
        "abraço",
    ),
    "pl": (
        "z poważaniem",
        "z powazaniem",
        "pozdrawiam",
        "pozdrawiamy",
        "z wyrazami szacunku",
        "z góry dziękuję",
        "serdecznie pozdrawiam",
        "pozdrowienia",
        "łączę pozdrowienia",
    ),
}
"""By language, in lower case; some formulas close letters in several ("mvh")."""

COUNTRIES: Final = {
    "se": "sv",
    "dk": "da",
    "no": "nb",
    "fi": "fi",
    "de": "de",
    "at": "de",
    "nl": "nl",
    "fr": "fr",
    "es": "es",
    "mx": "es",
    "ar": "es",
    "cl": "es",
    "it": "it",
    "pt": "pt",
    "br": "pt",
    "pl": "pl",
    "uk": "en",
    "ie": "en",
    "us": "en",
    "au": "en",
    "cz": "cs",
    "sk": "sk",
    "hu": "hu",
    "ro": "ro",
    "gr": "el",
    "tr": "tr",
    "ru": "ru",
    "ua": "uk",
    "bg": "bg",
    "hr": "hr",
    "si": "sl",
    "ee": "et",
    "lv": "lv",
    "lt": "lt",
    "is": "is",
    "jp": "ja",
    "cn": "zh",
    "kr": "ko",
}
"""Top-level domains where most people write one language (".co" and ".io" are anybody's)."""

CHARSETS: Final = {
    "iso-8859-2": ("pl", "cs", "hu"),
    "windows-1250": ("pl", "cs", "hu"),
    "koi8-r": ("ru",),
    "koi8-u": ("uk",),
    "windows-1251": ("ru", "bg", "uk"),
    "iso-8859-7": ("el",),
    "windows-1253": ("el",),
    "iso-8859-9": ("tr",),
    "windows-1254": ("tr",),
    "windows-1257": ("lt", "lv", "et"),
}
"""Charsets that only some languages need."""

_MAX_LINE: Final = 60


def _by_first_word() -> dict[str, tuple[tuple[str, str], ...]]:
    """Formulas with their language, longest first, by their first word."""
    found: dict[str, list[tuple[str, str]]] = {}
    for code, formulas in CLOSINGS.items():
        for formula in formulas:
            found.setdefault(formula.split(maxsplit=1)[0], []).append((formula, code))
    return {
        word: tuple(sorted(own, key=lambda item: (-len(item[0]), item)))
        for word, own in found.items()
    }


_CLOSINGS: Final = _by_first_word()


def closing(line: str) -> tuple[str, ...]:
    """The languages of the formula that a line ends a letter with; none for any other line."""
    if len(line) > _MAX_LINE:
        return ()
    words = line.lower().split(maxsplit=1)
    if not words:
        return ()
    candidates = _CLOSINGS.get(words[0].rstrip(",.!"))
    if candidates is None:
        return ()
    plain = " ".join(line.lower().split()).replace(",", "").replace(".", "")
    longest = 0
    found: list[str] = []
    for formula, code in candidates:
        if len(formula) >= longest and _starts(plain, formula):
            longest = len(formula)
            found.append(code)
    return tuple(found)


def _starts(line: str, formula: str) -> bool:
    """Whether the line is the formula, perhaps with a name behind it."""
    if not line.startswith(formula):
        return False
    rest = line[len(formula) :]
    return not rest or (not rest[0].isalnum() and len(rest.split()) <= 3)
