"""Hours in minutes: a whole site under steady mail while its workers are killed and reloaded.

    python -m tests.soak                              30 minutes, 100 mails a second
    python -m tests.soak --minutes 5 --rate 50        shorter, slower

A site as an administrator has it (tests/support/site.py: real Postfix wired with what `mailtriage
postfix` prints, real signer, real `mailtriage serve`). Clients send customers' mails, newsletters
and robots' answers. Every 20 s SIGKILL goes to a milter worker or an analyser, in turn, and every 30
s the supervisor is told to read its configuration anew (SIGHUP), which replaces all processes but
itself. Where the machine cannot do the rate that is wished for, the rate falls until Postfix's queue
and the outbox stay short, and the table says what was held.

A reload gives every process a new life, and so would hide what grows in one. Hence a calm stretch
follows, with the same mail, without reloads and kills, in which every process is judged for itself.
Workers are not recycled after so many mails, for the same reason.
"""
