# mailtriage: the server acknowledges, for mailboxes with ack = "delegate". It answers only where
# mailtriage has found no rule against it, in the language of the mail; nobody twice within a day.
#
# It comes before the script that files (sieve_before, then sieve_before2): what is filed, no later
# script sees. Write the addresses of the mailbox and its aliases into :addresses, your words into
# the texts, and add an elsif for each further language.
require ["vacation"];

if header :is "X-Mailtriage-Ack" "delegated" {
    if header :is "X-Mailtriage-Language" "de" {
        vacation :days 1 :handle "acknowledge" :addresses ["help@desk.example"]
            :subject "Ihre Nachricht ist angekommen"
            "Vielen Dank für Ihre Nachricht. Sie ist angekommen, und wir melden uns bei Ihnen.";
    } elsif header :is "X-Mailtriage-Language" "fr" {
        vacation :days 1 :handle "acknowledge" :addresses ["help@desk.example"]
            :subject "Nous avons bien reçu votre message"
            "Merci de votre message. Nous l'avons bien reçu et nous vous répondrons.";
    } elsif header :is "X-Mailtriage-Language" "sv" {
        vacation :days 1 :handle "acknowledge" :addresses ["help@desk.example"]
            :subject "Vi har fått ditt meddelande"
            "Tack för ditt meddelande. Vi har fått det och hör av oss.";
    } else {
        vacation :days 1 :handle "acknowledge" :addresses ["help@desk.example"]
            :subject "We have received your message"
            "Thank you for your message. We have received it and will get back to you.";
    }
}
