"""HTML -> readable text, in linear time: a scanner that never goes back, no tree.

Not shown, so not text: comments, `script`, `style`, `head`, and elements that are hidden by `hidden` or by their style. A quotation
(`blockquote`) becomes lines with `> ` in front, as in a plain mail. As in a browser, what begins and never ends swallows the rest.
"""

from __future__ import annotations

import re
from html import unescape

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*+)((?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+)>")
_SPACES = re.compile(r"[ \t\r\n\f]+")
_MANY_LINES = re.compile(r"\n{3,}")
_HIDDEN = re.compile(r"(?:^|\s)hidden(?=\s|=|/|$)|display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.IGNORECASE)
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


def html_to_text(html: str) -> str:
    """Text with LF line ends, trimmed, at most one empty line in a row."""
    writer = _Writer()
    at = 0
    while (open_at := html.find("<", at)) >= 0:
        writer.text(html[at:open_at])
        at = _markup(html, open_at, writer)
    writer.text(html[at:])
    return writer.result()


def _markup(html: str, at: int, writer: _Writer) -> int:
    """Take in what stands at a `<`; the offset behind it."""
    if html.startswith(("<!", "<?"), at):
        comment = html.startswith("<!--", at)
        end = html.find("-->" if comment else ">", at + 2)
        return len(html) if end < 0 else end + (3 if comment else 1)
    if not html[at + 1 : at + 2].isalpha() and not html.startswith("</", at):
        writer.text("<")
        return at + 1
    found = _TAG.match(html, at)
    if not found:
        end = html.find(">", at) if html.startswith("</", at) else -1
        return len(html) if end < 0 else end + 1
    name = found[2].lower()
    if name in _RAW and not found[1]:
        return _after_end(html, found.end(), name)
    writer.tag(name, found[3], closing=bool(found[1]))
    return found.end()


def _after_end(html: str, at: int, name: str) -> int:
    """The offset behind the end tag of an element whose content is no markup."""
    end = re.compile(f"</{name}[^>]*>", re.IGNORECASE).search(html, at)
    return end.end() if end else len(html)


class _Writer:
    """`line`: the pieces of the line in hand; `hidden`: the name and the depth of the hidden element we are in."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quote = self.pre = 0
        self.hidden, self.depth = "", 0

    def text(self, text: str) -> None:
        if self.hidden or not text:
            return
        if "&" in text:
            text = unescape(text)
        if self.pre:
            first, *more = text.split("\n")
            self.line.append(first)
            for line in more:
                self.end_line(always=True)
                self.line.append(line)
        else:
            self.line.append(text)

    def tag(self, name: str, attributes: str, *, closing: bool) -> None:
        if self.hidden:
            self.depth += (name == self.hidden) * (-1 if closing else 1)
            self.hidden = self.hidden if self.depth > 0 else ""
        elif not closing and name not in _VOID and (name in _UNSEEN or (attributes and _HIDDEN.search(attributes))):
            self.hidden, self.depth = name, 1
        else:
            self.shown(name, closing=closing)

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
        while self.lines and not self.lines[-1].strip("> "):
            self.lines.pop()
        if self.lines:
            self.lines.append("")
        self.quote = quote

    def gap(self) -> None:
        if self.lines and self.lines[-1].strip("> "):
            self.lines.append("> " * min(self.quote, 10))

    def end_line(self, *, always: bool = False) -> None:
        text = "".join(self.line)
        text = text.rstrip() if self.pre else _SPACES.sub(" ", text).replace("\u00a0", " ").strip()
        self.line.clear()
        if text or always:
            self.lines.append("> " * min(self.quote, 10) + text)

    def result(self) -> str:
        self.end_line()
        return _MANY_LINES.sub("\n\n", "\n".join(line.rstrip() for line in self.lines)).strip("\n")
