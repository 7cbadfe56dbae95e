"""What mailtriage costs, beside a milter that does nothing and beside rspamd doing the same job.

    python -m tests.bench            about ten minutes
    python -m tests.bench --short    a minute or so: shows that it runs, its figures mean little

Each mail goes two ways: by SMTP through a real, private Postfix that has the milter configured, and
by the milter protocol to the milter's socket alone. All programs are up all the time; each round
sends the same mails to each of them in random order, by 1, 8 and 32 clients at once, and figures
are compared within a round only. It never fails on a figure, only when something does not work.

What is compared (each milter with two workers, on a unix socket, with its log in a file):

none         Postfix without a milter.
noop         pymilter, pre-forked, takes in all of every message, does nothing.
rspamd       Debian's rspamd, self-scan proxy, patterns compiled by hyperscan beforehand, DNS and all
             network modules off: the phrases of mailtriage's own `words` signals as rules on subject
             and text (all of them; --short: two of each signal and language), language detection,
             headers of the same number and names put on top, forged X-Mailtriage headers taken out,
             one log line a mail.
mailtriage   `mailtriage serve` as shipped, all policies and facets.

Where they differ. rspamd also does what it always does: parses every MIME part, looks for URLs,
hashes; none of that can be switched off. mailtriage also does what is not asked of rspamd: cuts away
quotes and signatures, folds accents, evaluates `near`, `regex`, header and address signals, ties
phrases to the language of the mail, judges mood, churn and customer tier. mailtriage stops reading a
mail when it has seen enough; rspamd cannot. Memory is that of all processes: with rspamd's hyperscan
helper, and with mailtriage's supervisor and whatever else `serve` starts.
"""
