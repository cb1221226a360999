"""HTML that may be shown in a browser, by nh3: no scripts, forms, frames or style sheets, and nothing is fetched unless that is asked for.

nh3 cannot be interrupted and takes a minute for elements that lie thousands deep within each other; so the depth is looked at first.
"""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def _listed(names: str) -> list[str]:
    return names.split()


_DEEPEST = 200
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*+)")
_NO_DEPTH = frozenset(
    _listed("area base br col embed hr img input link meta param source track wbr p li td th tr tbody thead tfoot dd dt option colgroup")
)
"""Elements that have no end, or whose end is understood."""

_TAGS = frozenset(
    _listed(
        "a abbr address article aside b bdi bdo blockquote br caption center cite code col colgroup dd del details dfn div dl dt em figcaption figure font "
        "footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q s samp section small span strike strong sub summary sup table tbody "
        "td tfoot th thead time tr tt u ul var wbr"
    )
)
_DROPPED = frozenset(_listed("script style title noscript iframe object embed applet svg math template textarea select button"))
_ANYWHERE = frozenset(_listed("align bgcolor color dir height lang style title valign width"))
_ATTRIBUTES = {
    "*": set(_ANYWHERE),
    "a": {"href", "name"},
    "img": {"alt", "border", "src"},
    "font": {"face", "size"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start", "type"},
    "blockquote": {"type"},
}
_STYLES = frozenset(
    _listed(
        "background-color border border-bottom border-collapse border-color border-left border-radius border-right border-spacing border-style border-top border-width "
        "clear color direction display float font font-family font-size font-style font-weight height letter-spacing line-height list-style-type margin margin-bottom "
        "margin-left margin-right margin-top max-height max-width min-width padding padding-bottom padding-left padding-right padding-top text-align "
        "text-decoration text-indent text-transform vertical-align white-space width word-break"
    )
)
_PICTURE = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,", re.IGNORECASE)
_LINK = re.compile(r"https?://|mailto:|tel:|//|#", re.IGNORECASE)
"""A mail has no place of its own: any other link would lead into the page that shows it (`/orders/17/cancel`)."""
_FETCHES = re.compile(r"url|image|\\|expression|@|behavior", re.IGNORECASE)


def clean_html(html: str, *, images: bool = False) -> str:
    """A fragment that is safe to put into a page of one's own. `images`: also pictures from the web, which tell the sender that it was read.

    Pictures of the mail itself (`cid:`) and pictures within the HTML (`data:`) stay. What lies too deep comes back as text in `<pre>`.
    """
    if _depth_over(html, _DEEPEST):
        from inbox.parsing.html_text import html_to_text  # noqa: PLC0415 (rarely needed)

        return f"<pre>{escape(html_to_text(html))}</pre>"
    import nh3  # noqa: PLC0415 (who only reads does not need it)

    return nh3.clean(
        html,
        tags=set(_TAGS),
        clean_content_tags=set(_DROPPED),
        attributes={name: set(values) for name, values in _ATTRIBUTES.items()},
        attribute_filter=_filter(images=images),
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        filter_style_properties=set(_STYLES),
        link_rel="noopener noreferrer nofollow",
    )


def _filter(*, images: bool) -> Callable[[str, str, str], str | None]:
    """What becomes of an attribute that is allowed: its value, or None when it goes."""

    def kept(tag: str, attribute: str, value: str) -> str | None:
        text = value.strip()
        if attribute == "src":
            own = text[:4].lower() == "cid:" or bool(_PICTURE.match(text))
            return value if own or (images and text[:8].lower().startswith(("http://", "https://"))) else None
        if attribute == "href":
            return value if tag == "a" and _LINK.match(text) else None
        if attribute == "style":
            return ";".join(part for part in value.split(";") if not _FETCHES.search(part)) or None
        return value

    return kept


def _depth_over(html: str, most: int) -> bool:
    """Whether more than so many elements are open at once; an element that is never closed counts to the end."""
    opened: Counter[str] = Counter()
    depth = 0
    for closing, name in _TAG.findall(html):
        name = name.lower()  # noqa: PLW2901 (as the tag is meant)
        if name in _NO_DEPTH:
            continue
        if not closing:
            opened[name] += 1
            depth += 1
            if depth > most:
                return True
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
    return False
