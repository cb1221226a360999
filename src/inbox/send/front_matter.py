"""Templates of mail with front matter: YAML between two lines `---`, and the text below it; every mistake at once, with line and column.

    ---
    subject: Hello {{ name }}
    from: News <news@example.com>
    html: welcome.html
    experiment: welcome-subjects
    variants:
      short: {weight: 1, subject: Hello}
      long: {weight: 1, subject: "Hello {{ name }}, here is how to begin"}
    ---
    Dear {{ name }}, ...

A file without front matter is a text alone. What a variant does not say for itself is what the template says. The YAML is as strict as that
of rules.yaml (`inbox.rules.document`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from inbox.errors import TemplateError
from inbox.rules.document import MapNode, Mistakes, Node, TextNode, duplicates, kind, read
from inbox.rules.scope import suggest
from inbox.send.variants import Template, Variant

ReadFile = Callable[[str], str]
"""The text of a file that a template names; OSError or UnicodeDecodeError when it cannot be read."""

_TOP = ("subject", "from", "reply_to", "html", "experiment", "variants")
_OF_A_VARIANT = ("weight", "subject", "text", "body", "html")
_FENCE = re.compile(r"---[ \t]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_HEAVIEST = 1_000_000


def load_template(path: Path) -> Template:
    """The template of a file, called as the file is, without its suffix; files that it names begin in its folder.

    TemplateError has every mistake.
    """
    mistakes = Mistakes(str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        mistakes.at(None, f"cannot be read: {error.strerror}; name a file with the text of the mail")
    except UnicodeDecodeError as error:
        mistakes.at(None, f"is not UTF-8 text (octet {error.start}); save it as UTF-8")
    if mistakes.errors:
        raise TemplateError(mistakes.errors)
    return read_template(text, path.stem, file=str(path), read_file=lambda name: (path.parent / name).read_text(encoding="utf-8-sig"))


def read_template(text: str, name: str, *, file: str | None = None, read_file: ReadFile | None = None) -> Template:
    """The template that a text describes; `name` is also that of its experiment unless it names one.

    `html` is HTML where a `<` is in it, else a file that `read_file` reads. TemplateError has every mistake, in the order of the file.
    """
    lines = re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))
    mistakes = Mistakes(file or name)
    front, body = _parted(lines, mistakes)
    made = _Reader(mistakes, read_file).template(_mapping(front, mistakes), name, body)
    if mistakes.errors:
        raise TemplateError(mistakes.errors)
    return made


def _parted(lines: list[str], mistakes: Mistakes) -> tuple[str, str]:
    """Front matter, with its lines where they stand in the file, and what is below it."""
    if not _FENCE.fullmatch(lines[0]):
        return "", "\n".join(lines)
    end = next((number for number, line in enumerate(lines) if number and _FENCE.fullmatch(line)), None)
    if end is None:
        mistakes.at(TextNode(1, 1, "", plain=True), "front matter begins here and does not end; a line --- ends it")
        return "", ""
    return "\n".join(("", *lines[1:end], "")), "\n".join(lines[end + 1 :])


def _mapping(front: str, mistakes: Mistakes) -> MapNode:
    empty = MapNode(1, 1)
    root = read(front, mistakes) if front.strip() else None
    if root is None or (isinstance(root, TextNode) and not root.text):
        return empty
    if not isinstance(root, MapNode):
        mistakes.at(root, f"front matter is {kind(root)}; it must be a mapping with {', '.join(_TOP)}")
        return empty
    duplicates(root, mistakes)
    return root


class _Reader:
    """Reads the nodes of one template and notes what is wrong with them."""

    def __init__(self, mistakes: Mistakes, read_file: ReadFile | None) -> None:
        self._mistakes, self._read_file = mistakes, read_file

    def template(self, root: MapNode, name: str, body: str) -> Template:
        said = self._entries(root, _TOP, "front matter")
        base = Variant(None, 1, self._line(said, "subject"), body, self._html(said))
        return Template(
            name=name,
            experiment=self._experiment(said) or name,
            from_=self._line(said, "from"),
            reply_to=self._line(said, "reply_to"),
            variants=self._variants(said["variants"], base) if "variants" in said else (base,),
        )

    def _entries(self, node: MapNode, words: tuple[str, ...], where: str) -> dict[str, Node]:
        for key, _ in node.entries:
            if key.text not in words:
                self._mistakes.at(key, f"{where}: there is no {key.text!r}{suggest(key.text, words)}")
        return {key.text: value for key, value in node.entries}

    def _text(self, said: Mapping[str, Node], word: str) -> str | None:
        node = said.get(word)
        if node is None or isinstance(node, TextNode):
            return node.text if node else None
        self._mistakes.at(node, f"{word}: is {kind(node)}; write text, in quotes if it begins with a bracket or a brace")
        return None

    def _line(self, said: Mapping[str, Node], word: str) -> str | None:
        text = self._text(said, word)
        if text is not None and not text.strip():
            self._mistakes.at(said[word], f"{word}: is empty; write one line, or leave {word} out")
        elif text is not None and len(text.strip().splitlines()) > 1:
            self._mistakes.at(said[word], f"{word}: is more than one line; a field of a header is one")
        return text.strip() if text else text

    def _html(self, said: Mapping[str, Node]) -> str | None:
        text = self._text(said, "html")
        if text is None or "<" in text:
            return text
        name = text.strip()
        if not name or "\n" in name or self._read_file is None:
            self._mistakes.at(said["html"], "html: write HTML, or the name of a file with it, beside the template")
            return None
        try:
            return self._read_file(name)
        except OSError as error:
            reason = error.strerror or str(error)
        except UnicodeDecodeError as error:
            reason = f"it is not UTF-8 text (octet {error.start})"
        except ValueError as error:  # a name with a NUL in it
            reason = str(error)
        self._mistakes.at(said["html"], f"html: {name} cannot be read: {reason}; files are looked for in the folder of the template")
        return None

    def _experiment(self, said: Mapping[str, Node]) -> str | None:
        text = self._text(said, "experiment")
        if text is not None:
            self._check_name(said["experiment"], "experiment", text)
        return text

    def _check_name(self, node: Node, what: str, text: str) -> None:
        if not _NAME.fullmatch(text):
            self._mistakes.at(
                node, f"{what}: {text!r} is no name; use letters, digits, '-', '_' and '.', at most 64, the first a letter or digit"
            )

    def _variants(self, node: Node, base: Variant) -> tuple[Variant, ...]:
        if not isinstance(node, MapNode) or not node.entries:
            what = kind(node) if not isinstance(node, MapNode) else "empty"
            self._mistakes.at(node, f"variants: is {what}; write `NAME: {{weight: 1, subject: ...}}` for each of them")
            return (base,)
        found = tuple(self._variant(key, value, base) for key, value in node.entries)
        if all(variant.weight == 0 for variant in found):
            self._mistakes.at(node, "variants: all weights are 0, so nobody could get any; give one of them a weight")
        return found

    def _variant(self, key: TextNode, node: Node, base: Variant) -> Variant:
        self._check_name(key, "variants", key.text)
        if not isinstance(node, MapNode):
            if not isinstance(node, TextNode) or node.text:
                self._mistakes.at(
                    node, f"variant {key.text!r}: is {kind(node)}; write {{weight: 1, subject: ...}}, or nothing for the template as it is"
                )
            return base.called(key.text)
        said = self._entries(node, _OF_A_VARIANT, f"variant {key.text!r}")
        if "text" in said and "body" in said:
            self._mistakes.at(said["body"], f"variant {key.text!r}: text and body are the same; keep one")
        text = self._text(said, "text" if "text" in said else "body")
        subject, html = self._line(said, "subject"), self._html(said)
        return Variant(
            key.text,
            self._weight(said.get("weight")),
            base.subject if subject is None else subject,
            base.text if text is None else text,
            base.html if html is None else html,
        )

    def _weight(self, node: Node | None) -> float:
        value = node.value if isinstance(node, TextNode) else None
        if node is None:
            return 1
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _HEAVIEST:
            self._mistakes.at(node, f"weight: is a number from 0, for nobody, to {_HEAVIEST}; shares are weights over their sum")
            return 1
        return value
