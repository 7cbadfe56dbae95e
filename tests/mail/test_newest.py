"""Quotes, signatures, taglines and disclaimers go; what a customer wrote stays."""

from dataclasses import dataclass

import pytest

from mailtriage.mail import header_marks, quote_marks, reply_marks
from mailtriage.mail.newest import newest_text, split_letter

OWN = "The lamp still flickers.\nPlease send a new one."
QUOTE = "Hello,\n\nhave you tried another bulb?\n\nThe shop"


@dataclass(frozen=True)
class Language:
    """How mail programs and people of one language mark what is not new."""

    code: str
    attribution: str
    header: str
    original: str
    tagline: str
    closing: str
    disclaimer: str


LANGUAGES = [
    Language("sv", "Den mån 3 mars 2025 kl 09:00 skrev Butiken <info@butik.example>:",
             "Från: Butiken <info@butik.example>\nSkickat: den 3 mars 2025 09:00\nTill: Eva Ek\nÄmne: Lampa",
             "Ursprungligt meddelande", "Skickat från min iPhone", "Vänliga hälsningar",
             "Detta meddelande är konfidentiellt och endast avsett för rätt mottagare."),
    Language("en", "On Mon, 3 Mar 2025 at 09:00, The Shop <info@shop.example> wrote:",
             "From: The Shop <info@shop.example>\nSent: Monday, March 3, 2025 9:00 AM\nTo: Eva Ek\nSubject: Lamp",
             "Original Message", "Sent from my iPhone", "Kind regards",
             "This message may contain confidential information for the intended recipient only."),
    Language("de", "Am Mo., 3. März 2025 um 09:00 Uhr schrieb Der Laden <info@laden.example>:",
             "Von: Der Laden <info@laden.example>\nGesendet: Montag, 3. März 2025 09:00\nAn: Eva Ek\nBetreff: Lampe",
             "Ursprüngliche Nachricht", "Von meinem iPhone gesendet", "Mit freundlichen Grüßen",
             "Diese E-Mail enthält vertrauliche Informationen. Sind Sie nicht der richtige Adressat, löschen Sie sie."),
    Language("da", "Den man. 3. mar. 2025 kl. 09.00 skrev Butikken <info@butik.example>:",
             "Fra: Butikken <info@butik.example>\nSendt: 3. marts 2025 09:00\nTil: Eva Ek\nEmne: Lampe",
             "Oprindelig meddelelse", "Sendt fra min iPhone", "Med venlig hilsen",
             "Denne e-mail er fortrolig og kun bestemt for rette modtager."),
    Language("nb", "man. 3. mars 2025 kl. 09:00 skrev Butikken <info@butikk.example>:",
             "Fra: Butikken <info@butikk.example>\nSendt: mandag 3. mars 2025 09:00\nTil: Eva Ek\nEmne: Lampe",
             "Opprinnelig melding", "Sendt fra min iPhone", "Med vennlig hilsen",
             "Denne e-posten er taushetsbelagt og bare ment for rett mottaker."),
    Language("fi", "ma 3. maalisk. 2025 klo 9.00 Kauppa (info@kauppa.example) kirjoitti:",
             "Lähettäjä: Kauppa <info@kauppa.example>\nLähetetty: maanantai 3. maaliskuuta 2025 9.00\n"
             "Vastaanottaja: Eva Ek\nAihe: Lamppu",
             "Alkuperäinen viesti", "Lähetetty iPhonesta", "Ystävällisin terveisin",
             "Tämä viesti on luottamuksellinen ja tarkoitettu vain vastaanottajalle."),
    Language("fr", "Le lun. 3 mars 2025 à 09:00, La Boutique <info@boutique.example> a écrit :",
             "De : La Boutique <info@boutique.example>\nEnvoyé : lundi 3 mars 2025 09:00\nÀ : Eva Ek\nObjet : Lampe",
             "Message d'origine", "Envoyé de mon iPhone", "Cordialement",
             "Ce message est confidentiel et réservé à son destinataire."),
    Language("es", "El lun, 3 mar 2025 a las 9:00, La Tienda (<info@tienda.example>) escribió:",
             "De: La Tienda <info@tienda.example>\nEnviado: lunes, 3 de marzo de 2025 9:00\nPara: Eva Ek\nAsunto: Lámpara",
             "Mensaje original", "Enviado desde mi iPhone", "Un cordial saludo",
             "Este mensaje es confidencial y va dirigido a su destinatario."),
    Language("it", "Il giorno lun 3 mar 2025 alle ore 09:00 Il Negozio <info@negozio.example> ha scritto:",
             "Da: Il Negozio <info@negozio.example>\nInviato: lunedì 3 marzo 2025 09:00\nA: Eva Ek\nOggetto: Lampada",
             "Messaggio originale", "Inviato da iPhone", "Cordiali saluti",
             "Le informazioni contenute in questo messaggio sono riservate al destinatario."),
    Language("nl", "Op ma 3 mrt 2025 om 09:00 schreef De Winkel <info@winkel.example>:",
             "Van: De Winkel <info@winkel.example>\nVerzonden: maandag 3 maart 2025 09:00\nAan: Eva Ek\nOnderwerp: Lamp",
             "Oorspronkelijk bericht", "Verstuurd vanaf mijn iPhone", "Met vriendelijke groet",
             "Dit bericht is vertrouwelijk en alleen bestemd voor de geadresseerde."),
    Language("pt", "A Loja <info@loja.example> escreveu (segunda, 3/03/2025 à(s) 09:00):",
             "De: A Loja <info@loja.example>\nEnviado: segunda-feira, 3 de março de 2025 09:00\nPara: Eva Ek\nAssunto: Candeeiro",
             "Mensagem original", "Enviado do meu iPhone", "Com os melhores cumprimentos",
             "Esta mensagem é confidencial e destina-se apenas ao destinatário."),
    Language("pl", "pon., 3 mar 2025 o 09:00 Sklep <info@sklep.example> napisał(a):",
             "Od: Sklep <info@sklep.example>\nWysłano: poniedziałek, 3 marca 2025 09:00\nDo: Eva Ek\nTemat: Lampa",
             "Oryginalna wiadomość", "Wysłane z iPhone'a", "Z poważaniem",
             "Ta wiadomość zawiera poufne informacje przeznaczone dla adresata."),
]  # fmt: skip

each_language = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)


def marked(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


def wrapped(line: str) -> str:
    """The attribution as programs wrap it: before the address."""
    before, bracket, after = line.partition("<" if "<" in line else "(")
    return f"{before}\n{bracket}{after}"


class TestEachLanguage:
    @each_language
    def test_marked_quote(self, language: Language) -> None:
        assert newest_text(f"{OWN}\n\n{language.attribution}\n\n{marked(QUOTE)}\n") == OWN

    @each_language
    def test_marked_quote_with_wrapped_attribution(self, language: Language) -> None:
        assert newest_text(f"{OWN}\n\n{wrapped(language.attribution)}\n{marked(QUOTE)}\n") == OWN

    @each_language
    def test_quote_without_marks(self, language: Language) -> None:
        assert newest_text(f"{OWN}\n\n{language.attribution}\n\n{QUOTE}\n") == OWN

    @each_language
    def test_quoted_header(self, language: Language) -> None:
        assert newest_text(f"{OWN}\n\n{language.header}\n\n{QUOTE}\n") == OWN

    @each_language
    def test_quoted_header_in_bold_below_a_rule(self, language: Language) -> None:
        bold = "\n".join(
            f"*{label}:*{value}"
            for label, _, value in (line.partition(":") for line in language.header.split("\n"))
        )
        assert newest_text(f"{OWN}\n{'_' * 32}\n{bold}\n\n{QUOTE}\n") == OWN

    @each_language
    def test_original_message(self, language: Language) -> None:
        separator = f"-----{language.original}-----"
        assert newest_text(f"{OWN}\n\n{separator}\n{language.header}\n\n{QUOTE}") == OWN

    @each_language
    def test_tagline_of_a_phone(self, language: Language) -> None:
        assert newest_text(f"{OWN}\n\n{language.tagline}\n") == OWN
        text = f"{OWN}\n\n{language.tagline}\n\n{language.attribution}\n\n{marked(QUOTE)}"
        assert newest_text(text) == OWN

    @each_language
    def test_closing_typed_by_hand_stays(self, language: Language) -> None:
        for closing in (f"{language.closing}\nEva", f"{language.closing},\n\nEva Ek"):
            assert newest_text(f"{OWN}\n\n{closing}\n") == f"{OWN}\n\n{closing}"

    @each_language
    def test_closing_that_leads_into_a_block_goes(self, language: Language) -> None:
        block = f"{language.closing}\nEva Ek\nEk & Co AB\nTel. +46 8 555 010 20\nwww.ek.example"
        assert newest_text(f"{OWN}\n\n{block}\n") == OWN

    @each_language
    def test_disclaimer(self, language: Language) -> None:
        assert newest_text(f"{OWN}\n\n{language.disclaimer}\n") == OWN
        assert newest_text(
            f"{OWN}\n\n{language.closing}\nEva\n\n{language.disclaimer}\n"
        ).startswith(OWN)

    @each_language
    def test_a_forwarded_mail_gives_its_text(self, language: Language) -> None:
        assert newest_text(f"-----{language.original}-----\n{language.header}\n\n{OWN}\n") == OWN

    @pytest.mark.parametrize(
        "table",
        [
            "ATTRIBUTION_VERBS", "ATTRIBUTION_OPENERS", "HEADER_FROM", "HEADER_DATE", "HEADER_TO",
            "HEADER_SUBJECT", "ORIGINAL_MESSAGE", "FORWARDED", "REPLY_ABOVE", "TAGLINES", "CLOSINGS",
        ],
    )  # fmt: skip
    def test_every_table_knows_them(self, table: str) -> None:
        assert {language.code for language in LANGUAGES} <= set(
            next(
                vars(module)[table]
                for module in (quote_marks, header_marks, reply_marks)
                if table in vars(module)
            )
        )


class TestWhereTheAnswerStands:
    def test_below_the_quote(self) -> None:
        text = f"On 3 March 2025 at 09:00, Shop <a@b.example> wrote:\n{marked(QUOTE)}\n\n{OWN}\n"
        assert newest_text(text) == OWN

    def test_between_quotes(self) -> None:
        text = (
            "On 3/3/25 Shop wrote:\n> Which?\n\nThe blue one.\n\n> Which size?\nMedium.\n> Thanks\n"
        )
        assert newest_text(text) == "The blue one.\n\nMedium."

    def test_above_and_below(self) -> None:
        assert newest_text("First.\n\n> quote\n\nLast.\n") == "First.\n\nLast."

    def test_end_of_a_quoted_line_that_lost_its_mark(self) -> None:
        long_line = "> " + "word " * 15
        assert newest_text(f"{OWN}\n\n{long_line}\nand the rest\n> more\n") == OWN

    def test_a_helpdesks_line_above_its_own_mail(self) -> None:
        assert newest_text(f"{OWN}\n\n##- Please reply above this line -##\n\n{QUOTE}") == OWN
        assert newest_text(f"{OWN}\n\n-- Svara ovanför denna rad --\n\n{QUOTE}") == OWN

    @pytest.mark.parametrize(
        "line",
        [
            "2025-03-03 9:00 GMT+01:00 The Shop",
            "The Shop via Our Forum wrote:",
            "The Shop wrote on 3 March 2025 at 09:00:",
        ],
    )
    def test_above_a_quote_without_marks_or_an_address(self, line: str) -> None:
        assert newest_text(f"{OWN}\n\n{line}\n\n{QUOTE}") == OWN

    def test_nothing_but_a_quote(self) -> None:
        assert newest_text(f"On 3/3/25 at 9:00 Shop <a@b.example> wrote:\n{marked(QUOTE)}\n") == ""

    def test_a_forward_below_a_word_of_ones_own(self) -> None:
        text = "See this.\n\n---------- Forwarded message ---------\nFrom: A <a@b.example>\n\nOther text"
        assert newest_text(text) == "See this."

    @pytest.mark.parametrize(
        "pointer",
        [
            "See below.",
            "Hi,\n\nplease see below.\n\nThanks\nEva",
            "Siehe unten!",
            "Se nedan",
            "FYI",
        ],
    )
    def test_a_forward_below_words_that_only_point_to_it(self, pointer: str) -> None:
        header = "From: A <a@b.example>\nDate: 3 March 2025\nTo: B\nSubject: Lamp"
        text = f"{pointer}\n\n---------- Forwarded message ---------\n{header}\n\n{OWN}"
        assert newest_text(text) == f"{pointer}\n\n{OWN}"

    def test_a_forward_that_the_program_marked_as_a_quote(self) -> None:
        text = marked(
            "Begin forwarded message:\n\nFrom: A <a@b.example>\nDate: x\nTo: c\n\nOther text"
        )
        assert newest_text(text) == "Other text"

    def test_parts_are_given_separately(self) -> None:
        letter = split_letter(
            f"{OWN}\n\n-- \nEva\n\nOn 3/3/25 at 9:00 A <a@b.example> wrote:\n> x\n"
        )
        assert letter.newest == OWN
        assert letter.quoted == "On 3/3/25 at 9:00 A <a@b.example> wrote:\n> x"
        assert letter.closing == "-- \nEva"


# What customers write themselves, however much it looks like something else.
KEPT = [
    "Hello,\n\nOn Monday you wrote:\nthe lamp will be sent.\n\nIt was not.",
    "Hej! Den 3 mars skrev ni:\nlampan skickas.\n\nDen kom inte.",
    "From: Malmö\nTo: Lund\nI want to change my ticket.",
    "Please delete my data, you keep confidential papers that I sent by mistake.",
    "Hello.\n\nPlease unsubscribe me from everything and delete my account.",
    "Hej.\n\nJag vill avregistrera mig och få mina uppgifter raderade.",
    "Guten Tag.\n\nDer Empfänger hat das Paket irrtümlich zurückgeschickt, bitte vernichten Sie es nicht.",
    "Bonjour.\n\nMerci de penser à me rembourser.",
    "Hello.\n\nThis message is about order 5512.",
    "Hello.\n\nThis email is the third one that I write.",
    "Hello.\n\nConfidential: my neighbour opened the parcel.",
    "Where is it?\n\nThanks\nEva\n\nPS. The door code is 1234, ring twice if nobody answers.",
    "Where is it?\n\nEva Ek\n070-555 01 02",
    "Where is it?\n\nKind regards\nEva, flat 12",
    "It broke.\nOrder 5512.\nBlue.",
    "What is missing is below, thanks\nOrder 5512\nBlue shirt\nSize M",
    "Thanks\nRed shirt\nBlue shirt\nGreen shirt\nBlack socks",
    "Thanks\n\nBut where is the receipt that you promised me in January?",
    "Sent from my desk this time, as my phone is broken, too.",
    "Two questions:\n- Where is it?\n- When does it come?",
    "1 > 2 is wrong",
    "Hello.\n\nNorton says that your mail has a virus.",
    "Hello.\n\nIn our test environment nothing can be printed any more, no e-mail either.",
    "Guten Tag.\n\nBitte drucken Sie mir die Rechnung auf Papier aus, der Umwelt schadet das nicht.",
    "Hej.\n\nSkriv gärna ut returlappen, jag har ingen skrivare.",
    "Hello.\n\nOn 3 March at 10:12 you wrote:\nthe lamp is on its way.\n\nIt is not.",
    "Hello.\n\nI wrote via your form on 3 March 2025 at 10:12:\nno answer.",
    "Hello.\n\nI sent it from my phone\nand it arrived.",
    "Hello.\n\nMy phone was sent",
    "Hej.\n\nSkickat telefonen till er i dag",
    "Guten Tag.\n\nMein Handy wurde nicht verschickt",
    "Moi.\n\nLähetetty puhelin takaisin teille",
    "Hello.\n\nTwo boxes:\n---\nRed shirt\nBlue shirt",
    "Hello.\n\nThe chat said:\nwe will send a new one.\n\nNothing came.",
    "Hello.\n\nFrom: the shop in Lund\nTo: my home\n\nCan you carry it?",
    "Date: 3 March\nTo: the shop\n\nDear shop, the lamp broke.",
]


@pytest.mark.parametrize("text", KEPT)
def test_own_words_are_kept(text: str) -> None:
    assert newest_text(text) == text


class TestWebForms:
    def test_colon_form(self) -> None:
        text = f"Name: Eva Ek\nE-mail: eva@ek.example\nSubject: Lamp\nMessage:\n\n{OWN}\n\n-- \nSent from the contact form"
        assert newest_text(text) == OWN

    def test_form_whose_labels_nobody_knows(self) -> None:
        text = f"Namn: Eva Ek\nMejl: eva@ek.example\nVad gäller det?:\n\n{OWN}"
        assert newest_text(text) == OWN

    def test_table_form(self) -> None:
        text = f"Nom\tEva Ek\nCourriel\teva@ek.example\nVotre souci\t{OWN.replace(chr(10), ' ')}"
        assert newest_text(text) == OWN.replace("\n", " ")

    def test_a_quoted_mail_with_labels_in_it_is_no_form(self) -> None:
        quoted = (
            "From: D <d@x.example>\nSent: Wed 9:52\nTo: Joe\nSubject: x\n\nHello,\nReference: K7"
        )
        text = f"{OWN}\n\n{quoted}\nPlease tell us:\nyour number\n"
        assert newest_text(text) == OWN

    def test_a_letter_with_a_colon_is_no_form(self) -> None:
        text = "Hello, my details are these.\nName: Eva Ek\nOrder: 5512\nThe lamp is broken: it flickers."
        assert newest_text(text) == text


class TestSignatures:
    def test_delimiter(self) -> None:
        assert newest_text(f"{OWN}\n-- \nEva Ek\nanything") == OWN

    def test_block_without_a_closing(self) -> None:
        assert newest_text(f"{OWN}\n\nEva Ek\nEk & Co\nStorgatan 1, Lund\n046-555 010 20") == OWN

    def test_name_of_the_sender_helps(self) -> None:
        text = f"{OWN}\n\neva ek\nEk & Co\nStorgatan 1, Lund\n046-555 010 20"
        assert newest_text(text, "Eva Ek") == OWN

    def test_mailing_list_footer(self) -> None:
        rule = "_" * 47
        assert newest_text(f"{OWN}\n\n{rule}\nShop mailing list\nhttps://lists.example/shop") == OWN

    def test_pgp_signature(self) -> None:
        assert (
            newest_text(
                f"{OWN}\n-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----"
            )
            == OWN
        )


@pytest.mark.parametrize("text", ["", "\n", " ", ">", "--", ":", "\n\n>\n", "\t:\t", "-----"])
def test_next_to_nothing(text: str) -> None:
    assert newest_text(text) == text.strip("\n >\t-")
