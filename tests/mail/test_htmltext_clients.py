"""HTML as mail clients write it around an answer: only the answer comes out as the newest text."""

from dataclasses import dataclass

import pytest

from mailtriage.mail.htmltext import html_to_text
from mailtriage.mail.newest import newest_text

OWN = "The lamp still flickers.\n\nPlease send a new one."
DIVS = "<div>The lamp still flickers.</div><div><br></div><div>Please send a new one.</div>"
WORD = (
    "<p class=MsoNormal>The lamp still flickers.<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p>"
    "<p class=MsoNormal>Please send a new one.<o:p></o:p></p>"
)
OLD = "<div>Hello,</div><div><br></div><div>have you tried another bulb? We have 3 in stock.</div>"
ATTRIBUTION = "On Mon, Mar 3, 2025 at 9:00 AM The Shop &lt;<a href='mailto:info@shop.example'>info@shop.example</a>&gt; wrote:"
# The header in a language of which nobody knows a word, so that only the markup can tell.
UNKNOWN = (
    "<b>Aaa:</b> The Shop<br><b>Bbb:</b> 3/3/2025<br><b>Ccc:</b> Eva Ek<br><b>Ddd:</b> Lamp<br>"
)
ENGLISH = (
    "<b>From:</b> The Shop &lt;info@shop.example&gt;<br><b>Sent:</b> Monday, March 3, 2025 9:00 AM<br>"
    "<b>To:</b> Eva Ek<br><b>Subject:</b> RE: Lamp<br>"
)
ROWS = (
    "<table><tr><td>Von:</td><td>Der Laden &lt;info@laden.example&gt;</td></tr><tr><td>An:</td><td>Eva</td></tr>"
    "<tr><td>Datum:</td><td>03.03.2025 09:00</td></tr><tr><td>Betreff:</td><td>Lampe</td></tr></table>"
)


@dataclass(frozen=True)
class Client:
    name: str
    html: str


CLIENTS = [
    Client("Gmail", f'<div dir="ltr">{DIVS}</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">{ATTRIBUTION}<br></div><blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">{OLD}</blockquote></div>'),
    Client("Gmail, words of its own for the line", f'<div dir="auto">{DIVS}</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">abc, def &lt;ghi&gt; jkl:<br></div><blockquote class="gmail_quote" style="margin:0 0 0 .8ex">{OLD}</blockquote></div>'),
    Client("Gmail, forwarded", f'<div dir="ltr">{DIVS}<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">---------- Forwarded message ---------<br>From: <strong class="gmail_sendername" dir="auto">The Shop</strong> <span dir="auto">&lt;info@shop.example&gt;</span><br>Date: Mon, Mar 3, 2025 at 9:00 AM<br>Subject: Lamp<br>To: Eva Ek<br></div><br><br>{OLD}</div></div>'),
    Client("Gmail in Outlook's copy", f'<div dir="ltr">{DIVS}</div><div class="x_gmail_quote"><div class="x_gmail_attr">abc &lt;d&gt;:</div><blockquote class="x_gmail_quote">{OLD}</blockquote></div>'),
    Client("Hotmail's copy of Gmail", f'{DIVS}<div class="ecxgmail_quote">{ATTRIBUTION}<blockquote class="ecxgmail_quote" style="border-left:1px #ccc solid">{OLD}</blockquote></div>'),
    Client("Outlook 2013 and later", f"<div class=WordSection1>{WORD}<p class=MsoNormal>&nbsp;</p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal>{UNKNOWN}</p></div></div><p class=MsoNormal>Hello,</p><p class=MsoNormal>another bulb?</p></div>"),
    Client("Outlook 2010", f"<div class=WordSection1>{WORD}<div><div style='border:none;border-top:solid #B5C4DF 1.0pt;padding:3.0pt 0in 0in 0in'><p class=MsoNormal>{UNKNOWN}</p></div></div><p class=MsoNormal>Hello,</p></div>"),
    Client("Outlook, a border of another colour", f'<div>{WORD}<div style="border-style:solid none none; border-top:1pt solid rgb(200, 201, 202); padding:3pt 0cm 0cm">{UNKNOWN}</div><p>Hello,</p></div>'),
    Client("Outlook 2003", f'<div>{DIVS}</div><div class=OutlookMessageHeader lang=en-us dir=ltr align=left><hr tabindex=-1><font face=Tahoma size=2>{UNKNOWN}</font></div><div>Hello</div>'),
    Client("Outlook, a blue line at the left", f'<div>{WORD}</div><blockquote style="border:none;border-left:solid blue 1.5pt;padding:0cm 0cm 0cm 4.0pt">{UNKNOWN}{OLD}</blockquote>'),
    Client("Outlook on the web", f'<div class="elementToProof">{DIVS}</div><div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><font>{UNKNOWN}</font></div><div>Hello</div>'),
    Client("Outlook on the web, a copy of itself", f'<div>{DIVS}</div><hr tabindex="-1"><div id="x_divRplyFwdMsg" dir="ltr">{UNKNOWN}</div><div>Hello</div>'),
    Client("Outlook, new", f'<div class="elementToProof">{DIVS}</div><div id="mail-editor-reference-message-container"><div class="ms-outlook-mobile-reference-message skipProofing" style="text-align:left;padding:3pt 0in 0in;border-width:1pt medium medium;border-style:solid none none">{UNKNOWN}</div>{OLD}</div>'),
    Client("Outlook for iOS", f'<div dir="ltr">{DIVS}</div><div id="ms-outlook-mobile-signature"><div><br></div>Get <a href="https://aka.ms/o0ukef">Outlook for iOS</a></div><div id="mail-editor-reference-message-container"><hr>{UNKNOWN}{OLD}</div>'),
    Client("Outlook for iOS, reference message", f'<div dir="ltr">{DIVS}</div><div class="ms-outlook-mobile-reference-message">{UNKNOWN}</div>'),
    Client("Outlook for Mac", f'<div>{WORD}</div><div style="border:none;border-top:solid #B5C4DF 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal"><span>{UNKNOWN}</span></p></div><p>Hello</p>'),
    Client("Outlook for Mac 2011", f'<div>{DIVS}</div><span id="OLK_SRC_BODY_SECTION"><div>{UNKNOWN}</div>{OLD}</span>'),
    Client("Outlook, its lines alone", f"<div>{WORD}<p class=MsoNormal>{ENGLISH}</p><p class=MsoNormal>Hello,</p></div>"),
    Client("Hotmail", f'<div>{DIVS}<hr id="stopSpelling">{UNKNOWN}<br>{OLD}</div>'),
    Client("Windows Mail", f'<div>{DIVS}</div><div style="padding-top: 5px; border-top-color: rgb(229, 229, 229); border-top-width: 1px; border-top-style: solid;"><div>{ENGLISH}</div></div><div>Hello</div>'),
    Client("Mail for Windows 10", f'<div class=WordSection1>{WORD}<p class=MsoNormal>Sent from <a href="https://go.microsoft.com/fwlink/?LinkId=550986">Mail</a> for Windows</p><div style="mso-element:para-border-div;border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class=MsoNormal>{UNKNOWN}</p></div><p>Hello</p></div>'),
    Client("Apple Mail", f'<body style="overflow-wrap: break-word;">{DIVS}<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite"><div>On 3 Mar 2025, at 09:00, The Shop &lt;info@shop.example&gt; wrote:</div><br class="Apple-interchange-newline"><div>{OLD}</div></blockquote></div></body>'),
    Client("iPhone", f'<body dir="auto">{DIVS}<br id="lineBreakAtBeginningOfSignature"><div dir="ltr">Sent from my iPhone</div><div dir="ltr"><br><blockquote type="cite">{ATTRIBUTION}<br><br></blockquote></div><blockquote type="cite"><div dir="ltr">{OLD}</div></blockquote></body>'),
    Client("Thunderbird", f'<p>The lamp still flickers.</p><p>Please send a new one.</p><div class="moz-cite-prefix">abc def:<br></div><blockquote type="cite" cite="mid:1@shop.example">{OLD}</blockquote>'),
    Client("Thunderbird, answer below", f'<div class="moz-cite-prefix">On 3/3/2025 9:00 AM, The Shop wrote:<br></div><blockquote type="cite" cite="mid:1@shop.example">{OLD}</blockquote><p>The lamp still flickers.</p><p>Please send a new one.</p>'),
    Client("Thunderbird, forwarded", f'{DIVS}<div class="moz-forward-container"><br>-------- Forwarded Message --------<table class="moz-email-headers-table"><tr><th>Subject: </th><td>Lamp</td></tr><tr><th>Date: </th><td>Mon, 3 Mar 2025 09:00</td></tr><tr><th>From: </th><td>The Shop &lt;info@shop.example&gt;</td></tr></table><br>{OLD}</div>'),
    Client("Yahoo", f'<div class="yahoo-style-wrap">{DIVS}</div><div id="yahoo_quoted_123" class="yahoo_quoted"><div><div>abc def:</div><div><br></div>{OLD}</div></div>'),
    Client("Yahoo on Android", f'<div>{DIVS}</div><div id="ymail_android_signature"><a href="https://go.onelink.me/1">Sent from Yahoo Mail on Android</a></div><br><blockquote style="margin: 0 0 20px 0;"><div style="font-family:Roboto">{ATTRIBUTION}</div><div style="padding: 10px 0 0 20px; border-left: 1px solid #6D00F6;">{OLD}</div></blockquote>'),
    Client("Proton", f'<div>{DIVS}</div><div class="protonmail_signature_block">Sent with <a href="https://proton.me/">Proton Mail</a> secure email.</div><div class="protonmail_quote">abc def<br><blockquote class="protonmail_quote" type="cite">{OLD}</blockquote></div>'),
    Client("Tutanota", f'<div>{DIVS}</div><div>Mar 3, 2025, 09:00 by info@shop.example:<br></div><blockquote class="tutanota_quote">{OLD}</blockquote>'),
    Client("Zimbra", f'<div>{DIVS}</div><hr id="zwchr" data-marker="__DIVIDER__"><div data-marker="__HEADERS__">{UNKNOWN}</div><div data-marker="__QUOTED_TEXT__">{OLD}</div>'),
    Client("Zimbra, cited", f'<div>{DIVS}</div><hr id="zwchr"><blockquote style="border-left:2px solid #1010FF;margin-left:5px;padding-left:5px">{UNKNOWN}{OLD}</blockquote>'),
    Client("Zoho", f'<div>{DIVS}</div><div class="zmail_extra_hr" style="border-top: 1px solid"></div><div class="zmail_extra"><div id="Zm-_Id_-Sgn1">---- abc ----</div><blockquote id="blockquote_zmail">{OLD}</blockquote></div>'),
    Client("GMX, web.de", f'<div>{DIVS}<div name="quote" style="margin:10px 5px 5px 10px; padding: 10px 0 10px 10px; border-left:2px solid #C3D9E5;"><div>{UNKNOWN}</div><div name="quoted-content">{OLD}</div></div></div>'),
    Client("T-Online", f'<div>{DIVS}</div><div>-----Original-Nachricht-----</div><div>Betreff: Lampe</div><div>Datum: 2025-03-03T09:00:00+0100</div><div>Von: "Der Laden" &lt;info@laden.example&gt;</div><div>An: "Eva Ek"</div>{OLD}'),
    Client("Notes", f'<font size=2 face="sans-serif">The lamp still flickers.</font><br><br><font size=2>Please send a new one.</font><br><br><br><font size=1 color=#5f5f5f>Von: </font><font size=1>Der Laden &lt;info@laden.example&gt;</font><br><font size=1>An: </font><font size=1>Eva Ek/EK@EK</font><br><font size=1>Datum: </font><font size=1>03.03.2025 09:00</font><br><font size=1>Betreff: </font>Lampe<br><hr noshade><br>{OLD}'),
    Client("Notes, a table", f"<div>{DIVS}</div>{ROWS}<hr noshade>{OLD}"),
    Client("Samsung", f'<div dir="auto">{DIVS}</div><div><br></div><div id="composer_signature" dir="auto"><div style="font-size:12px">Sent from my Galaxy</div></div><div><br></div><div align="left" dir="auto" style="font-size:100%;color:#000000"><div>-------- Original message --------</div><div>From: The Shop &lt;info@shop.example&gt;</div><div>Date: 3/3/25  09:00  (GMT+01:00)</div><div>To: Eva Ek</div><div>Subject: Lamp</div></div>{OLD}'),
    Client("K-9", f'<!DOCTYPE html><html><body>{DIVS}<br><br><div class="gmail_quote">{ATTRIBUTION}<blockquote class="gmail_quote" style="margin: 0pt 0pt 0pt 0.8ex; border-left: 1px solid rgb(204, 204, 204);">{OLD}</blockquote></div></body></html>'),
    Client("FairEmail", f'<div>{DIVS}</div><div class="fairemail_quote"><p>Mar 3, 2025 09:00:00 The Shop &lt;info@shop.example&gt;:</p><blockquote style="margin:0;border-left:3px solid #ccc;padding-left:3px">{OLD}</blockquote></div>'),
    Client("Fastmail", f'<div>{DIVS}</div><div>On Mon, Mar 3, 2025, at 09:00, The Shop wrote:<br></div><blockquote id="qt" type="cite">{OLD}</blockquote>'),
    Client("Spark", f'<div name="messageBodySection">{DIVS}</div><div name="messageReplySection">abc def:<br><blockquote type="cite" class="spark_quote" style="border-left: 1px solid">{OLD}</blockquote></div>'),
    Client("Airmail", f'<div>{DIVS}</div><br><p class="airmail_on">abc def:</p><blockquote type="cite" class="clean_bq">{OLD}</blockquote>'),
    Client("eM Client", f'<div>{DIVS}</div><div><div>------ Original Message ------</div><div>From "The Shop" &lt;info@shop.example&gt;</div><div>To "Eva Ek"</div><div>Date 03/03/2025 09:00:00</div></div><blockquote cite="1@shop.example" type="cite" class="cite2">{OLD}</blockquote>'),
    Client("Roundcube", f'<div>{DIVS}</div><p id="reply-intro">abc def:</p><blockquote type="cite" style="padding: 0 0.4em; border-left: #1010ff 2px solid; margin: 0">{OLD}</blockquote>'),
    Client("Mailspring", f'{DIVS}<div class="gmail_quote_attribution">abc def:</div><blockquote class="gmail_quote nylas-quote">{OLD}</blockquote>'),
    Client("mail.ru", f'{DIVS}<blockquote style="border-left:1px solid #0857A6;margin:10px;padding:0 0 0 10px">abc:{OLD}</blockquote>'),
    Client("Yandex", f'<div>{DIVS}</div><div> </div><div>03.03.2025, 09:00, "The Shop" &lt;info@shop.example&gt;:</div><blockquote><div>{OLD}</div></blockquote>'),
    Client("QQ", f'<div>{DIVS}</div><div><includetail><div style="font:Verdana normal 14px"><div style="FONT-SIZE: 12px;font-family: Arial Narrow;padding:2px 0 2px 0;">------------------&nbsp;原始邮件&nbsp;------------------</div></div>{OLD}</includetail></div>'),
    Client("Help Scout", f'<div>{DIVS}</div><div>{ATTRIBUTION}</div><blockquote type="cite"><div>## Please reply above this line ##</div>{OLD}</blockquote>'),
    Client("Zendesk", f'<div>{DIVS}</div><div style="color:#b5b5b5">##- Please type your reply above this line -##</div>{OLD}'),
    Client("Front", f'<div>{DIVS}</div><div class="front-signature"></div><blockquote type="cite" class="front-blockquote">{OLD}</blockquote>'),
    Client("Freshdesk", f'<div>{DIVS}</div><div class="freshdesk_quote"><blockquote class="freshdesk_quote">abc:{OLD}</blockquote></div>'),
    Client("Missive", f'<div>{DIVS}</div><div class="missive_quote">abc:<br><blockquote>{OLD}</blockquote></div>'),
]  # fmt: skip

# How programs mark a signature, and what stands in it.
SIGNATURES = [
    '<span class="gmail_signature_prefix">-- </span><br><div dir="ltr" class="gmail_signature" data-smartmail="gmail_signature">Eva Ek<br>Ek &amp; Co</div>',
    '<div class="gmail_signature">Eva Ek<br>Ek &amp; Co</div>',
    '<div id="Signature"><div>Eva Ek</div><div>Ek &amp; Co</div></div>',
    '<div id="x_Signature"><div>Eva Ek</div><div>Ek &amp; Co</div></div>',
    '<pre class="moz-signature" cols="72">-- \nEva Ek\nEk &amp; Co</pre>',
    '<div class="moz-signature">Eva Ek<br>Ek &amp; Co</div>',
    '<div class="protonmail_signature_block"><div class="protonmail_signature_block-user">Eva Ek<br>Ek &amp; Co</div></div>',
    '<div id="ms-outlook-mobile-signature">Eva Ek<br>Ek &amp; Co</div>',
]  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_quote_of_a_client(client: Client) -> None:
    assert newest_text(html_to_text(client.html, 10_000)) == OWN


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_the_same_in_source_that_was_wrapped(client: Client) -> None:
    html = client.html.replace("><", ">\n<").replace(' style="', '\r\n  style="')
    assert newest_text(html_to_text(html, 10_000)) == OWN


@pytest.mark.parametrize("signature", SIGNATURES)
class TestSignatures:
    def test_at_the_end(self, signature: str) -> None:
        assert newest_text(html_to_text(f"<div>{DIVS}</div><br>{signature}", 10_000)) == OWN

    def test_above_a_quote(self, signature: str) -> None:
        quote = f'<blockquote type="cite">{ATTRIBUTION}<br>{OLD}</blockquote>'
        html = f"<div>{DIVS}</div><br>{signature}<br>{quote}"
        assert newest_text(html_to_text(html, 10_000)) == OWN

    def test_what_is_typed_below_it_stays(self, signature: str) -> None:
        html = f"<div>{DIVS}</div><br>{signature}<br><div>And a <b>blue</b> one for my neighbour, please.</div>"
        if "-- " not in signature:
            assert "And a blue one" in newest_text(html_to_text(html, 10_000))

    def test_a_letter_that_is_nothing_else_stays(self, signature: str) -> None:
        if "-- " not in signature:
            assert newest_text(html_to_text(signature, 10_000)) == "Eva Ek\nEk & Co"
