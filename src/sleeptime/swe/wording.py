"""Wording: what a commit message asks for, once everything that tools put into it is gone; and of which kind it is."""

from __future__ import annotations

import re
from typing import Final

MAX_QUERY_CHARS: Final = 4_000
"""Of a longer message the rest is left out."""

_MERGE_TITLE: Final = re.compile(
    r"Merge (?:pull request #\d+ from (?P<fork>\S+)|(?:remote-tracking )?branch '(?P<branch>[^']+)'.*"
    r"|(?:commit|tag) .*|.* into .*)"
)
_URL: Final = re.compile(r"<?\bhttps?://[^\s>)\]]+>?")
_NUMBER: Final = re.compile(r" ?\((?:[A-Za-z]+-|#|!|GH-)\d+\)|(?<!\w)(?:#|!|GH-)\d+\b")
_TRAILER: Final = re.compile(r"[A-Z][A-Za-z]*(?:-[A-Za-z]+)+: ?\S.*")
_ONE_WORD_TRAILER: Final = re.compile(
    r"(?:Acked|BUG|Bug|CC|Cc|Close[sd]?|Differential Revision|Fix(?:e[sd])?|Issue|Link|PR|Refs?|References|Related"
    r"|Resolve[sd]?|See|See also|Task|Tested|Tracking)(?::.*| *)|git-svn-id: .*|\(cherry picked from commit .*\)"
)
_CONFLICTS: Final = re.compile(r"#?\s*Conflicts:\s*")
_PREFIX: Final = re.compile(r"(?P<kind>[A-Za-z]+)(?:\([^)]*\))?!?:\s+")

_FEATURE_KINDS: Final = frozenset({"feat", "feature", "features"})
_UPKEEP_KINDS: Final = frozenset(
    {"bugfix", "build", "bump", "chore", "ci", "deps", "fix", "fmt", "format", "hotfix", "lint", "release", "revert"}
    | {"style", "typo"}
)
_FEATURE_VERB: Final = re.compile(
    r"\b(?:accept|add|allow|can|create|enable|expose|extend|gain|implement|include|introduce|let|offer|provide|show"
    r"|support)(?:s|ed|d|t?ing)?\b|\bnew\b",
    re.IGNORECASE,
)
_UPKEEP_WORD: Final = re.compile(
    r"\b(?:(?:bug|hot)?fix(?:e[sd]|ing)?|bump(?:s|ed|ing)?|lint(?:s|ed|ing)?|reformat(?:s|ted|ting)?|revert(?:s|ed|ing)?"
    r"|typos?)\b|^format(?:s|ted|ting)?\b",
    re.IGNORECASE,
)


def query_of(message: str) -> str:
    """What a message asks for: without trailers, links, numbers of issues, lists of conflicts and titles of merges.

    A merge that says nothing else gives the words of its branch. "" where nothing is left.
    """
    text = _without_comments(message).replace("\r\n", "\n").lstrip()
    title, _, rest = text.partition("\n")
    merge = _MERGE_TITLE.fullmatch(title.strip())
    kept = [_plain(line) for line in _without_conflicts(rest.split("\n")) if not _is_trailer(line.strip())]
    text = "\n".join(kept if merge is not None else [_plain(title), *kept])
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    return (text or _branch_words(merge))[:MAX_QUERY_CHARS].rstrip()


def adds_a_feature(query: str) -> bool:
    """Whether the first line says that something new can be done."""
    kind, _ = _kind_and_words(query)
    return kind in _FEATURE_KINDS or _FEATURE_VERB.search(query.partition("\n")[0]) is not None


def is_upkeep(query: str) -> bool:
    """Whether the first line says that something is fixed, formatted, bumped, linted or taken back."""
    kind, words = _kind_and_words(query)
    return kind in _UPKEEP_KINDS or _UPKEEP_WORD.search(words) is not None


def _kind_and_words(query: str) -> tuple[str, str]:
    title = query.partition("\n")[0]
    prefix = _PREFIX.match(title)
    return ("", title) if prefix is None else (prefix["kind"].lower(), title[prefix.end() :])


def _without_comments(text: str) -> str:
    """The text without comments of HTML, which templates of pull requests are full of."""
    before, *pieces = text.split("<!--")
    kept = [before]
    for piece in pieces:
        comment, end, after = piece.partition("-->")
        kept.append(after if end else f"<!--{comment}")
    return "".join(kept)


def _without_conflicts(lines: list[str]) -> list[str]:
    """The lines without those that git lists below ``Conflicts:``, which name files."""
    kept, is_inside = list[str](), False
    for line in lines:
        if _CONFLICTS.fullmatch(line):
            is_inside = True
        elif not (is_inside and line.startswith(("\t", "#\t", "  "))):
            is_inside = False
            kept.append(line)
    return kept


def _is_trailer(line: str) -> bool:
    return bool(_TRAILER.fullmatch(line) or _ONE_WORD_TRAILER.fullmatch(_plain(line)))


def _plain(line: str) -> str:
    return _NUMBER.sub("", _URL.sub("", line)).rstrip()


def _branch_words(merge: re.Match[str] | None) -> str:
    branch = "" if merge is None else merge["branch"] or (merge["fork"] or "").partition("/")[2]
    return " ".join(re.findall(r"[^\W_]+", branch.rpartition("/")[2]))
