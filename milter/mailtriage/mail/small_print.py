"""The words of what is under a letter: disclaimers, footers, companies.

Data only; `newest` and `signature` say how each table is used. All entries are as `str.casefold`
gives them, so German "ß" stands as "ss".
"""

from typing import Final

# How a disclaimer begins. Behind that it must also speak of one of DISCLAIMER_TOPICS: customers
# begin a paragraph with "This e-mail" and "Confidential" as well.
DISCLAIMER_OPENERS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("confidentiality notice", "confidentiality note", "confidential:", "disclaimer",
           "privileged and confidential", "private and confidential", "legal notice",
           "important notice:", "notice: this", "this e-mail and any", "this email and any",
           "this e-mail is confidential", "this email is confidential", "this e-mail may contain",
           "this email may contain", "this message may contain", "this message contains",
           "this message and any", "this communication is", "this communication may",
           "this e-mail message", "this email message", "this transmission",
           "the information in this", "the information contained in this", "the contents of this",
           "the content of this", "if you are not the intended", "if you have received this",
           "this e-mail contains", "this email contains", "this e-mail, including",
           "this email, including", "this message is intended", "this message is confidential",
           "this email is intended", "this e-mail is intended", "this email was sent to you by",
           "any views or opinions", "privacy notice:", "the information transmitted",
           "this electronic message", "this electronic mail", "this mail and any",
           "this message, including", "unauthorised use of this",
           "nothing in this e-mail", "nothing in this email"),
    "sv": ("detta e-postmeddelande", "det här e-postmeddelandet", "denna e-post",
           "detta mejl kan", "detta meddelande kan", "detta meddelande är", "detta mail kan",
           "sekretess", "informationen i detta", "innehållet i detta", "konfidentiell",
           "friskrivning", "om du inte är rätt mottagare", "om du har fått detta",
           "denna e-postadress", "detta mejl är", "detta mejl och", "det här mejlet",
           "det här meddelandet", "denna information är", "innehållet i denna"),
    "da": ("denne e-mail", "denne mail", "denne meddelelse", "fortrolig", "ansvarsfraskrivelse",
           "indholdet af denne", "hvis du ikke er den rette", "hvis du har modtaget denne",
           "oplysningerne i denne", "denne besked", "denne e-mails indhold", "hvis du ved en fejl",
           "informationen i denne", "e-mailen kan indeholde", "meddelelsen kan indeholde"),
    "nb": ("denne e-posten", "denne eposten", "denne meldingen", "konfidensiel", "fortrolig",
           "innholdet i denne", "dersom du ikke er rett", "hvis du ikke er rett",
           "ansvarsfraskrivelse", "informasjonen i denne", "denne mailen", "hvis du har mottatt",
           "dersom du har mottatt", "denne e-posten og", "innholdet i e-posten",
           "e-posten kan inneholde"),
    "fi": ("tämä sähköposti", "tämä viesti on", "tämä viesti saattaa", "tämä viesti voi",
           "tämä viesti ja", "luottamuksell", "vastuuvapaus", "viesti on tarkoitettu",
           "viesti saattaa sisältää", "viesti voi sisältää", "tämän viestin", "tämän sähköpostin",
           "sähköposti voi sisältää", "jos olet saanut tämän", "tämä viesti sisältää",
           "tämä sähköpostiviesti", "jos et ole viestin", "jos et ole tämän"),
    "de": ("diese e-mail enthält", "diese e-mail kann", "diese e-mail ist", "diese e-mail und",
           "diese email", "diese nachricht enthält", "diese nachricht ist", "diese nachricht kann",
           "diese nachricht und", "der inhalt dieser", "die information in dieser", "vertraulich",
           "haftungsausschluss", "wichtiger hinweis:", "rechtlicher hinweis", "hinweis: diese",
           "die in dieser", "wenn sie nicht der richtige", "sollten sie nicht der",
           "falls sie nicht der", "diese mail", "diese information ist", "dieses e-mail",
           "diese nachricht, ein", "diese e-mail, ein", "sollten sie diese", "falls sie diese",
           "der inhalt der", "ust-id"),
    "fr": ("ce message et", "ce message est", "ce message peut", "ce message contient",
           "ce courriel et", "ce courriel est", "ce courriel peut", "ce courriel contient",
           "ce mail est", "ce mail et", "ce mail peut", "ce mail contient", "cet e-mail",
           "cet email", "avis de confidentialité", "confidentiel", "avertissement",
           "clause de confidentialité", "les informations contenues", "le contenu de ce",
           "si vous n'êtes pas le destinataire", "si vous avez reçu ce",
           "l'intégrité de ce message", "ce message, ainsi", "ce message s'adresse",
           "ce message électronique", "cette communication", "ce courriel peut",
           "le présent courriel", "le présent message"),
    "es": ("aviso legal", "aviso de confidencialidad", "este mensaje y", "este mensaje puede",
           "este mensaje contiene", "este mensaje es", "este mensaje va",
           "este correo electrónico", "este correo puede", "este correo contiene",
           "este correo es", "este correo y", "confidencial", "la información contenida",
           "la información incluida", "el contenido de este", "si usted no es el destinatario",
           "si no es el destinatario", "si ha recibido este", "le informamos que sus datos",
           "nota de confidencialidad", "este mensaje se dirige", "este mensaje está",
           "este e-mail", "este email", "el presente mensaje", "el presente correo",
           "la presente comunicación", "cláusula de confidencialidad"),
    "it": ("avviso di riservatezza", "le informazioni contenute", "le informazioni trasmesse",
           "questo messaggio e", "questo messaggio può", "questo messaggio contiene",
           "questo messaggio di posta", "questa e-mail", "questa email", "questa mail",
           "il contenuto di questa", "il contenuto di questo", "il contenuto della presente",
           "il presente messaggio", "la presente comunicazione", "la presente e-mail",
           "la presente mail", "riservat", "le informazioni, i dati",
           "nota di riservatezza", "disclaimer", "avvertenza"),
    "nl": ("dit bericht is", "dit bericht kan", "dit bericht bevat", "dit bericht en",
           "deze e-mail is", "deze e-mail kan", "deze e-mail bevat", "deze e-mail en", "deze mail",
           "deze email", "de informatie in", "de informatie verzonden", "de inhoud van d",
           "vertrouwelijk", "aan dit bericht", "aan deze e-mail", "proclaimer",
           "indien u niet", "als u niet de", "op al onze", "dit e-mailbericht", "indien u dit",
           "als u dit bericht", "de inhoud van het", "dit bericht, inclusief"),
    "pt": ("aviso:", "aviso legal", "aviso de confidencialidade", "esta mensagem e",
           "esta mensagem pode", "esta mensagem contém", "esta mensagem é", "este e-mail",
           "este email", "esta comunicação", "confidencial", "a informação contida",
           "as informações contidas", "o conteúdo desta", "o conteúdo deste",
           "se não é o destinatário", "se recebeu esta", "se você não é o destinatário",
           "declaração de confidencialidade", "nota de confidencialidade",
           "esta mensagem, incluindo", "esta mensagem destina", "a presente mensagem",
           "o presente e-mail", "as informações existentes", "se esta mensagem"),
    "pl": ("ta wiadomość", "niniejsza wiadomość", "wiadomość ta", "informacje zawarte",
           "treść tej wiadomości", "treść niniejszej", "poufne", "klauzula poufności",
           "zastrzeżenie", "jeżeli nie są państwo", "jeśli nie są państwo", "jeśli nie jest",
           "jeżeli nie jest", "uwaga:", "ten e-mail", "niniejszy e-mail", "ta korespondencja",
           "niniejsza korespondencja", "jeśli otrzymał", "jeżeli otrzymał", "treść wiadomości",
           "administratorem pani", "wiadomość może zawierać"),
    "ca": ("avís legal", "aquest missatge", "aquest correu"),
    "cs": ("tato zpráva", "tento e-mail", "informace obsažené", "obsah této zprávy",
           "obsah tohoto", "pokud nejste", "upozornění:", "tento email"),
    "hu": ("ez az üzenet", "ez az e-mail", "jelen üzenet", "jelen e-mail", "az üzenet tartalma",
           "amennyiben nem ön", "ha nem ön"),
    "ro": ("acest mesaj", "acest e-mail", "acest email", "informațiile conținute",
           "conținutul acestui", "dacă nu sunteți", "confidențialitate:"),
    "tr": ("bu e-posta", "bu mesaj", "bu ileti", "bu elektronik posta", "yasal uyarı"),
    "ru": ("это сообщение", "данное сообщение"),
}  # fmt: skip

# Small print that needs no topic: the tree that is saved, the virus that was not found, the
# register of companies.
STANDALONE_OPENERS: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "if you are not the intended recipient",
        "think before you print",
        "please consider the environment",
        "save a tree",
        "consider the environment",
        "please think of the environment",
        "registered in england",
        "registered office:",
        "company registered",
        "virus-free",
        "scanned by",
        "this email has been scanned",
        "this email has been checked",
    ),
    "sv": (
        "tänk på miljön",
        "så här behandlar vi",
        "vi behandlar dina personuppgifter",
        "läs om hur vi behandlar",
        "när du skickar e-post till oss",
        "om du inte är rätt mottagare",
        "om du inte är avsedd mottagare",
    ),
    "da": ("tænk på miljøet",),
    "nb": ("tenk på miljøet",),
    "fi": ("ajattele ympäristöä", "säästä luontoa"),
    "de": (
        "bitte denken sie an die umwelt",
        "denken sie an die umwelt",
        "bitte prüfen sie, ob",
        "informationen zum datenschutz finden",
        "datenschutzhinweis:",
        "geschäftsführer:",
        "geschäftsführung:",
        "sitz der gesellschaft:",
        "virenfrei",
        "handelsregister:",
        "registergericht:",
        "ust-id",
    ),
    "fr": (
        "pensez à l'environnement",
        "pensez à l’environnement",
        "avant d'imprimer",
        "si vous n'êtes pas le destinataire de ce",
        "si vous n’êtes pas le destinataire de ce",
        "mentions légales",
        "sans virus",
        "n'imprimez ce",
    ),
    "es": ("antes de imprimir", "libre de virus", "información básica sobre protección"),
    "it": ("pensa all'ambiente", "prima di stampare", "informativa privacy"),
    "nl": ("denk aan het milieu",),
    "pt": ("pense no ambiente", "pense no meio ambiente", "antes de imprimir", "sem vírus"),
    "pl": (
        "pomyśl o środowisku",
        "zanim wydrukujesz",
        "administratorem danych",
        "administratorem państwa danych",
        "klauzula informacyjna",
    ),
}

# What disclaimers speak of: secrecy, the right reader, a mistake, what to do then. A paragraph with
# the first two is one, however it begins.
DISCLAIMER_TOPICS: Final[tuple[tuple[str, ...], ...]] = (
    # secrecy
    ("confidential", "privileged", "konfidenti", "sekretess", "fortrolig", "taushets", "tavshed",
     "luottamuksell", "salassa", "vertraulich", "confidenti", "confiden", "riservat",
     "vertrouwelijk", "intended only", "gizli", "confidenț",
     "sigilo", "poufn", "důvěrn", "bizalmas", "конфиденциальн"),
    # the right reader
    ("intended recipient", "intended for", "intended solely", "addressee", "named above",
     "rätt mottagare", "avsedd mottagare", "avsedd för", "rette modtager", "tiltænkt",
     "rett mottaker", "rette mottaker", "vastaanottaja", "tarkoitettu", "richtige adressat",
     "empfänger", "adressat", "destinataire", "destinatari", "destinado", "bestemd voor",
     "geadresseerde", "ontvanger",
     "adresat", "odbiorc", "címzett", "adresát", "příjemc", "alıcı", "for the person to which",
     "получател"),
    # by mistake
    ("in error", "by mistake", "av misstag", "felaktigt", "fejlagtigt", "ved en fejl",
     "ved en feil", "feilaktig", "erehdyksessä", "vahingossa", "irrtümlich", "versehentlich",
     "par erreur", "por error", "per errore", "per sbaglio", "ten onrechte", "abusievelijk",
     "por engano",
     "por erro", "fejltagelse", "ved feil", "omylem", "tévedés", "din greșeală", "yanlışlıkla",
     "omyłkow", "przez pomyłkę", "ошибк"),
    # what to do then
    ("delete", "destroy", "unauthorised", "unauthorized", "prohibited", "disseminat", "liability",
     "radera", "obehörig", "förstöra", "slette", "makuler", "tuhoa", "poista", "vernichten",
     "löschen", "unbefugt", "untersagt", "haftung", "détruire", "supprimer", "interdit",
     "eliminar", "prohibid", "distruggere", "cancell", "vietat", "verwijderen", "vernietigen",
     "aansprakelijk", "verboden", "eliminá-la", "apag", "proibid", "usunięcie", "usunąć",
     "zabronion", "удалит"),
)  # fmt: skip

# What a mail is called in its own disclaimer.
MAIL_WORDS: Final[tuple[str, ...]] = (
    "e-mail", "email", "e-post", "epost", "message", "meddelande", "meddelelse", "melding",
    "viesti", "sähköposti", "nachricht", "courriel", "mensaje", "correo", "messaggio", "bericht",
    "mensagem", "wiadomość", "communication", "transmission", "mail", "brev", "kirje",
    "newsletter", "boletín", "nieuwsbrief",
)  # fmt: skip

# Footers that many write, each in their own words: think of the trees "before" you "print", and the
# link to the maker of a virus scanner. A short paragraph with one of each three, or of two, is one.
PRINT_MARKS: Final[tuple[str, ...]] = (
    "print", "skriv ut", "skriver ut", "udskriv", "tulosta", "drucke", "imprim", "stampa",
    "afdruk", "druku", "drukow", "tiskn", "nyomtat", "tipări", "yazdır", "печата",
)  # fmt: skip
BEFORE_MARKS: Final[tuple[str, ...]] = (
    "before", "innan", "før ", "ennen", "bevor", "avant", "antes", "prima di", "voordat",
    "alvorens", "abans", "zanim", "przed", "než ", "mielőtt", "înainte", "önce", "прежде", "перед",
)  # fmt: skip
NATURE_MARKS: Final[tuple[str, ...]] = (
    "environment", "a tree", "the planet", "save paper", "miljö", "miljø", "ympäristö", "luontoa",
    "umwelt", "environnement", "planète", "medio ambiente", "medioambiente", "medi ambient",
    "ambiente", "milieu", "środowisk", "životní prostředí", "přírod", "környezet", "mediu",
    "çevre", "природ",
)  # fmt: skip
VIRUS_MARKS: Final[tuple[str, ...]] = ("vir", "vír", "wirus", "вирус", "malware", "scanned")
SCANNER_LINKS: Final[tuple[str, ...]] = (
    "avast.com", "avg.com", "avira.com", "eset.com", "kaspersky.", "mcafee.com", "norton.com",
    "bitdefender.", "messagelabs.", "mimecast.com", "mailscanner.", "symantec", "f-secure.com",
    "sophos.com", "symanteccloud.",
)  # fmt: skip

# The last paragraph of a newsletter or of a mail from a machine; each is looked for anywhere in it.
# No customer writes these:
FOOTER_MARKS: Final[tuple[str, ...]] = (
    "do not reply to this", "please do not reply", "don't reply to this", "svara inte på detta",
    "går inte att svara på", "kan ikke besvares", "svar ikke på denne", "ikke svar på denne",
    "älä vastaa tähän", "antworten sie nicht auf diese", "nicht auf diese e-mail antworten",
    "bitte nicht antworten", "ne pas répondre à ce", "ne répondez pas à ce", "no responda a este",
    "no respondas a este", "non rispondere a quest", "non rispondere a questo",
    "niet op deze e-mail", "niet te beantwoorden", "não responda a est", "prosimy nie odpowiadać",
    "nie odpowiadaj na t", "mailing list", "google groups", "to unsubscribe from this group",
    "_______________________________________________",
)  # fmt: skip
# These are a footer together with a word for the mail itself:
RECEIVED_BECAUSE: Final[tuple[str, ...]] = (
    "you are receiving this", "you're receiving this", "you received this", "you're getting this",
    "you are getting this", "du får detta", "du får det här", "därför att du", "du modtager",
    "du mottar dette", "du får denne", "saat tämän", "sie erhalten dies", "du erhältst dies",
    "vous recevez ce", "vous recevez cet", "recibes este", "has recibido este", "recibe este",
    "ricevi questa", "ricevi questo", "ricevete questa", "hai ricevuto questa", "u ontvangt d",
    "je ontvangt d", "recebe este", "recebeu este", "recebe esta", "otrzymujesz t",
    "otrzymują państwo",
)  # fmt: skip
# And these with a link, since customers ask to be taken off a list in the same words:
UNSUBSCRIBE_MARKS: Final[tuple[str, ...]] = (
    "unsubscribe", "opt out", "opt-out", "manage your preferences", "update your preferences",
    "email preferences", "avregistrera", "avprenumerera", "avsluta prenumeration", "avanmäl",
    "afmeld", "framelde", "avmeld", "meld deg av", "peruuta tilaus", "lopeta tilaus",
    "tilauksen peruutus", "abmelden", "abbestellen", "austragen", "désinscri", "désabonne",
    "se désinscrire", "darse de baja", "cancelar la suscripción", "cancelar suscripción",
    "disiscri", "cancellati", "annulla iscrizione", "cancella l'iscrizione", "uitschrijven",
    "afmelden", "cancelar subscrição", "cancelar a subscrição", "remover subscrição",
    "anular a subscrição", "descadastr", "wypisz", "rezygnuj", "zrezygnować z",
)  # fmt: skip
LINK_MARKS: Final[tuple[str, ...]] = ("http", "www.", " | ", "-unsubscribe", "-leave", "-request@")

# Legal forms, as companies write them: "as" and "ag" are words of letters, "AS" and "AG" are not.
COMPANY_FORMS: Final[frozenset[str]] = frozenset({
    "AB", "Aktiebolag", "HB", "A/S", "ApS", "AS", "ASA", "ANS", "Oy", "OY", "Oyj", "Ky", "Tmi",
    "GmbH", "AG", "KG", "UG", "OHG", "e.K.", "e.V.", "GbR", "mbH", "Ltd", "Ltd.", "Limited",
    "LLC",
    "Inc", "Inc.", "plc", "PLC", "LLP", "Corp.", "SARL", "S.A.R.L.", "SAS", "S.A.S.", "SA",
    "S.A.",
    "EURL", "SASU", "S.L.", "SL", "S.L.U.", "SLU", "Srl", "SRL", "S.r.l.", "S.R.L.", "SpA",
    "S.p.A.", "Snc", "S.n.c.", "B.V.", "BV", "N.V.", "NV", "V.O.F.", "VOF", "Lda", "Lda.", "Ltda",
    "Ltda.", "Unipessoal", "sp.", "o.o.", "sp.j.", "S.C.", "s.r.o.", "Kft.", "Kft", "e.U.",
})  # fmt: skip

# Words of a name that are written small.
NAME_PARTICLES: Final[frozenset[str]] = frozenset({
    "af", "av", "and", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "du",
    "e", "et", "i", "la", "le", "och", "og", "ten", "ter", "und", "van", "vom", "von", "y", "zu",
    "&", "+",
})  # fmt: skip

# Before a number: how to reach or to look up somebody.
CONTACT_LABELS: Final[tuple[str, ...]] = (
    "tel", "phone", "mobile", "mob", "cell", "fax", "telefon", "tfn", "tlf", "mobil", "puh",
    "gsm",
    "handy", "tél", "portable", "móvil", "movil", "tlmv", "cellulare", "cell", "telefoon",
    "mobiel", "telemóvel", "telm", "kom", "office", "direct", "direkt", "växel", "e-mail",
    "email",
    "e-post", "mail", "web", "www", "http", "org.nr", "orgnr", "org nr", "org. nr", "cvr", "vat",
    "ust", "nip", "kvk", "btw", "y-tunnus", "siret", "siren", "cif", "nif", "p.iva", "p. iva",
    "partita iva", "krs", "regon", "hrb", "iban", "bankgiro",
)  # fmt: skip
