"""Agents who correct mails by mail, through the milter and the part of the desk that takes it."""

from mailtriage.acks.returns import Return, read_return_address, return_address
from mailtriage.desk.copy import Copy
from mailtriage.desk.feedback_mail import FeedbackDesk
from mailtriage.desk.feedback_values import known_skills
from mailtriage.mail.model import Client
from mailtriage.state.feedback import Correction
from tests.support.office import Office

DOMAIN = "triage.desk.example"
AGENT = "ann@desk.example"
OURS = Client("192.0.2.9", "office.desk.example")
STRANGER = Client("198.51.100.66", "mail.elsewhere.example")
MACHINE = Client("127.0.0.1", "localhost")
M1 = "<m1@customer.example>"
SKILL = Return("correction", facet="skill", value="billing")


class Corrected:
    """The part of the desk that takes corrections."""

    def __init__(self, office: Office) -> None:
        self.office = office
        skills = known_skills(office.analyst.matcher.policies, office.analyst.model)
        self.desk = FeedbackDesk(office.config, office.tokens, skills)

    def address(self, what: Return = SKILL) -> str:
        return return_address(self.office.tokens, DOMAIN, what)

    def copy(
        self, raw: bytes, *, client: Client = OURS, what: Return = SKILL, sender: str = AGENT
    ) -> Copy:
        """The mail as Postfix hands it to the desk, once the milter has seen it."""
        address = self.address(what)
        taken = self.office.take(raw, sender=sender, recipients=(address,), client=client)
        return Copy(sender, address, taken.message)

    def prepared(self, copy: Copy) -> tuple[Correction, ...]:
        what = read_return_address(self.office.tokens, DOMAIN, copy.recipient)
        assert what is not None
        found = self.desk.prepare(copy, what, 2e9)
        return found.rows if found else ()

    def ids(self, copy: Copy) -> list[str]:
        """Which of the mails <m0…> to <m99…> are meant."""
        named = {
            self.office.tokens.pseudonym("message-id", f"<m{n}@customer.example>"): f"m{n}"
            for n in range(100)
        }
        return [named.get(one.message, "?") for one in self.prepared(copy)]


def forward(
    address: str,
    *attached: bytes,
    header: str = "",
    text: str = "Please see below.\r\n",
) -> bytes:
    """A mail of an agent's, with mails attached to it."""
    lines = [
        f"From: Ann <{AGENT}>",
        f"To: {address}",
        "Subject: Fwd: Where is my parcel?",
        "Message-ID: <forward@desk.example>",
        *header.splitlines(),
    ]
    if not attached:
        return "\r\n".join((*lines, "", text)).encode()
    lines += ["MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"']
    start = "\r\n".join((*lines, "", "--b", "Content-Type: text/plain", "", text, "")).encode()
    parts = b"".join(
        b"--b\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n" + one
        for one in attached
    )
    return start + parts + b"--b--\r\n"


def resent(address: str, message: bytes) -> bytes:
    """The mail itself, sent on (RFC 5322 section 3.6.6)."""
    header = (
        f"Resent-From: {AGENT}\r\nResent-To: {address}\r\nResent-Message-ID: <r@desk.example>\r\n"
    )
    return header.encode() + message
