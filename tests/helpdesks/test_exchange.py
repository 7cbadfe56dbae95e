"""config/helpdesks/exchange/transport-rules.ps1: no PowerShell runs here, so the text is held to what
we send and to the documentation; what its rules do with our mail is re-stated in products/exchange.py.
"""

import re
from email import message_from_bytes
from email.message import Message
from itertools import pairwise

import pytest

from mailtriage.config.facts import LEVELS as PRIORITIES
from mailtriage.tags.vocabulary import ALL_NAMES
from tests.helpdesks.finished import GERMAN, LEVELS, NORMAL, desk, finished
from tests.helpdesks.product import Ticket
from tests.helpdesks.products import exchange
from tests.support.office import HELP, letter

# MicrosoftDocs/office-docs-powershell, exchange/exchange-ps/ExchangePowerShell/New-TransportRule.md
# and Set-TransportRule.md, as of August 2026: of their parameters, those that the script uses. All
# are there in Exchange Online and in Exchange Server from 2013 on.
PARAMETERS = {
    "Name", "Mode", "SentTo", "SenderIpRanges", "ExceptIfSenderIpRanges",
    "HeaderContainsMessageHeader", "HeaderContainsWords",
    "HeaderMatchesMessageHeader", "HeaderMatchesPatterns",
    "ExceptIfHeaderMatchesMessageHeader", "ExceptIfHeaderMatchesPatterns",
    "RemoveHeader", "SetHeaderName", "SetHeaderValue", "RedirectMessageTo",
}  # fmt: skip

_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_PAIRS = {")": "(", "]": "[", "}": "{"}


def code() -> str:
    """The script without its comments."""
    return re.sub(
        r"^\s*#.*$",
        "",
        re.sub(r"<#.*?#>", "", exchange.script(), flags=re.DOTALL),
        flags=re.MULTILINE,
    )


def unbalanced(text: str) -> str:
    """The first bracket that has no partner, and its line; empty when all have one."""
    opened: list[tuple[str, int]] = []
    for number, line in enumerate(text.splitlines(), 1):
        for mark in re.findall(r"[()\[\]{}]", _QUOTED.sub("''", line)):
            if mark in _PAIRS.values():
                opened.append((mark, number))
            elif not opened or opened.pop()[0] != _PAIRS[mark]:
                return f"{mark} in line {number}"
    return f"{opened[-1][0]} in line {opened[-1][1]}" if opened else ""


def tagged(raw: bytes) -> Message:
    """The mail as Exchange gets it from our Postfix."""
    return message_from_bytes(finished("exchange", raw))


def with_tags(**tags: str) -> Message:
    """A finished mail whose tags say something else."""
    mail = tagged(NORMAL)
    for name, value in tags.items():
        mail.replace_header(f"X-Mailtriage-{name}", value)
    return mail


def test_its_brackets_and_quotes_are_in_pairs() -> None:
    assert unbalanced(code()) == ""
    assert unbalanced(code().replace("))", ")", 1)) != ""
    assert not [line for line in code().splitlines() if re.search(r"['\"]", _QUOTED.sub("", line))]


def test_it_is_plain_ascii() -> None:
    """Windows PowerShell reads a file without a mark in the code page of the machine, and takes
    typographic quotes for quotes."""
    assert exchange.script().isascii()


def test_it_strips_every_field_that_we_send_and_names_no_other() -> None:
    block = re.search(r"\$OurFields = @\((.*?)\n\)", code(), re.DOTALL)
    assert block is not None
    assert re.findall(r"'(.*?)'", block[1]) == list(ALL_NAMES)
    assert set(re.findall(r"X-Mailtriage[A-Za-z-]*", code())) <= set(ALL_NAMES)


def test_every_priority_has_its_importance() -> None:
    """MS-OXCMAIL 2.2.3.2.5: High, Normal and Low, and no other."""
    assert tuple(exchange.importance_rules()) == PRIORITIES
    assert list(exchange.importance_rules().values()) == ["High", "High", "Normal", "Low"]


def test_its_rules_have_documented_parameters_only() -> None:
    used = set(re.findall(r"^ +(\w+) += ", code().partition("$wanted = @()")[2], re.MULTILINE))
    used |= set(re.findall(r"\['(\w+)'\]", code()))
    assert "RedirectMessageTo" in used
    assert used == PARAMETERS


def test_no_rule_acts_on_mail_from_elsewhere() -> None:
    """Either it is the exception (strip) or the condition (all others)."""
    rules = re.findall(r"@\{\n(.*?)\n    \}", code().partition("$wanted = @()")[2], re.DOTALL)
    assert len(rules) == 5
    for rule in rules:
        strips = "RemoveHeader" in rule
        wanted = "ExceptIfSenderIpRanges" if strips else "SenderIpRanges"
        assert re.search(rf"^ +{wanted} += \$MailtriageServers$", rule, re.MULTILINE)
        assert strips or re.search(r"^ +SentTo += \$Mailbox$", rule, re.MULTILINE)


def test_nothing_is_changed_but_where_whatif_is_asked() -> None:
    lines = [line.strip() for line in code().splitlines() if line.strip()]
    changes = [
        (before, line)
        for before, line in pairwise(lines)
        if line.startswith(("New-TransportRule", "Set-TransportRule"))
    ]
    assert len(changes) == 2
    for before, line in changes:
        assert f"$PSCmdlet.ShouldProcess($name, '{line.split()[0]}')" in before
    assert not re.search(r"^\s*(Remove|Disable|Enable)-\w+", code(), re.MULTILINE)


def test_the_patterns_of_the_script_are_those_that_are_tried_here() -> None:
    assert code().count(r"'^\s*' + $key + '\s*$'") == 3
    assert code().count(r"'^\s*' + $key + '-[a-z]+\s*$'") == 1


@pytest.mark.parametrize(
    ("level", "importance"),
    [("urgent", "High"), ("high", "High"), ("normal", "Normal"), ("low", "Low")],
)
def test_priority_shows_as_importance(level: str, importance: str) -> None:
    assert exchange.importance(with_tags(Priority=level)) == importance


def test_what_the_customer_has_marked_does_not_show() -> None:
    mail = tagged(letter(more="Importance: High\nX-Mailtriage-Priority: urgent"))
    assert mail["X-Mailtriage-Sender-Marked"] == "high"
    assert exchange.importance(mail) == "Normal"


@pytest.mark.parametrize(
    ("route", "skill", "language", "mailboxes"),
    [
        ("billing-de", "billing", "de", ["billing-de@desk.example"]),
        ("billing-en", "billing", "en", ["billing@desk.example"]),
        ("delivery-de", "delivery", "de", ["delivery@desk.example"]),
        ("technical-de", "technical", "de", ["german@desk.example"]),
        ("technical-en", "technical", "en", []),
        ("billing-abroad-de", "billing-abroad", "de", ["german@desk.example"]),
        ("billing-abroad-en", "billing-abroad", "en", []),
        ("general-und", "general", "und", []),
    ],
)
def test_a_mail_goes_to_one_mailbox_at_most(
    route: str, skill: str, language: str, mailboxes: list[str]
) -> None:
    """The narrower rule goes first; a skill is not found in the name of another."""
    mail = with_tags(Route=route, Skill=skill, Language=language)
    assert exchange.redirected(mail) == mailboxes


def test_real_mail_is_redirected() -> None:
    assert exchange.take(finished("exchange", GERMAN), HELP).queue == "billing-de@desk.example"
    assert exchange.take(finished("exchange", NORMAL), HELP).queue == "billing@desk.example"
    assert exchange.take(finished("exchange", LEVELS["high"]), HELP).queue == ""


def test_mail_that_we_never_saw_stays_where_it_was_sent() -> None:
    """The milter was down: no field, no rule."""
    taken = exchange.take(NORMAL, HELP)
    assert (taken.queue, taken.priority, taken.language) == ("", "", "")


def test_an_answer_to_our_acknowledgement_stays_in_the_conversation() -> None:
    """With the customer's own subject; with our marker before it, it would have another topic."""
    ticket = Ticket(first=finished("exchange", NORMAL), number="1", customer="joe@customer.example")
    for style, joined in (("re", True), ("marker", False)):
        ours = message_from_bytes(desk("exchange", subject_style=style).acknowledgement(NORMAL))
        subject = str(ours["Subject"])
        answer = letter(
            subject=subject if subject.startswith("Re: ") else f"Re: {subject}",
            message_id="<m2@customer.example>",
            more=f"In-Reply-To: {ours['Message-ID']}\nReferences: {ours['References']} {ours['Message-ID']}",
        )
        assert exchange.joins(finished("exchange", answer), ticket) == joined


def test_exchange_leaves_our_acknowledgement_alone_and_answers_customers() -> None:
    assert exchange.take(desk("exchange").acknowledgement(NORMAL), HELP).robot
    assert not exchange.take(finished("exchange", NORMAL), HELP).robot
