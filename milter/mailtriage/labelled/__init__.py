"""Labelled mail: what somebody has said a mail is, in the formats that people have it in.

`read_labelled` is the door: a folder, a file or a mailbox in, a `LabelledSet` out. Read by `eval`,
which compares it with what mailtriage says, and by `train`, which learns from it.
"""

from mailtriage.labelled.model import Example, LabelledError, LabelledSet, UnreadableMail
from mailtriage.labelled.read import read_labelled

__all__ = ["Example", "LabelledError", "LabelledSet", "UnreadableMail", "read_labelled"]
