"""What becomes of mail and acknowledgements while the processes of mailtriage are killed at random.

    python -m tests.chaos                 1,500 mails, a few minutes
    python -m tests.chaos --faults        single faults, one small run each, one line each

A site as an administrator has it (tests/support/site.py: real Postfix wired with what `mailtriage
postfix` prints, real signer, real `mailtriage serve`). Eight clients send, and send again until
they have an answer; some lose the first answer, right after the final dot. Another milter refuses
some of the mails, for one half of the clients before mailtriage sees them and for the other half
after. Meanwhile SIGKILL goes to a milter worker, an analyser, the desk or the ack worker, a few
times a second. When Postfix's queue and the outbox are empty again, everything is counted.

Two waits of the product are shorter here, so that there is something to kill, and so that a run
ends: the supervisor's pauses before it replaces what crashes again and again, and the lease after
which an acknowledgement whose sender died is sent by another. `--as-shipped` leaves them as they
are.
"""
