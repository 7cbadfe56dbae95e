"""Texts as the matcher sees them, for tests of what is read in them."""

from mailtriage.mail.model import Mail
from mailtriage.policies.text import MailText, mail_text


def text_of(body: str, subject: str = "") -> MailText:
    return mail_text(Mail(subject=subject, text=body, newest_text=body))
