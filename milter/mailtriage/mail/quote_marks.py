"""The words by which mail programs mark a quote, language by language.

Data only; `attribution` and `quoted_header` say how each table is used. All entries are in lower
case as `str.casefold` gives them. To add a language, add its line to each table; the tests name the
languages that must be complete.
"""

from typing import Final

# One of these stands in the line above a quote: "On Tuesday Anna wrote:". Of "a écrit" and the like
# the word that is found nowhere else.
ATTRIBUTION_VERBS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("wrote", "writes", "said", "says", "quoting", "commented", "replied"),
    "sv": ("skrev", "skriver", "citerar"),
    "da": ("skrev", "skriver"),
    "nb": ("skrev", "skriver", "skreiv"),
    "fi": ("kirjoitti", "kirjoittaa", "lainaus"),
    "de": ("schrieb", "schrieben", "schreibt", "geschrieben", "zitat"),
    "fr": ("écrit", "écrivait", "citation"),
    "es": ("escribió", "escribio", "escrito", "escribe", "citando"),
    "ca": ("escriure", "escrit", "missatge"),
    "it": ("scritto", "scrive", "scrisse", "citazione"),
    "nl": ("schreef", "geschreven", "citeren"),
    "pt": ("escreveu", "escreveram", "citando"),
    "pl": ("napisał", "napisała", "napisał(a)", "napisał/a", "napisal", "pisze", "napisana",
           "cytowanie"),
    "cs": ("napsal", "napsala", "napsal(a)"),
    "sk": ("napísal", "napísala", "napísal(a)"),
    "hu": ("írta", "idézet"),
    "ro": ("scris",),
    "ru": ("написал", "написала", "написал(а)", "пишет", "писал"),
    "uk": ("написав", "написала", "пише", "написав(-ла)"),
    "bg": ("написа",),
    "hr": ("napisao", "napisala"),
    "sl": ("napisal", "napisala"),
    "lt": ("rašė", "parašė"),
    "lv": ("rakstīja",),
    "et": ("kirjutas",),
    "tr": ("yazdı", "yazmış"),
    "el": ("έγραψε",),
    "he": ("כתב", "כתבה"),
    "ko": ("작성",),
}  # fmt: skip

# How such a line begins.
ATTRIBUTION_OPENERS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("on", "at", "in article", "quoting"),
    "sv": ("den", "på", "mån", "tis", "ons", "tors", "fre", "lör", "sön", "månd"),
    "da": ("den", "d.", "man.", "tir.", "ons.", "tor.", "fre.", "lør.", "søn.", "på"),
    "nb": ("den", "på", "man.", "tir.", "ons.", "tor.", "tors.", "fre.", "lør.", "søn."),
    "fi": ("ma", "ti", "ke", "to", "pe", "la", "su"),
    "de": ("am", "von", "vom", "zitat"),
    "fr": ("le", "en date", "citation"),
    "es": ("el", "citando"),
    "ca": ("el", "missatge de", "el dia"),
    "it": ("il", "in data", "il giorno"),
    "nl": ("op",),
    "pt": ("em", "no dia", "a", "às"),
    "pl": ("w dniu", "dnia", "pon.", "wt.", "śr.", "czw.", "pt.", "sob.", "niedz.",
           "wiadomość napisana przez"),
    "cs": ("dne", "po", "út", "st", "čt", "pá", "so", "ne", "dňa"),
    "ro": ("în", "pe data", "pe"),
    "ru": ("пн", "вт", "ср", "чт", "пт", "сб", "вс"),
    "et": ("kuupäev",),
    "el": ("στις",),
    "bg": ("на",),
    "sl": ("v",),
}  # fmt: skip

# How it begins in programs that put the date first. Days as they are shortened; months where they
# stand before the day.
DATE_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "mon",
           "tue", "wed", "thu", "fri", "sat", "sun", "january", "february", "march", "april",
           "may", "june", "july", "august", "september", "october", "november", "december",
           "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"),
    "sv": ("måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag", "mån", "tis",
           "ons", "tors", "fre", "lör", "sön"),
    "da": ("mandag", "tirsdag", "lørdag", "søndag", "man", "tir", "tor", "lør", "søn"),
    "fi": ("maanantai", "tiistai", "keskiviikko", "torstai", "perjantai", "lauantai",
           "sunnuntai", "maanantaina", "tiistaina", "keskiviikkona", "torstaina", "perjantaina",
           "lauantaina", "sunnuntaina"),
    "de": ("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonnabend",
           "sonntag", "mo", "di", "mi", "do", "fr", "sa", "so"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche", "lun",
           "mer", "jeu", "ven", "sam", "dim"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo", "mié",
           "jue", "vie", "sáb", "dom"),
    "it": ("lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica", "gio"),
    "nl": ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag", "ma",
           "wo", "vr", "za", "zo"),
    "pt": ("segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira",
           "segunda", "terça", "quarta", "quinta", "sexta", "seg", "ter", "qua", "qui", "sex"),
    "pl": ("poniedziałek", "wtorek", "środa", "czwartek", "piątek", "sobota", "niedziela",
           "pon", "wt", "śr", "czw", "pt", "sob", "niedz"),
    "cs": ("pondělí", "úterý", "středa", "čtvrtek", "pátek", "neděle"),
    "hr": ("uto", "sri", "čet", "pet", "sub", "ned"),
    "ro": ("luni", "marți", "miercuri", "joi", "vineri", "sâmbătă", "duminică", "mie", "vin",
           "sâm", "dum"),
    "tr": ("pazartesi", "salı", "çarşamba", "perşembe", "cuma", "cumartesi", "pazar"),
    "lv": ("pirmd", "otrd", "trešd", "ceturtd", "piektd", "sestd", "svētd"),
}  # fmt: skip

# No program writes these, but customers do: "On Monday you wrote:".
ATTRIBUTION_PRONOUNS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("you", "i", "we"),
    "sv": ("ni", "du", "jag", "vi"),
    "da": ("i", "jeg"),
    "nb": ("dere", "jeg"),
    "fi": ("te", "sinä", "minä"),
    "de": ("sie", "ihr", "ich", "wir", "du"),
    "fr": ("vous", "je", "tu", "j'ai", "avez", "avons", "ai", "as"),
    "es": ("usted", "ustedes", "yo"),
    "it": ("lei", "voi", "io", "avete", "ho", "hai"),
    "nl": ("u", "jij", "je", "ik", "jullie", "wij"),
    "pt": ("você", "vocês", "eu"),
    "pl": ("pan", "pani", "państwo"),
}  # fmt: skip

# Helpdesks ask for an answer above a line in their own mails; that line comes back at the top of
# the quote, between dashes or other signs.
REPLY_ABOVE: Final[dict[str, tuple[str, ...]]] = {
    "en": ("above this line", "above the line", "below this line", "under this line"),
    "sv": ("ovanför denna rad", "ovanför den här raden", "ovanför raden", "ovanför denna linje",
           "ovanför den här linjen", "ovan denna rad"),
    "da": ("over denne linje", "ovenfor denne linje", "over linjen"),
    "nb": ("over denne linjen", "over denne linja", "ovenfor denne linjen", "over linjen"),
    "fi": ("rivin yläpuol", "viivan yläpuol"),
    "de": ("oberhalb dieser", "über dieser zeile", "über dieser linie", "über diese zeile",
           "über diese linie", "unterhalb dieser zeile"),
    "fr": ("dessus de cette ligne", "dessus de la ligne"),
    "es": ("encima de esta línea", "arriba de esta línea", "sobre esta línea"),
    "it": ("sopra questa riga", "sopra questa linea", "sopra di questa riga",
           "sopra di questa linea", "sopra la riga"),
    "nl": ("boven deze regel", "boven deze lijn"),
    "pt": ("acima desta linha", "acima dessa linha", "por cima desta linha"),
    "pl": ("powyżej tej linii", "nad tą linią", "powyżej tego wiersza", "nad tym wierszem"),
    "cs": ("nad tento řádek", "nad tímto řádkem", "nad tuto čáru"),
    "sk": ("nad tento riadok", "nad týmto riadkom"),
    "hu": ("sor fölé", "sor felett", "vonal fölé"),
    "ro": ("deasupra acestei linii", "deasupra acestui rând"),
    "tr": ("bu satırın üst", "bu satırın üzer", "bu çizginin üst", "bu çizginin üzer"),
    "ru": ("над этой строкой", "выше этой строки", "над этой линией"),
    "uk": ("над цим рядком",),
    "ca": ("sobre d'aquesta línia", "damunt d'aquesta línia"),
    "et": ("selle rea kohale",),
}  # fmt: skip

# Whoever writes nothing else means what stands below.
POINTERS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("see below", "please see below", "fyi", "as below", "see the mail below", "see attached",
           "see forwarded", "please see the email below", "see the email below", "forwarding this"),
    "sv": ("se nedan", "se mejlet nedan", "se nedanstående", "vidarebefordrar", "för kännedom"),
    "da": ("se nedenfor", "se nedenstående", "se mailen nedenfor", "til orientering"),
    "nb": ("se nedenfor", "se under", "se e-posten under", "til orientering"),
    "fi": ("katso alla", "ks. alla", "ks alla", "katso alta", "tiedoksi"),
    "de": ("siehe unten", "s. u", "s.u", "siehe nachricht unten", "zur info", "zur kenntnis",
           "zur kenntnisnahme", "bitte siehe unten"),
    "fr": ("voir ci-dessous", "voyez ci-dessous", "cf. ci-dessous", "cf ci-dessous",
           "pour information", "merci de voir ci-dessous"),
    "es": ("ver abajo", "vea abajo", "véase abajo", "ver más abajo", "para su información"),
    "it": ("vedi sotto", "vedere sotto", "vedi di seguito", "come da mail sotto", "per conoscenza"),
    "nl": ("zie hieronder", "zie onder", "zie onderstaand", "ter info", "ter informatie"),
    "pt": ("ver abaixo", "veja abaixo", "vide abaixo", "ver em baixo", "para conhecimento"),
    "pl": ("patrz poniżej", "zob. poniżej", "proszę zobaczyć poniżej", "jak niżej",
           "do wiadomości"),
}  # fmt: skip

# Where words have no blanks between them, the end of the line.
ATTRIBUTION_ENDINGS: Final[tuple[str, ...]] = (
    "写道", "寫道", "のメール", "님이 작성", "님이 작성한 메시지", "さんは書きました", "書きました",
)  # fmt: skip
