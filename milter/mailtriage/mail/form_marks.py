"""The words of web forms: their fields, and how they name themselves.

Data only; `webform` says how each table is used. All entries are as `str.casefold` gives them, so
German "ß" stands as "ss".
"""

from typing import Final

# How web forms name themselves in the last lines of the mail they send.
FORM_FOOTER_MARKS: Final[tuple[str, ...]] = (
    "contact form", "web form", "webform", "online form", "enquiry form", "kontaktformulär",
    "webbformulär", "formuläret", "kontaktformular", "formularen", "kontaktskjema", "nettskjema",
    "skjemaet", "lomakkeella", "lomakkeen", "lomake", "formular", "formulaire", "formulario",
    "modulo di contatto", "tramite il modulo", "tramite il portale", "tramite il sito", "dal sito",
    "formulier", "contactformulier", "formulário", "através do sítio", "através do site",
    "formularza", "ip address", "ip-adress", "adresse ip", "sent from http", "sent via",
    "sent from", "skickat från", "skickat via", "sendt via", "sendt fra", "lähetetty",
    "gesendet über", "gesendet von", "versendet", "envoyé depuis", "envoyé via", "enviado desde",
    "enviado a través", "inviato da", "inviata da", "inviato tramite", "inviata tramite",
    "verzonden via", "verzonden vanaf", "enviada através", "enviado através", "enviada a partir",
    "wysłano z", "wygenerowan", "submitted via", "submitted from", "submitted through",
)  # fmt: skip

# Labels of a web form's fields.
FORM_LABELS: Final[frozenset[str]] = frozenset({
    # who
    "name", "full name", "your name", "first name", "last name", "surname", "customer", "company",
    "namn", "ditt namn", "förnamn", "efternamn", "företag", "navn", "dit navn", "ditt navn",
    "fornavn", "efternavn", "etternavn", "firma", "virksomhed", "bedrift", "nimi", "etunimi",
    "sukunimi", "yritys", "vorname", "nachname", "ihr name", "unternehmen", "nom", "prénom",
    "votre nom", "nom et prénom", "société", "entreprise", "nombre", "apellidos", "apellido",
    "nombre y apellidos", "empresa", "nome", "cognome", "nome e cognome", "azienda",
    "ragione sociale", "naam", "voornaam", "achternaam", "uw naam", "bedrijf", "apelido",
    "nome completo", "imię", "nazwisko", "imię i nazwisko",
    # how to reach them
    "email", "e-mail", "mail", "email address", "e-mail address", "your email", "phone",
    "telephone", "phone number", "tel", "mobile", "e-post", "epost", "e-postadress", "mejl",
    "telefon", "telefonnummer", "mobil", "mobilnummer", "e-mailadresse", "e-postadresse", "tlf",
    "sähköposti", "sähköpostiosoite", "puhelin", "puhelinnumero", "e-mail-adresse", "ihre e-mail",
    "adresse e-mail", "courriel", "adresse mail", "téléphone", "correo", "correo electrónico",
    "teléfono", "móvil", "indirizzo email", "telefono", "cellulare", "e-mailadres", "emailadres",
    "telefoonnummer", "telefoon", "correio eletrónico", "telefone", "telemóvel", "adres e-mail",
    "adres email", "nr telefonu", "telefon kontaktowy", "adresse", "address", "adress", "osoite",
    "dirección", "indirizzo", "adres", "morada",
    # what about
    "subject", "topic", "category", "regarding", "department", "order number", "order", "ämne",
    "kategori", "ärende", "ordernummer", "emne", "afdeling", "ordrenummer", "skjema", "aihe",
    "luokka", "tilausnumero", "betreff", "thema", "kategorie", "anliegen", "bestellnummer",
    "kundennummer", "objet", "sujet", "catégorie", "motif", "numéro de commande", "asunto",
    "motivo", "categoría", "número de pedido", "oggetto", "categoria", "numero ordine",
    "onderwerp", "categorie", "bestelnummer", "klantnummer", "assunto", "número de encomenda",
    "temat", "kategoria", "numer zamówienia", "kundnummer", "kundenummer", "asiakasnumero", "form",
    "formular", "lomake", "customer number", "reference", "referens", "ønsker svar",
})  # fmt: skip

FORM_MESSAGE_LABELS: Final[frozenset[str]] = frozenset({
    "message", "your message", "comments", "comment", "question", "your question", "enquiry",
    "inquiry", "description", "details", "meddelande", "ditt meddelande", "fråga", "din fråga",
    "beskrivning", "kommentar", "besked", "din besked", "meddelelse", "spørgsmål", "melding",
    "din melding", "beskjed", "spørsmål", "viesti", "viestisi", "kysymys", "kuvaus", "nachricht",
    "ihre nachricht", "mitteilung", "anfrage", "frage", "ihre frage", "beschreibung",
    "votre message", "commentaire", "commentaires", "votre demande", "demande", "mensaje",
    "tu mensaje", "su mensaje", "consulta", "comentarios", "comentario", "descripción",
    "messaggio", "il tuo messaggio", "richiesta", "testo", "domanda", "descrizione",
    "segnalazione", "bericht", "uw bericht", "vraag", "uw vraag", "je vraag", "opmerking",
    "opmerkingen", "omschrijving", "mensagem", "a sua mensagem", "pergunta", "descrição", "pedido",
    "comentário", "wiadomość", "treść", "treść wiadomości", "pytanie", "opis", "tilbakemelding",
    "henvendelse",
})  # fmt: skip
