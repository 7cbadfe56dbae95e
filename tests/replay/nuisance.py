"""What else comes into a service mailbox: machines, lists, forged senders. None of it is answered."""

from tests.replay.letters import HELP, SERVICE, Letter, Person, Writer

_NEWS = "Our winter offers: everything must go. Click here to see all products at half the price."
_LIST = "Hello all, has anybody tried the new version on an older machine? Mine does not start."
_SPAM = "Congratulations, you have won a prize. Send us your bank details today to receive it."
_AWAY = "I am out of the office until Monday and will read your message when I am back."
_ROBOT = "Your request has been registered in our system. A member of our staff will handle it."

_REPORT = """\
--b
Content-Type: text/plain; charset=utf-8

The message could not be delivered to one of its recipients.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.{domain}

Final-Recipient: rfc822; nobody@{domain}
Action: failed
Status: 5.1.1

--b--"""


def newsletter(writer: Writer, at: float) -> Letter:
    """Bulk mail with the marks of bulk mail."""
    person = Person("Winter Shop", f"news@shop{writer.random.randint(1, 9)}.example", "en")
    fields = [
        f"List-Unsubscribe: <https://{person.domain}/out>",
        f"List-Id: <news.{person.domain}>",
        "Precedence: bulk",
    ]
    return writer.compose("newsletter", person, "Winter sale", _NEWS, at, fields=fields)


def mailing_list(writer: Writer, at: float) -> Letter:
    """A human, through a list that has the mailbox as a member."""
    person = Person("Kim Novak", f"kim@c{writer.random.randint(9000, 9099)}.example", "en")
    return writer.compose(
        "list", person, "[users] New version on an old machine", _LIST, at,
        fields=["List-Id: <users.lists.example>", "List-Post: <mailto:users@lists.example>"],
        sender="users-bounces@lists.example", to="users@lists.example", mailbox=SERVICE,
    )  # fmt: skip


def bounce(writer: Writer, at: float) -> Letter:
    """A delivery status notification (RFC 3464)."""
    domain = f"c{writer.random.randint(9100, 9199)}.example"
    person = Person("Mail Delivery System", f"MAILER-DAEMON@{domain}", "en")
    return writer.compose(
        "bounce", person, "Undelivered Mail Returned to Sender", _REPORT.format(domain=domain), at,
        sender="", fields=["Auto-Submitted: auto-replied"], mailbox=HELP,
        content_type='multipart/report; report-type=delivery-status; boundary="b"',
    )  # fmt: skip


def vacation(writer: Writer, at: float, person: Person, reply_to: str = "") -> Letter:
    """A note of absence, marked (RFC 3834)."""
    fields = ["Auto-Submitted: auto-replied (vacation)"]
    if reply_to:
        fields += [f"In-Reply-To: {reply_to}", f"References: {reply_to}"]
    sender = "" if writer.random.random() < 0.5 else person.address
    return writer.compose(
        "vacation", person, "Out of office", _AWAY, at, fields=fields, sender=sender
    )


def spam(writer: Writer, at: float) -> Letter:
    """From whoever it says, and from somebody else in truth."""
    person = Person("Prize Team", f"prize{writer.random.randint(1, 999)}@victim.example", "en")
    return writer.compose("spam", person, "You have won", _SPAM, at, results="fail")


def robot(writer: Writer, at: float, person: Person, subject: str, reply_to: str = "") -> Letter:
    """A ticket system that answers every mail, and marks nothing; half of them do not even refer to
    what they answer."""
    fields = [f"In-Reply-To: {reply_to}", f"References: {reply_to}"] if reply_to else []
    return writer.compose("robot", person, subject, _ROBOT, at, fields=fields)


def forged(writer: Writer, at: float) -> Letter:
    """What a customer would write, under an address that is not authenticated."""
    person = writer.person()
    fine = writer.first(person, at, kind="forged")
    return writer.compose(
        "forged", person, fine.subject, fine.text, at, results="fail", mailbox=fine.mailbox
    )


def blind(writer: Writer, at: float) -> Letter:
    """A human's mail that names somebody else as its recipient."""
    person = writer.person()
    fine = writer.first(person, at, kind="blind")
    return writer.compose(
        "blind", person, fine.subject, fine.text, at,
        to="undisclosed-recipients:;", mailbox=fine.mailbox,
    )  # fmt: skip
