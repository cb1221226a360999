"""What the markup of mail programs says about a piece of HTML: a quotation, a signature, or something that is not shown."""

from __future__ import annotations

import re

LOOK = 2000
"""Characters of a tag that are looked at."""

_QUOTES = (
    "gmail_quote_container gmail_quote yahoo_quoted protonmail_quote moz-cite-prefix zmail_extra OLK_SRC_BODY_SECTION messageReplySection "
    "tutanota_quote isReplyContent ntes-mailmaster-quote __QUOTED_TEXT__ mail_android_quote mail-editor-reference-message-container missive_quote "
    "hey_quote edo-original_message bloop_original_html sparkOrigMsg sh-quoted-content front-blockquote skiff_quote mailbird-quote wrapped_quote "
    "replaced-blockquote mimestream_quote elided-quote"
)
_CUTS = "divRplyFwdMsg appendonsend stopSpelling zwchr __DIVIDER__ OutlookMessageHeader reply-intro oriMsgHtmlSeperator isForwardContent"
_SIGNATURES = (
    "gmail_signature moz-signature Signature AppleMailSignature protonmail_signature_block ms-outlook-mobile-signature "
    "ms-outlook-ios-signature tutanota-signature yahoo-signature sh-signature spark-signature mailbird-signature email-signature hs_signature "
    "lineBreakAtBeginningOfSignature missive_signature skiff_signature hey_signature"
)
_KINDS = {
    **dict.fromkeys(_QUOTES.split(), "quote"),
    **dict.fromkeys(_CUTS.split(), "cut"),
    **dict.fromkeys(_SIGNATURES.split(), "signature"),
}
_NAMES = re.compile(
    rf"(?<![-])(?:x_|ydp[0-9a-f]{{4,12}})?(?<![A-Za-z-])({'|'.join(sorted(_KINDS, key=len, reverse=True))})(?![\w-])|(type\s*=\s*[\"']?cite\b)"
)
_SHORT = ("cite", "uote")
_HINTS = (*_SHORT, *(name for name, kind in _KINDS.items() if kind != "signature" and not any(short in name for short in _SHORT)))
"""Without one of these no name of a quotation is there."""

_BORDER = re.compile(
    r"border(?:-top)?\s*:\s*(?:none\s*;\s*border-top\s*:\s*)?solid\s+#?\w+\s+1\.?0?p[tx]|border-top-(?:width|color)\s*:", re.IGNORECASE
)

_GONE = re.compile(
    r"(?:^|[\s\"'])hidden(?=\s|=|/|$)|display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|opacity\s*:\s*0(?:\.0+)?\s*(?:[;\"'!]|$)|text-indent\s*:\s*-\d{3}",
    re.IGNORECASE,
)
_NO_SIZE = re.compile(r"(?:max-)?(?:height|width)\s*:\s*0(?:\.0+)?(?:px|pt|em|%)?\s*(?:[;\"'!]|$)", re.IGNORECASE)
_CLIPPED = re.compile(r"overflow\s*:\s*hidden", re.IGNORECASE)
_FONT_SIZE = re.compile(r"font-size\s*:\s*(\d{0,6}\.?\d{0,6})\s*(px|pt)?", re.IGNORECASE)
_COLOR = re.compile(r"(?<![-\w])color\s*[:=]\s*[\"']?(#[0-9a-f]{3,8}|rgba?\([^)]{1,40}\)|[a-z]+)", re.IGNORECASE)
_BACKGROUND = re.compile(r"(?:background(?:-color)?|bgcolor)\s*[:=]\s*[\"']?(#[0-9a-f]{3,8}|rgba?\([^)]{1,40}\)|[a-z]+)", re.IGNORECASE)
_WHITE = frozenset({"#fff", "#ffffff", "white", "#ffffffff", "rgb(255,255,255)", "rgba(255,255,255,1)", "#fefefe"})
_NO_COLOR = frozenset({"transparent", "none", "inherit", "initial", "unset"})


def mark(name: str, attributes: str) -> str:
    """`quote:NAME`, `cut:NAME` (all that follows is quoted), `signature:NAME`, `hint:NAME` (a header may follow), `own:NAME` (the
    author's), or "".
    """
    attributes = attributes[:LOOK]
    found = _NAMES.search(attributes)
    if found and found[2]:
        return "quote:cite" if name == "blockquote" else ""
    if found and name == "blockquote" and found[1].startswith("gmail_quote"):
        return "own:gmail_quote"  # what Gmail makes of a quotation by hand; a mail it quotes stands in a `div` of this name
    if found:
        return f"{_KINDS[found[1]]}:{found[1]}"
    return "hint:border" if name == "div" and "border" in attributes and _BORDER.search(attributes) else ""


def shows_quotation(html: str) -> bool:
    """A quick look: whether some element may be a mail that is quoted."""
    if not any(hint in html for hint in _HINTS):
        return False
    return any(found[2] or _KINDS[found[1]] != "signature" for found in _NAMES.finditer(html))


def is_gone(attributes: str) -> bool:
    """Whether an element and all that is in it is not shown."""
    attributes = attributes[:LOOK]
    return bool(_GONE.search(attributes)) or bool(_CLIPPED.search(attributes) and _NO_SIZE.search(attributes))


def font_shown(attributes: str, *, on_white: bool) -> bool | None:
    """Whether the font of an element can be read: not of size 0, not of the colour of its ground. None: the element says nothing."""
    attributes = attributes[:LOOK]
    size, color = _FONT_SIZE.search(attributes), _COLOR.search(attributes)
    if size and size[1].strip(".") and float(size[1]) <= (1 if size[2] else 0):
        return False
    if color:
        ground = _BACKGROUND.search(attributes)
        own, behind = _color(color[1]), _color(ground[1]) if ground else ""
        if own == behind or (own in _WHITE and (behind in _WHITE or (not behind and on_white))):
            return False
    return True if size or color else None


def has_ground(attributes: str) -> bool:
    """Whether an element is painted in another colour than white."""
    found = _BACKGROUND.search(attributes[:LOOK])
    return bool(found) and _color(found[1]) not in _WHITE | _NO_COLOR if found else "background" in attributes[:LOOK]


def _color(text: str) -> str:
    return text.lower().replace(" ", "")
