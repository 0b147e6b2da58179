"""HTML reduced to readable text: headings, paragraphs, lists, tables and code, without scripts and styles.

Links keep their words and lose their address. No layout and no JavaScript: what the server sent is what is read.
"""

import re
from html.parser import HTMLParser

_DROPPED = frozenset({"script", "style", "noscript", "template", "svg", "math", "iframe", "object", "head"})
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "dd", "details", "dialog", "div", "dl", "dt", "fieldset"}
    | {
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
    }
    | {"ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul"}
)
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}


def html_to_text(html: str) -> str:
    """The text of a page. The title comes first, as a heading, when the page has one."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._title: list[str] = []
        self._dropped: list[str] = []
        self._is_in_title = False
        self._pre_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":  # a page may leave out </head>
            self._dropped.clear()
        if tag == "title" and not self._title:
            self._is_in_title = True
        if tag in _DROPPED:
            self._dropped.append(tag)
        if self._dropped:
            return
        if tag == "br":
            self._pieces.append("\n")
        elif tag in {"td", "th"}:
            self._pieces.append(" | ")
        elif tag in _BLOCKS:
            self._pieces.append("\n\n" if tag not in {"li", "tr", "dd", "dt"} else "\n")
            self._pieces.append(f"{_HEADINGS[tag]} " if tag in _HEADINGS else "- " if tag == "li" else "")
        self._pre_depth += tag == "pre"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _DROPPED:  # <svg/> opens nothing
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._is_in_title = False
        if tag in self._dropped:
            del self._dropped[self._dropped.index(tag) :]
            return
        if self._dropped:
            return
        if tag in _BLOCKS:
            self._pieces.append("\n" if tag in {"li", "tr", "dd", "dt"} else "\n\n")
        self._pre_depth -= tag == "pre" and self._pre_depth > 0

    def handle_data(self, data: str) -> None:
        if self._is_in_title:
            self._title.append(data)
        elif not self._dropped:
            self._pieces.append(data if self._pre_depth else re.sub(r"\s+", " ", data))

    def text(self) -> str:
        title = " ".join("".join(self._title).split())
        body = re.sub(r"[ \t]*\n[ \t]*(?=\n)", "\n", "".join(self._pieces))
        body = re.sub(r"\n{3,}", "\n\n", re.sub(r"(?m)^ (?=\S)|[ \t]+$", "", body)).strip()
        return f"# {title}\n\n{body}".strip() if title and not body.startswith(f"# {title}") else body
