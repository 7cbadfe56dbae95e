"""What the generated customers write: short letters in twelve languages, written for this benchmark.

Each language has what a letter is put together from. `{n}` is a number of six digits, `{d}` a date.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Language:
    """The building blocks of a letter in one language."""

    names: tuple[str, ...]
    greeting: str
    closing: str
    wrote: str
    """What a mail program puts above a quoted mail."""
    concerns: tuple[tuple[str, str], ...]
    """(subject, what it is about)"""
    asides: tuple[str, ...]


LANGUAGES: Final[dict[str, Language]] = {
    "sv": Language(
        names=("Åsa Lindgren", "Göran Sjöö", "Märta Ek"),
        greeting="Hej!",
        closing="Med vänliga hälsningar",
        wrote="Den {d} skrev Kundtjänst:",
        concerns=(
            (
                "Fel belopp på faktura {n}",
                "Fakturan {n} som kom i dag är på fel belopp, jag har redan betalat hälften i förskott.",
            ),
            (
                "Paketet har inte kommit",
                "Enligt spårningen skulle paket {n} ha levererats {d}, men det finns inte hos ombudet.",
            ),
            (
                "Bredbandet ligger nere",
                "Sedan i morse fungerar inte internet hos oss och routern visar felkod {n}.",
            ),
            (
                "Uppsägning av avtal {n}",
                "Jag vill säga upp mitt abonnemang från och med {d} och ha det bekräftat skriftligt.",
            ),
        ),
        asides=(
            "Jag har försökt ringa två gånger men gav upp efter en halvtimme i kö.",
            "Vi har handlat hos er i många år och brukar vara nöjda.",
            "Kan ni svara innan veckan är slut, så att jag hinner planera?",
            "Kvittot bifogas tillsammans med en bild på skadan.",
        ),
    ),
    "en": Language(
        names=("Alice Walker", "Tom O'Hara", "Priya Nair"),
        greeting="Hello,",
        closing="Kind regards",
        wrote="On {d}, Customer Service wrote:",
        concerns=(
            (
                "Wrong amount on invoice {n}",
                "The invoice {n} that reached me today is wrong: half of it was already paid in advance.",
            ),
            (
                "My parcel has not arrived",
                "The tracking page says that parcel {n} was delivered on {d}, but nobody here has seen it.",
            ),
            (
                "Internet is down",
                "Since this morning our connection does not work at all and the router shows error code {n}.",
            ),
            (
                "Cancellation of contract {n}",
                "I want to cancel my subscription as of {d} and would like to have that confirmed in writing.",
            ),
        ),
        asides=(
            "I tried to call you twice but gave up after half an hour on hold.",
            "We have been customers of yours for many years and are usually happy.",
            "Could you answer before the end of the week, so that I can plan?",
            "The receipt is attached together with a picture of the damage.",
        ),
    ),
    "de": Language(
        names=("Jürgen Schäfer", "Anke Weiß", "Björn Lübke"),
        greeting="Guten Tag,",
        closing="Mit freundlichen Grüßen",
        wrote="Am {d} schrieb der Kundenservice:",
        concerns=(
            (
                "Falscher Betrag auf Rechnung {n}",
                "Die Rechnung {n}, die heute kam, stimmt nicht: die Hälfte hatte ich bereits im Voraus bezahlt.",
            ),
            (
                "Paket nicht angekommen",
                "Laut Sendungsverfolgung wurde das Paket {n} am {d} zugestellt, hier hat es aber niemand gesehen.",
            ),
            (
                "Internet ausgefallen",
                "Seit heute Morgen funktioniert unser Anschluss nicht mehr, der Router zeigt den Fehlercode {n}.",
            ),
            (
                "Kündigung des Vertrags {n}",
                "Ich möchte mein Abonnement zum {d} kündigen und bitte um eine schriftliche Bestätigung.",
            ),
        ),
        asides=(
            "Ich habe zweimal angerufen und nach einer halben Stunde in der Warteschleife aufgegeben.",
            "Wir sind seit vielen Jahren Kunden bei Ihnen und meist zufrieden.",
            "Könnten Sie bis Ende der Woche antworten, damit ich planen kann?",
            "Der Beleg liegt bei, dazu ein Bild des Schadens.",
        ),
    ),
    "da": Language(
        names=("Søren Kjær", "Mette Østergaard", "Bodil Bæk"),
        greeting="Hej,",
        closing="Med venlig hilsen",
        wrote="Den {d} skrev Kundeservice:",
        concerns=(
            (
                "Forkert beløb på faktura {n}",
                "Fakturaen {n}, der kom i dag, er forkert: halvdelen var allerede betalt på forhånd.",
            ),
            (
                "Pakken er ikke kommet",
                "Ifølge sporingen blev pakke {n} leveret den {d}, men ingen her har set den.",
            ),
            (
                "Internettet er nede",
                "Siden i morges virker vores forbindelse slet ikke, og routeren viser fejlkode {n}.",
            ),
            (
                "Opsigelse af aftale {n}",
                "Jeg vil gerne opsige mit abonnement fra {d} og have det bekræftet på skrift.",
            ),
        ),
        asides=(
            "Jeg har prøvet at ringe to gange, men gav op efter en halv time i kø.",
            "Vi har været kunder hos jer i mange år og plejer at være glade for det.",
            "Kan I svare inden ugen er omme, så jeg kan nå at planlægge?",
            "Kvitteringen er vedhæftet sammen med et billede af skaden.",
        ),
    ),
    "nb": Language(
        names=("Øyvind Håland", "Kjersti Bø", "Ingrid Sæther"),
        greeting="Hei,",
        closing="Med vennlig hilsen",
        wrote="Den {d} skrev Kundeservice:",
        concerns=(
            (
                "Feil beløp på faktura {n}",
                "Fakturaen {n} som kom i dag, er feil: halvparten var allerede betalt på forhånd.",
            ),
            (
                "Pakken har ikke kommet",
                "Ifølge sporingen ble pakke {n} levert {d}, men ingen her har sett den.",
            ),
            (
                "Nettet er nede",
                "Siden i morges virker ikke forbindelsen vår i det hele tatt, og ruteren viser feilkode {n}.",
            ),
            (
                "Oppsigelse av avtale {n}",
                "Jeg ønsker å si opp abonnementet mitt fra {d} og vil ha det bekreftet skriftlig.",
            ),
        ),
        asides=(
            "Jeg har prøvd å ringe to ganger, men ga opp etter en halvtime i kø.",
            "Vi har vært kunder hos dere i mange år og er vanligvis fornøyde.",
            "Kan dere svare før uken er omme, slik at jeg får planlagt?",
            "Kvitteringen er vedlagt sammen med et bilde av skaden.",
        ),
    ),
    "fi": Language(
        names=("Päivi Mäkelä", "Väinö Rönkkö", "Outi Särkkä"),
        greeting="Hei,",
        closing="Ystävällisin terveisin",
        wrote="Asiakaspalvelu kirjoitti {d}:",
        concerns=(
            (
                "Väärä summa laskussa {n}",
                "Tänään tullut lasku {n} on väärin: puolet siitä oli jo maksettu etukäteen.",
            ),
            (
                "Paketti ei ole saapunut",
                "Seurannan mukaan paketti {n} toimitettiin {d}, mutta kukaan täällä ei ole nähnyt sitä.",
            ),
            (
                "Netti ei toimi",
                "Aamusta asti yhteytemme ei ole toiminut lainkaan ja reititin näyttää virhekoodia {n}.",
            ),
            (
                "Sopimuksen {n} irtisanominen",
                "Haluan irtisanoa tilaukseni {d} alkaen ja pyydän siitä kirjallisen vahvistuksen.",
            ),
        ),
        asides=(
            "Yritin soittaa kahdesti, mutta luovutin puolen tunnin jonotuksen jälkeen.",
            "Olemme olleet asiakkaitanne monta vuotta ja yleensä tyytyväisiä.",
            "Voisitteko vastata ennen viikon loppua, jotta ehdin suunnitella?",
            "Kuitti on liitteenä yhdessä vauriosta otetun kuvan kanssa.",
        ),
    ),
    "fr": Language(
        names=("Hélène Lefèvre", "François Noël", "Zoé Garçon"),
        greeting="Bonjour,",
        closing="Cordialement",
        wrote="Le {d}, le Service Client a écrit :",
        concerns=(
            (
                "Montant erroné sur la facture {n}",
                "La facture {n} reçue aujourd'hui est fausse : la moitié avait déjà été payée d'avance.",
            ),
            (
                "Mon colis n'est pas arrivé",
                "D'après le suivi, le colis {n} a été livré le {d}, mais personne ici ne l'a vu.",
            ),
            (
                "Panne d'internet",
                "Depuis ce matin notre connexion ne fonctionne plus du tout et la box affiche le code d'erreur {n}.",
            ),
            (
                "Résiliation du contrat {n}",
                "Je souhaite résilier mon abonnement à compter du {d} et recevoir une confirmation écrite.",
            ),
        ),
        asides=(
            "J'ai appelé deux fois, mais j'ai renoncé après une demi-heure d'attente.",
            "Nous sommes clients chez vous depuis de nombreuses années et plutôt satisfaits.",
            "Pourriez-vous répondre avant la fin de la semaine, pour que je m'organise ?",
            "Le reçu est joint avec une photo du dommage.",
        ),
    ),
    "es": Language(
        names=("José Núñez", "Begoña Ibáñez", "María Peña"),
        greeting="Buenos días:",
        closing="Un saludo cordial",
        wrote="El {d}, Atención al Cliente escribió:",
        concerns=(
            (
                "Importe incorrecto en la factura {n}",
                "La factura {n} que ha llegado hoy está mal: la mitad ya estaba pagada por adelantado.",
            ),
            (
                "No ha llegado mi paquete",
                "Según el seguimiento, el paquete {n} se entregó el {d}, pero aquí nadie lo ha visto.",
            ),
            (
                "Internet no funciona",
                "Desde esta mañana nuestra conexión no funciona y el rúter muestra el código de error {n}.",
            ),
            (
                "Baja del contrato {n}",
                "Quiero cancelar mi suscripción a partir del {d} y recibir la confirmación por escrito.",
            ),
        ),
        asides=(
            "He llamado dos veces, pero desistí tras media hora de espera.",
            "Somos clientes suyos desde hace muchos años y solemos estar contentos.",
            "¿Podrían contestar antes del fin de semana para poder organizarme?",
            "Adjunto el recibo junto con una foto de los daños.",
        ),
    ),
    "it": Language(
        names=("Niccolò Conti", "Desirée Villa", "Chiara Greco"),
        greeting="Buongiorno,",
        closing="Cordiali saluti",
        wrote="Il giorno {d} il Servizio Clienti ha scritto:",
        concerns=(
            (
                "Importo errato nella fattura {n}",
                "La fattura {n} arrivata oggi è sbagliata: metà era già stata pagata in anticipo.",
            ),
            (
                "Il pacco non è arrivato",
                "Secondo il tracciamento il pacco {n} è stato consegnato il {d}, ma qui nessuno lo ha visto.",
            ),
            (
                "Internet non funziona",
                "Da stamattina la nostra connessione non va più e il router mostra il codice di errore {n}.",
            ),
            (
                "Disdetta del contratto {n}",
                "Desidero disdire il mio abbonamento a partire dal {d} e ricevere una conferma scritta.",
            ),
        ),
        asides=(
            "Ho chiamato due volte, ma dopo mezz'ora di attesa ho rinunciato.",
            "Siamo vostri clienti da molti anni e di solito siamo soddisfatti.",
            "Potete rispondere entro la fine della settimana, così posso organizzarmi?",
            "In allegato la ricevuta insieme a una foto del danno.",
        ),
    ),
    "nl": Language(
        names=("Daniël de Vries", "Noëlle van Dijk", "Sjoerd Visser"),
        greeting="Beste medewerker,",
        closing="Met vriendelijke groet",
        wrote="Op {d} schreef de Klantenservice:",
        concerns=(
            (
                "Verkeerd bedrag op factuur {n}",
                "De factuur {n} die vandaag kwam klopt niet: de helft was al vooraf betaald.",
            ),
            (
                "Pakket niet aangekomen",
                "Volgens de tracering is pakket {n} op {d} bezorgd, maar niemand hier heeft het gezien.",
            ),
            (
                "Internet ligt eruit",
                "Sinds vanmorgen werkt onze verbinding helemaal niet en de router toont foutcode {n}.",
            ),
            (
                "Opzegging van contract {n}",
                "Ik wil mijn abonnement met ingang van {d} opzeggen en ontvang daarvan graag een schriftelijke bevestiging.",
            ),
        ),
        asides=(
            "Ik heb twee keer gebeld, maar gaf het op na een half uur in de wacht.",
            "Wij zijn al vele jaren klant bij u en meestal tevreden.",
            "Kunt u voor het einde van de week antwoorden, zodat ik kan plannen?",
            "De bon is bijgevoegd, samen met een foto van de schade.",
        ),
    ),
    "pt": Language(
        names=("João Gonçalves", "Inês Simões", "Lúcia Antão"),
        greeting="Bom dia,",
        closing="Com os melhores cumprimentos",
        wrote="Em {d}, o Apoio ao Cliente escreveu:",
        concerns=(
            (
                "Valor errado na fatura {n}",
                "A fatura {n} que chegou hoje está errada: metade já tinha sido paga antecipadamente.",
            ),
            (
                "A encomenda não chegou",
                "Segundo o seguimento, a encomenda {n} foi entregue em {d}, mas aqui ninguém a viu.",
            ),
            (
                "Internet em baixo",
                "Desde esta manhã a nossa ligação não funciona e o router mostra o código de erro {n}.",
            ),
            (
                "Rescisão do contrato {n}",
                "Quero cancelar a minha assinatura a partir de {d} e receber a confirmação por escrito.",
            ),
        ),
        asides=(
            "Liguei duas vezes, mas desisti ao fim de meia hora de espera.",
            "Somos vossos clientes há muitos anos e costumamos estar satisfeitos.",
            "Podem responder antes do fim da semana, para eu me organizar?",
            "Segue em anexo o recibo com uma fotografia dos danos.",
        ),
    ),
    "pl": Language(
        names=("Łukasz Wójcik", "Grażyna Dąbrowska", "Paweł Śliwa"),
        greeting="Dzień dobry,",
        closing="Z poważaniem",
        wrote="W dniu {d} Biuro Obsługi Klienta napisało:",
        concerns=(
            (
                "Błędna kwota na fakturze {n}",
                "Faktura {n}, która dziś przyszła, jest błędna: połowa została już zapłacona z góry.",
            ),
            (
                "Paczka nie dotarła",
                "Według śledzenia paczka {n} została doręczona {d}, ale nikt jej tu nie widział.",
            ),
            (
                "Nie działa internet",
                "Od rana nasze łącze w ogóle nie działa, a router pokazuje kod błędu {n}.",
            ),
            (
                "Rezygnacja z umowy {n}",
                "Chcę zrezygnować z abonamentu od {d} i proszę o pisemne potwierdzenie.",
            ),
        ),
        asides=(
            "Dzwoniłem dwa razy, ale po pół godzinie czekania się poddałem.",
            "Jesteśmy Państwa klientami od wielu lat i zwykle jesteśmy zadowoleni.",
            "Czy mogą Państwo odpowiedzieć przed końcem tygodnia, żebym mógł wszystko zaplanować?",
            "W załączniku rachunek wraz ze zdjęciem uszkodzenia.",
        ),
    ),
}
