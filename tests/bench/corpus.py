"""The mails that are sent: generated ones, always the same for the same index, and real ones.

Generated mails are put together from bytes by hand, so that no parser under test meets the output
of its own serialiser. They look like what reaches a service desk: 30 to 60 header fields with their
DKIM and ARC blocks, plain, alternative and HTML-only bodies in any transfer encoding, quoted
history, Outlook's style sheets, and attachments up to 2 MB.

Real mails come from ../shared/data/mail beside the repository; without them generated ones stand in.
"""

import base64
import html
import quopri
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header
from pathlib import Path
from typing import Final

from tests.bench.texts import LANGUAGES, Language

REAL_MAILS: Final = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mail"

SMALL: Final = 32 * 1024
"""The largest mail of the small set, in bytes."""
SMALLEST_ATTACHMENT: Final = 5 * 1024
LARGEST_ATTACHMENT: Final = 2 * 1024 * 1024
"""Bounds of an attachment as sent, in base64, in bytes."""

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_MX: Final = ("mail-ej1-f44.mx.test", "outbound.protection.test", "mout.web.test", "smtp3.isp.test")


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail on its way: the reverse-path, and the message with CRLF line ends."""

    sender: str
    data: bytes


def small(count: int) -> list[Letter]:
    """`count` mails of at most 32 KB: half real ones where present, half generated."""
    real = _real(limit=SMALL)
    letters = []
    for index in range(count):
        letter = next(real, None) if index % 2 else None
        letters.append(letter or _generated(index, attachment=0))
    return letters


def mix(count: int) -> list[Letter]:
    """`count` mails with a mean of about 130 KB: a third each real, generated, and with attachment.

    The attachments' sizes are spread evenly on a logarithmic scale, so that the mean does not
    depend on luck or on `count`.
    """
    real = _real(limit=LARGEST_ATTACHMENT)
    with_attachment = max(1, count // 3)
    ratio = LARGEST_ATTACHMENT / SMALLEST_ATTACHMENT
    letters = []
    for index in range(with_attachment):
        share = (index + 0.5) / with_attachment
        letters.append(_generated(index, attachment=int(SMALLEST_ATTACHMENT * ratio**share)))
    for index in range(with_attachment, count):
        letter = next(real, None) if index % 2 else None
        letters.append(letter or _generated(index, attachment=0))
    random.Random(count).shuffle(letters)
    return letters


def sized(size: int, count: int) -> list[Letter]:
    """`count` generated mails of `size` bytes, give or take a line, by virtue of an attachment.

    The letters around the attachment are the same for every size.
    """
    letters = []
    for index in range(count):
        bare = len(_generated(index, attachment=1).data)
        letters.append(_generated(index, attachment=max(1, size - bare)))
    return letters


def real_mails_present() -> bool:
    """Whether the sets hold real mails on this machine."""
    return REAL_MAILS.is_dir()


def _real(limit: int) -> Iterator[Letter]:
    """Real mails of at most `limit` bytes, in an order that is the same everywhere."""
    paths = sorted(REAL_MAILS.glob("*.eml")) if real_mails_present() else []
    random.Random(0).shuffle(paths)
    for path in paths:
        data = path.read_bytes()
        # An mbox separator is no header field: Postfix would end the header at it.
        if data.startswith(b"From "):
            data = data.partition(b"\n")[2]
        data = re.sub(rb"\r\n|\r|\n", b"\r\n", data)
        if 0 < len(data) <= limit:
            yield Letter("someone@sender.example", data.rstrip(b"\r\n") + b"\r\n")


def _generated(index: int, attachment: int) -> Letter:
    """The generated mail of that number; `attachment` is the encoded size in bytes, 0 for none."""
    rng = random.Random(f"letter {index}")
    code = list(LANGUAGES)[index % len(LANGUAGES)]
    language = LANGUAGES[code]
    fields = {
        "n": rng.randrange(100_000, 999_999),
        "d": f"{rng.randint(1, 28)}.{rng.randint(1, 12)}.2025",
    }
    subject, lines = _letter_text(rng, language, fields)
    content = _content(rng, lines, outlook=rng.random() < 0.4)
    if attachment:
        # Its own dice: the letter around it must not depend on the size.
        file = _attachment(random.Random(f"attachment {index}"), attachment)
        content = _multipart(rng, "mixed", [content, file])
    sender = f"customer{index}@{rng.choice(('mail', 'web', 'firm'))}.example"
    header = _header(rng, sender, rng.choice(language.names), subject)
    return Letter(sender, header + content + (b"" if content.endswith(b"\r\n") else b"\r\n"))


def _letter_text(
    rng: random.Random, language: Language, fields: dict[str, object]
) -> tuple[str, list[str]]:
    subject, concern = rng.choice(language.concerns)
    body = [concern, *rng.sample(language.asides, rng.randint(1, len(language.asides)))]
    lines = [language.greeting, "", *body, "", language.closing, rng.choice(language.names)]
    for depth in range(1, rng.choice((1, 1, 1, 2, 3))):
        quote = "> " * depth
        history = [language.greeting, *rng.sample(language.asides, 3), language.closing]
        lines += ["", quote[2:] + language.wrote, *(quote + line for line in history)]
    return subject.format(**fields), [line.format(**fields) for line in lines]


def _content(rng: random.Random, lines: list[str], *, outlook: bool) -> bytes:
    """The text as plain, alternative or HTML only: its own header fields, a blank line, the body."""
    plain = _text_part(rng, "plain", "\r\n".join(lines) + "\r\n")
    markup = _text_part(rng, "html", _html(lines, outlook=outlook))
    kind = rng.choices(("plain", "alternative", "html"), weights=(40, 50, 10))[0]
    if kind == "alternative":
        return _multipart(rng, "alternative", [plain, markup])
    return plain if kind == "plain" else markup


def _html(lines: list[str], *, outlook: bool) -> str:
    if not outlook:
        rows = "".join(f"<div>{html.escape(line) or '<br>'}</div>\r\n" for line in lines)
        return f'<div dir="ltr">{rows}</div>\r\n'
    styles = "".join(
        f"p.Mso{n}, li.Mso{n}, div.Mso{n}\r\n\t{{margin:0cm;font-size:11.0pt;"
        f'font-family:"Calibri",sans-serif;mso-style-priority:{n};mso-fareast-language:EN-US;}}\r\n'
        for n in range(50)
    )
    rows = "".join(
        f'<p class="Mso{n % 9}"><span style="font-size:10.0pt;font-family:&quot;Arial&quot;,sans-serif">'
        f"{html.escape(line) or '&nbsp;'}<o:p></o:p></span></p>\r\n"
        for n, line in enumerate(lines)
    )
    return (
        '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head>\r\n<style><!--\r\n'
        f"{styles}--></style></head>\r\n<body><div class=WordSection1>\r\n{rows}</div></body></html>\r\n"
    )


def _text_part(rng: random.Random, subtype: str, text: str) -> bytes:
    charset = "utf-8"
    if rng.random() < 0.25 and all(ord(letter) < 256 for letter in text):
        charset = "iso-8859-1"
    raw = text.encode(charset)
    encoding = rng.choices(("quoted-printable", "8bit", "base64"), weights=(5, 3, 2))[0]
    if encoding == "quoted-printable":
        body = quopri.encodestring(raw.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    else:
        body = _base64_lines(raw) if encoding == "base64" else raw
    head = f'Content-Type: text/{subtype}; charset="{charset}"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return head.encode() + body


def _attachment(rng: random.Random, encoded_size: int) -> bytes:
    kind, media_type = rng.choice(
        (("pdf", "application/pdf"), ("jpg", "image/jpeg"), ("png", "image/png"))
    )
    name = f"scan_{rng.randrange(10_000)}.{kind}"
    head = (
        f'Content-Type: {media_type}; name="{name}"\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    )
    # 57 bytes become a line of 76 characters and CRLF.
    return head.encode() + _base64_lines(rng.randbytes(encoded_size * 57 // 78))


def _multipart(rng: random.Random, subtype: str, parts: list[bytes]) -> bytes:
    boundary = "----=_Part_" + _token(rng, 24).replace("/", "_").replace("+", "_")
    mark = f"--{boundary}\r\n".encode()
    body = b"".join(mark + part + b"\r\n" for part in parts)
    head = f'Content-Type: multipart/{subtype};\r\n\tboundary="{boundary}"\r\n\r\n'
    return head.encode() + body + f"--{boundary}--\r\n".encode()


def _header(rng: random.Random, sender: str, name: str, subject: str) -> bytes:
    """30 to 60 fields as they stand on a mail that came through two providers' relays."""
    domain = sender.partition("@")[2]
    date = f"{rng.randint(1, 28)} Oct 2025 {rng.randint(0, 23):02}:{rng.randint(0, 59):02}:07 +0200"
    signature = " ".join(_token(rng, 64) for _ in range(5))
    fields = [("Return-Path", f"<{sender}>")]
    for _ in range(rng.randint(3, 7)):
        hop = f"from {rng.choice(_MX)} ({rng.choice(_MX)} [203.0.113.{rng.randint(1, 254)}]) by mx.relay.test"
        fields.append(
            (
                "Received",
                f"{hop} (Postfix) with ESMTPS id {_token(rng, 12)} for <help@desk.example>; {date}",
            )
        )
    verdict = f"dkim=pass header.i=@{domain}; spf=pass smtp.mailfrom={sender}; dmarc=pass header.from={domain}"
    signed = "h=to:subject:message-id:date:from:mime-version"
    fields += [
        ("Authentication-Results", f"mx.relay.test; {verdict}"),
        (
            "DKIM-Signature",
            f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=s1; {signed}; bh={_token(rng, 43)}=; b={signature}",
        ),
        (
            "ARC-Seal",
            f"i=1; a=rsa-sha256; t=1761{rng.randrange(10**6)}; cv=none; d=relay.test; s=arc; b={signature}",
        ),
        (
            "ARC-Message-Signature",
            f"i=1; a=rsa-sha256; c=relaxed/relaxed; d=relay.test; s=arc; {signed}; b={signature}",
        ),
        ("ARC-Authentication-Results", f"i=1; mx.relay.test; {verdict}"),
        ("From", f"{Header(name, 'utf-8').encode()} <{sender}>"),
        ("To", "Customer Service <help@desk.example>"),
        ("Subject", Header(subject, "utf-8", header_name="Subject").encode(linesep="\r\n")),
        ("Date", date),
        ("Message-ID", f"<{_token(rng, 30).replace('/', '.').replace('+', '.')}@{domain}>"),
        ("MIME-Version", "1.0"),
    ]
    names = (
        "X-MS-Exchange-Organization-Auth",
        "X-Microsoft-Antispam",
        "X-Gm-Message-State",
        "X-Proofpoint-GUID",
        "X-Mimecast-Score",
    )
    wanted = rng.randint(30, 60)
    while len(fields) < wanted - 2:
        fields.append(
            (
                rng.choice(names),
                " ".join(_token(rng, rng.randint(8, 60)) for _ in range(rng.randint(1, 3))),
            )
        )
    return b"".join(_folded(name, value) for name, value in fields)


def _folded(name: str, value: str) -> bytes:
    """One field with lines of at most 78 characters where blanks allow it (RFC 5322 §2.2.3)."""
    if "\r\n" in value:
        return f"{name}: {value}\r\n".encode()
    lines = [f"{name}:"]
    for word in value.split(" "):
        if len(lines[-1]) + 1 + len(word) > 78 and len(lines[-1]) > len(name) + 1:
            lines.append("\t" + word)
        else:
            lines[-1] += " " + word
    return "\r\n".join(lines).encode() + b"\r\n"


def _base64_lines(raw: bytes) -> bytes:
    return base64.encodebytes(raw).replace(b"\n", b"\r\n")


def _token(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(_ALPHABET, k=length))
