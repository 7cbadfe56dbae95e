"""Languages that their letters give away: two words of Greek or Thai are enough.

Unicode blocks (The Unicode Standard, chapter 7 and following) say which script; the letters of one
alphabet only say which of the languages that share Cyrillic or Arabic letters.
"""

import re
from typing import Final

_FOREIGN: Final = re.compile("[\u0370-\u1fff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_BLOCKS: Final = (
    ("\u0370", "\u03ff", "el"), ("\u1f00", "\u1fff", "el"), ("\u0400", "\u052f", "cyrillic"),
    ("\u0590", "\u05ff", "he"), ("\u0600", "\u06ff", "arabic"), ("\u0900", "\u097f", "hi"),
    ("\u0e00", "\u0e7f", "th"), ("\u1100", "\u11ff", "ko"), ("\uac00", "\ud7af", "ko"),
    ("\u3040", "\u30ff", "ja"), ("\u3400", "\u9fff", "han"), ("\uf900", "\ufaff", "han"),
)  # fmt: skip

# Letters that one of the languages has and its neighbours have not.
_ONLY: Final = (
    ("uk", frozenset("іїєґ")),
    ("ru", frozenset("ыэё")),
    ("und", frozenset("ђјљњћџѓќѕўәғқңөұүһ")),
)
# The commonest short words, for texts that hold none of these letters.
_CYRILLIC: Final = {
    "ru": frozenset(
        [
            "не",
            "что",
            "как",
            "мой",
            "моя",
            "мне",
            "вы",
            "вас",
            "нет",
            "где",
            "за",
            "спасибо",
            "привет",
            "заказ",
            "здравствуйте",
        ]
    ),
    "uk": frozenset(
        [
            "не",
            "що",
            "як",
            "мій",
            "моя",
            "мені",
            "ви",
            "вас",
            "де",
            "за",
            "дякую",
            "привіт",
            "замовлення",
            "немає",
            "будь",
        ]
    ),
    "bg": frozenset(
        [
            "не",
            "че",
            "как",
            "моя",
            "ми",
            "ви",
            "вас",
            "къде",
            "за",
            "благодаря",
            "здравейте",
            "поръчка",
            "нямам",
            "съм",
            "да",
            "се",
        ]
    ),
}
_PERSIAN_URDU: Final = frozenset("پچژگکیٹڈڑںےہ")

_LIMIT: Final = 600


def by_script(text: str) -> str:
    """The code of the language whose script most letters of the text are in.

    Empty for Latin letters, for no letters, and where the script leaves it to the detector
    ("cyrillic" without a telling letter); "und" for a language that we do not know.
    """
    text = text[:_LIMIT].lower()
    found = _FOREIGN.findall(text)
    if not found:
        return ""
    latin = sum(1 for c in text if "a" <= c <= "z" or "\u00df" <= c <= "\u024f")
    blocks: dict[str, int] = {}
    for letter in found:
        for first, last, code in _BLOCKS:
            if first <= letter <= last:
                blocks[code] = blocks.get(code, 0) + 1
                break
    # A Chinese character says what an English word of four letters says.
    dense = sum(blocks.get(code, 0) for code in ("han", "ja", "ko"))
    if not blocks or len(found) + 3 * dense <= latin:
        return ""
    code = max(blocks, key=lambda name: blocks[name])
    if code == "cyrillic":
        return _cyrillic(text)
    if code == "arabic":
        return "und" if not _PERSIAN_URDU.isdisjoint(text) else "ar"
    if code == "han":
        return "ja" if blocks.get("ja", 0) * 10 > blocks["han"] else "zh"
    return code


def _cyrillic(text: str) -> str:
    letters = set(text)
    for code, only in _ONLY:
        if not only.isdisjoint(letters):
            return code
    words = text.replace(",", " ").replace(".", " ").replace("!", " ").replace("?", " ").split()
    counts = {code: sum(word in own for word in words) for code, own in _CYRILLIC.items()}
    if "ъ" in letters:
        counts["bg"] += 2
    best, second = sorted(counts.values(), reverse=True)[:2]
    return max(counts, key=lambda code: counts[code]) if best > second else ""
