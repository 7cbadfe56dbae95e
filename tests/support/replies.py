"""What customers' mail programs make of an answer to a mail that they got."""

from email import message_from_bytes

from tests.support.sink import Delivery
from tests.support.site import Customer


def answer(
    customer: Customer, to: Delivery, number: int, *, threads: bool = True, header: str = ""
) -> bytes:
    """What a mail program makes of an answer to that mail."""
    mail = message_from_bytes(to.content)
    if threads:
        references = f"{mail.get('References', '')} {mail['Message-ID']}".split()
        header += f"In-Reply-To: {mail['Message-ID']}\nReferences: {' '.join(references)}\n"
    raw = customer.mail(
        subject=f"Re: {mail['Subject']}", header=header, body="It still has not come.\n"
    )
    return raw.replace(customer.message_id.encode(), f"<r{number}@{customer.domain}>".encode())
