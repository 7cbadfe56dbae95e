"""Mail to Triage: what a mail is about, how urgent it is, who wrote it, and why we say so.

One file a facet; each is a pure function from what is known to a result with its evidence.
"""
