"""HTML -> readable text, in linear time: a scanner that never goes back, no tree.

Not shown, so not text: comments, `script`, `style`, `head`, elements hidden by `hidden` or by their style, text without size or of the
colour of its ground, characters without width that pad a preview. A quotation (`blockquote`) becomes lines with `> ` in front, as in a
plain mail. As in a browser, what begins and never ends swallows the rest.
"""

from __future__ import annotations

import re
from html import unescape
from typing import NamedTuple

from inbox.parsing.html_marks import font_shown, has_ground, is_gone, mark

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*+)((?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+)>")
_OPEN = re.compile(r"<(?=[a-zA-Z/!?])")
_SPACES = re.compile(r"[ \t\r\n\f]+")
_TELLS = re.compile(r"style|class|id|hidden|data-|color|type|name|background", re.IGNORECASE)
_PADDING = re.compile(r"(?:[\u00ad\u034f\u061c\u180e\u200b-\u200d\u2060\ufeff][\s\u00a0\u2007-\u200a\u202f]*){3,}")
_UNSEEN_SIGNS = dict.fromkeys([0x200B, 0x2060, 0xFEFF, 0x34F])
_UNSEEN = frozenset({"script", "style", "title", "head", "template", "noframes", "object", "select", "svg", "math", "iframe", "textarea"})
_RAW = frozenset({"script", "style", "title", "textarea", "iframe", "noframes"})
_VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"])
_PARAGRAPHS = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "blockquote", "hr"])
_LINES = frozenset(
    [
        "address",
        "article",
        "aside",
        "body",
        "center",
        "dd",
        "div",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "html",
        "li",
        "main",
        "nav",
        "section",
        "tr",
        "tbody",
        "thead",
    ]
)


class HtmlLine(NamedTuple):
    """`level`: how many quotations (`blockquote`) it stands in; `sign`: what the markup says of it (`html_marks.mark`)."""

    text: str
    level: int = 0
    sign: str = ""

    def __str__(self) -> str:
        return ("> " * min(self.level, 10) + self.text).rstrip() if self.level else self.text


class Rendered(NamedTuple):
    """`hidden`: the beginning of the text that is there and not shown."""

    lines: list[HtmlLine]
    hidden: str = ""

    def __str__(self) -> str:
        return "\n".join(map(str, self.lines))


_BREAKS = frozenset(["br", "td", "th", *_PARAGRAPHS, *_LINES])


def html_to_text(html: str) -> str:
    """Text with LF line ends, trimmed, at most one empty line in a row."""
    return str(render(html))


def render(html: str) -> Rendered:
    """The lines that a reader sees."""
    writer = _Writer()
    at = 0
    while found := _OPEN.search(html, at):
        if at < found.start():
            writer.text(html[at : found.start()])
        at = _markup(html, found.start(), writer)
    writer.text(html[at:])
    return writer.result()


def _markup(html: str, at: int, writer: _Writer) -> int:
    """Take in what stands at a `<`; the offset behind it."""
    if html.startswith(("<!", "<?"), at):
        comment = html.startswith("<!--", at)
        end = html.find("-->" if comment else ">", at + 2)
        return len(html) if end < 0 else end + (3 if comment else 1)
    found = _TAG.match(html, at)
    if not found:
        end = html.find(">", at) if html.startswith("</", at) else -1
        return len(html) if end < 0 else end + 1
    name = found[2].lower()
    if name in _RAW and not found[1]:
        end = _after_end(html, found.end(), name)
        writer.on_white &= name != "style" or "background" not in html[found.end() : end]
        return end
    writer.tag(name, found[3], closing=bool(found[1]))
    return found.end()


def _after_end(html: str, at: int, name: str) -> int:
    """The offset behind the end tag of an element whose content is no markup."""
    end = re.compile(f"</{name}[^>]*>", re.IGNORECASE).search(html, at)
    return end.end() if end else len(html)


class _Scope:
    """An element that changes how what is in it is taken, and how many of its name are open in it."""

    __slots__ = ("depth", "hidden", "name", "sign")

    def __init__(self, name: str, hidden: str, sign: str) -> None:
        self.name, self.hidden, self.sign, self.depth = name, hidden, sign, 1


class _Writer:
    """`line`: the pieces of the line in hand. `scope.hidden`: "gone" with all that is in it, "unseen" too but no text at all, "font" only
    until another font is set.
    """

    def __init__(self) -> None:
        self.lines: list[HtmlLine] = []
        self.line: list[str] = []
        self.quote = self.pre = 0
        self.scopes = [_Scope("", "", "")]
        self.on_white = True
        self.cut = self.hint = ""
        self.unseen: list[str] = []
        self.unseen_size = 0

    def text(self, text: str) -> None:
        if not text:
            return
        if "&" in text:
            text = unescape(text)
        if hidden := self.scopes[-1].hidden:
            if hidden != "unseen" and self.unseen_size < 200 and (text := _PADDING.sub("", text).strip()):
                self.unseen.append(text[:200])
                self.unseen_size += len(self.unseen[-1])
        elif self.pre:
            first, *more = text.split("\n")
            self.line.append(first)
            for line in more:
                self.end_line(always=True)
                self.line.append(line)
        else:
            self.line.append(text)

    def tag(self, name: str, attributes: str, *, closing: bool) -> None:
        scope = self.scopes[-1]
        if name in _BREAKS and scope.hidden in ("", "font"):
            self.shown(name, closing=closing)
        if closing:
            if name == scope.name:
                self.close(scope)
        elif name in _VOID:
            self.hint = "hint:hr" if name == "hr" else self.hint
            self.cut_here(mark(name, attributes) if attributes else "")
        elif (_TELLS.search(attributes) or name in _UNSEEN) and scope.hidden in ("", "font") and (new := self.scope(name, attributes)):
            if new.sign != scope.sign:
                self.end_line()
            self.scopes.append(new)
        elif name == scope.name:
            scope.depth += 1

    def scope(self, name: str, attributes: str) -> _Scope | None:
        """What the element changes, if anything."""
        above = self.scopes[-1]
        if name in _UNSEEN:
            return _Scope(name, "unseen", above.sign)
        if is_gone(attributes):
            return _Scope(name, "gone", above.sign)
        sign = mark(name, attributes)
        self.cut_here(sign)
        if "ackground" in attributes or "bgcolor" in attributes:
            self.on_white &= not has_ground(attributes)
        shown = font_shown(attributes, on_white=self.on_white) if "font-size" in attributes or "color" in attributes else None
        hidden = above.hidden if shown is None else "" if shown else "font"
        if sign.startswith("hint:"):
            self.hint = sign
        sign = above.sign if above.sign or sign.startswith(("hint:", "cut:")) else sign
        return _Scope(name, hidden, sign) if (hidden, sign) != (above.hidden, above.sign) else None

    def cut_here(self, sign: str) -> None:
        if sign.startswith("cut:") and not self.cut and not self.scopes[-1].sign:
            self.end_line()
            self.cut = sign

    def close(self, scope: _Scope) -> None:
        scope.depth -= 1
        if scope.depth == 0:
            if scope.sign != self.scopes[-2].sign:
                self.end_line()
            self.scopes.pop()

    def shown(self, name: str, *, closing: bool) -> None:
        if name == "br":
            self.end_line(always=True)
        elif name in ("td", "th") and closing:
            self.line.append(" ")
        elif name in _PARAGRAPHS:
            self.paragraph(name, -1 if closing else 1)
        elif name in _LINES:
            self.end_line()
            if name == "li" and not closing:
                self.line.append("- ")

    def paragraph(self, name: str, step: int) -> None:
        self.end_line()
        if name == "blockquote":
            self.level(max(0, self.quote + step))
        elif name == "pre":
            self.pre = max(0, self.pre + step)
        self.gap()

    def level(self, quote: int) -> None:
        """Change the depth of quotation: an empty line between belongs to neither."""
        while self.lines and not self.lines[-1].text:
            self.lines.pop()
        if self.lines:
            self.lines.append(HtmlLine("", 0, self.cut or self.scopes[-1].sign))
        self.quote = quote

    def gap(self) -> None:
        if self.lines and self.lines[-1].text:
            self.lines.append(HtmlLine("", self.quote, self.cut or self.scopes[-1].sign))

    def end_line(self, *, always: bool = False) -> None:
        text = "".join(self.line)
        if not text.isascii():
            text = _PADDING.sub(" ", text).translate(_UNSEEN_SIGNS)
        text = text.rstrip() if self.pre else _SPACES.sub(" ", text).replace("\u00a0", " ").strip()
        self.line.clear()
        if text or always:
            self.lines.append(HtmlLine(text, self.quote, self.cut or self.scopes[-1].sign or (self.hint if text else "")))
            self.hint = "" if text else self.hint

    def result(self) -> Rendered:
        self.end_line()
        lines: list[HtmlLine] = []
        for line in self.lines:
            if line.text or line.level or (lines and str(lines[-1])):
                lines.append(line)
        while lines and not str(lines[-1]):
            lines.pop()
        return Rendered(lines, " ".join(self.unseen)[:200])
