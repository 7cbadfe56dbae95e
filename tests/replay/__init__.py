"""Four weeks of a customer service, at simulated time, through the real doors.

    python -m tests.replay [--weeks 4] [--seed 1] [--keep DIR]

The SMTP door and the analyser behind it, the desk with its LMTP server and its database, the thread
that measures answers, the ack worker, the history, early warning and the weekly page are the ones
that `serve` runs, on sockets and files. They run in one process, since all of them are handed the
same clock (simulated.py). Played are the helpdesk, its people, and the customers (world.py).

At the end rules.py goes over everything that left.
"""
