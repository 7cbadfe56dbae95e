"""Mail to our return addresses: bounces, votes, opt-outs and corrections. None is ever answered.

The whole domain is taken, also what we did not sign, and whatever has the form of our addresses in
any other domain. Postfix has said 250 to the client already: were it refused here, Postfix would
have to send a bounce, to a sender that may be forged (backscatter). So it is taken, thrown away and
counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from mailtriage.acks.authentication import read_authentication
from mailtriage.acks.returns import Return, is_return_address, read_return_address
from mailtriage.acks.tokens import Tokens
from mailtriage.config.sections import Config
from mailtriage.desk.bounces import Bounce, read_bounce
from mailtriage.desk.copy import Arrival, Copy, read_received
from mailtriage.desk.delivery import Judgement
from mailtriage.desk.feedback_mail import is_own
from mailtriage.desk.handle import Outcome, Prepared
from mailtriage.desk.report import Level
from mailtriage.desk.votes import is_author, why_no_vote
from mailtriage.mail.fields import split_fields
from mailtriage.mail.model import Envelope, Mail
from mailtriage.mail.read import read_mail
from mailtriage.state.store import Store


class Corrector(Protocol):
    """What is done with corrections of agents (desk/feedback_mail.py)."""

    def prepare(self, copy: Copy, what: Return, now: float) -> object | None:
        """What is corrected; None when the mail corrects nothing."""

    def write(self, corrections: object) -> int:
        """Keep it, and return how many mails are corrected. Whatever is raised brings the mail
        again."""


@dataclass(frozen=True, slots=True)
class PreparedReturn(Prepared):
    """A mail to a return address, ready for the transaction."""

    what: Return | None = None
    """None: we did not sign the address."""
    why_not: str = ""
    """Why it has no effect, in a word; empty: it has one."""
    rule: str = ""
    """The rule that says so, if one does."""
    bounce: Bounce | None = None
    author: str = ""
    """Address in From:, when somebody vouches for it."""
    corrections: object | None = None


class ReturnDesk:
    """The desk's judgement, which knows return addresses as well. Immutable; `prepare` may run in
    any thread."""

    def __init__(
        self,
        judgement: Judgement,
        config: Config,
        tokens: Tokens,
        corrector: Corrector | None = None,
    ) -> None:
        """`judgement`: for all other recipients. `corrector` None: nobody corrects anything."""
        self._judgement: Final = judgement
        self._config: Final = config
        self._tokens: Final = tokens
        self._corrector: Final = corrector
        self._domain: Final = config.follow_ups.returns.domain

    def prepare(self, copy: Copy, now: float) -> Prepared | None:
        """See `Judgement`."""
        if not is_return_address(self._domain, copy.recipient):
            return self._judgement.prepare(copy, now)
        # In any domain: the signature is ours, and what was asked is in our database.
        written = copy.recipient.rpartition("@")[2]
        what = read_return_address(self._tokens, written, copy.recipient)
        if what is None:
            return PreparedReturn(b"", now)
        if what.kind == "correction":
            return self._corrected(copy, what, now)
        raw, body_at, _ = split_fields(copy.message)
        mail, arrival = _read(raw, copy)
        at = min(arrival.at or now, now)
        if what.kind == "bounce":
            bounce = read_bounce(copy.sender, mail, copy.message[body_at:])
            return PreparedReturn(what.key, at, what=what, bounce=bounce)
        if what.kind == "opt-out":
            found = read_authentication(mail, self._config)
            author = mail.from_address if is_author(mail, self._config, found) else ""
            return PreparedReturn(what.key, at, what=what, author=author)
        why, rule = "own", "D11"
        if not is_own(raw, self._config):
            why, rule = why_no_vote(mail, self._config, self._tokens, now)
        return PreparedReturn(what.key, at, what=what, why_not=why, rule=rule)

    def _corrected(self, copy: Copy, what: Return, now: float) -> PreparedReturn:
        if self._corrector is None:
            return PreparedReturn(b"", now, what=what, why_not="off")
        found = self._corrector.prepare(copy, what, now)
        why_not = "refused" if found is None else ""
        return PreparedReturn(b"", now, what=what, why_not=why_not, corrections=found)

    def apply(self, prepared: Prepared, store: Store, now: float) -> Outcome:
        """See `Judgement`."""
        if not isinstance(prepared, PreparedReturn):
            return self._judgement.apply(prepared, store, now)
        what = prepared.what
        if what is None:
            return _outcome("none", "unsigned", level="debug")
        if prepared.why_not:
            more = {"rule": prepared.rule} if prepared.rule else {}
            return _outcome(what.kind, prepared.why_not, more)
        if what.kind == "vote":
            return self._voted(prepared, what, store)
        if what.kind == "opt-out":
            return _outcome("opt-out", _opted_out(prepared, store))
        if what.kind == "bounce":
            return _bounced(prepared, store, now)
        return self._write_corrections(prepared)

    def _voted(self, prepared: PreparedReturn, what: Return, store: Store) -> Outcome:
        valid = self._config.follow_ups.surveys.valid
        voted = store.surveys.vote(what.key, what.vote, prepared.received, valid)
        if voted.result != "counted":
            return _outcome("vote", voted.result)
        return _outcome("vote", voted.result, {"vote": what.vote, "skill": voted.skill})

    def _write_corrections(self, prepared: PreparedReturn) -> Outcome:
        if self._corrector is None or prepared.corrections is None:
            return _outcome("correction", "refused")
        try:
            count = self._corrector.write(prepared.corrections)
        except Exception as fault:
            # Whatever it is, it is not the desk's own database that is at fault.
            raise CorrectionError("corrections could not be kept") from fault
        return _outcome("correction", "kept", {"mails": count})


class CorrectionError(Exception):
    """Postfix keeps the mail, and brings it again."""


def _opted_out(prepared: PreparedReturn, store: Store) -> str:
    """Whose wish it is the survey says; one that is forgotten, or was another node's, does not, and
    then it is the author's."""
    whom = store.surveys.asked_whom(prepared.key)
    if whom:
        return "kept" if store.surveys.opt_out(whom, prepared.received) else "repeated"
    if not prepared.author:
        return "unknown"
    return store.surveys.opt_out_author(prepared.key, prepared.author, prepared.received)


def _bounced(prepared: PreparedReturn, store: Store, now: float) -> Outcome:
    bounce = prepared.bounce
    if bounce is None or bounce.result != "failed":
        return _outcome("bounce", bounce.result if bounce else "unreadable")
    result = store.surveys.bounced(prepared.key, bounce.recipients, now)
    return _outcome("bounce", result, {"status": bounce.status or "-"})


def _outcome(
    kind: str, result: str, more: Mapping[str, object] | None = None, *, level: Level = "info"
) -> Outcome:
    return Outcome(level, {"event": "return", "kind": kind, "result": result, **(more or {})})


def _read(raw: list[tuple[bytes, bytes]], copy: Copy) -> tuple[Mail, Arrival]:
    """Its header as a milter would have seen it, and how our Postfix got it."""
    fields: list[tuple[str, bytes]] = []
    arrival: Arrival | None = None
    for name_bytes, value in raw:
        name = name_bytes.decode("ascii", "surrogateescape")
        if name.lower() == "received" and arrival is None:
            arrival = read_received(value)  # our own Postfix's, which milters do not see
        else:
            fields.append((name, value))
    arrival = arrival or Arrival()
    mail = read_mail(
        fields,
        b"",
        envelope=Envelope(copy.sender, (copy.recipient,)),
        client=arrival.client,
        queue_id=arrival.queue_id,
    )
    return mail, arrival
