"""Wishes: what people ask of generated projects, in words that are often not those of the code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that can be asked for each thing of a project.

    Args:
        code: stem of the identifiers that it brings.
        words: ways to ask for it; ``{p}`` is the thing in plural, ``{s}`` in singular.
        always: layers of the thing that it changes.
        often: layers that it changes three times out of four.
        shared: files of the whole project that it changes.
        neighbours: whether the core of a neighbouring thing changes with it.
    """

    code: str
    words: tuple[str, ...]
    always: tuple[str, ...]
    often: tuple[str, ...] = ("test",)
    shared: tuple[str, ...] = ()
    neighbours: bool = False


CSV: Final = Wish(
    "as_csv",
    (
        "add a --csv flag to the {s} list",
        "write {p} as comma separated values",
        "let {p} be exported to a spreadsheet",
        "support CSV when printing {p}",
    ),
    ("cli", "core"),
    ("test", "doc"),
    ("formats",),
)
JSON_OUTPUT: Final = Wish(
    "as_json",
    (
        "add --json to the {s} command",
        "print {p} for machines to read",
        "support structured output of {p}",
        "let scripts read {p} without parsing tables",
    ),
    ("cli",),
    ("test", "doc", "core"),
    ("formats",),
)
PAGES: Final = Wish(
    "page_of",
    (
        "support paging through {p}",
        "return {p} in chunks with a cursor",
        "add limit and offset when listing {p}",
        "allow clients to walk through all {p} page by page",
    ),
    ("store", "api"),
    ("test", "view"),
    ("queries",),
)
SEARCH: Final = Wish(
    "search",
    (
        "add full text search over {p}",
        "let people find a {s} by any word",
        "support looking {p} up by free text",
        "enable searching in {p}",
    ),
    ("store", "api"),
    ("test", "cli", "view"),
    ("queries", "schema"),
)
SOFT_DELETE: Final = Wish(
    "archive",
    (
        "add an archive for {p} instead of removing them",
        "allow a removed {s} to be restored",
        "keep deleted {p} for thirty days",
        "support undoing the removal of a {s}",
    ),
    ("core", "store"),
    ("test", "cli"),
    ("schema", "events"),
)
AUDIT: Final = Wish(
    "record_change",
    (
        "add an audit trail for {p}",
        "record who changed a {s}",
        "support a history of every {s}",
        "log each edit of {p} with its author",
    ),
    ("core", "store"),
    ("test",),
    ("events", "schema"),
)
ROLES: Final = Wish(
    "may_edit",
    (
        "add roles that may change {p}",
        "allow only managers to edit a {s}",
        "support read-only access to {p}",
        "let permissions be set per {s}",
    ),
    ("api", "core"),
    ("test", "view"),
    ("access",),
)
NOTIFY: Final = Wish(
    "notify",
    (
        "add mail when a {s} changes",
        "let people subscribe to {p}",
        "support alerts about {p}",
        "send a message to watchers of a {s}",
    ),
    ("core",),
    ("test", "api"),
    ("events", "settings", "mail"),
)
IMPORT: Final = Wish(
    "import_rows",
    (
        "add a command that loads {p} from a file",
        "support bulk upload of {p}",
        "allow many {p} to be created at once",
        "let {p} be read from a spreadsheet",
    ),
    ("cli", "store"),
    ("test", "doc"),
    ("formats", "validation"),
)
TAGS: Final = Wish(
    "tag",
    (
        "add labels to {p}",
        "allow a {s} to carry tags",
        "support grouping {p} by keyword",
        "let people mark {p} with words of their own",
    ),
    ("core", "store", "api"),
    ("test", "view"),
    ("schema",),
)
DUE: Final = Wish(
    "due_on",
    (
        "add a due date to {p}",
        "support reminders for {p} that are late",
        "let a {s} have a deadline",
        "show which {p} are overdue",
    ),
    ("core", "store"),
    ("test", "view", "cli"),
    ("schema", "mail"),
)
LINKS: Final = Wish(
    "link_to",
    (
        "add links from a {s} to what it belongs to",
        "allow {p} to refer to each other",
        "support relations of {p}",
        "let a {s} point at another record",
    ),
    ("core", "store"),
    ("test", "api"),
    ("schema",),
    neighbours=True,
)
CACHE: Final = Wish(
    "cached",
    (
        "add a cache in front of {p}",
        "support answering repeated reads of {p} from memory",
        "make {p} quicker to load by remembering them",
        "allow the last {p} to be served without the database",
    ),
    ("store",),
    ("test", "api"),
    ("settings", "cache"),
)
RATE: Final = Wish(
    "throttle",
    (
        "add a rate limit on {p}",
        "support throttling clients that ask for {p} too often",
        "allow an upper bound on requests for {p}",
        "introduce quotas for {p}",
    ),
    ("api",),
    ("test", "doc"),
    ("settings", "routes"),
)
WEBHOOK: Final = Wish(
    "post_hook",
    (
        "add webhooks for {p}",
        "let other systems be called when a {s} changes",
        "support callbacks about {p}",
        "enable pushing {p} to an address",
    ),
    ("core", "api"),
    ("test", "doc"),
    ("events", "routes"),
)
CHART: Final = Wish(
    "chart",
    (
        "add a chart of {p} over time",
        "show {p} as a graph",
        "support plotting how many {p} there were",
        "draw a timeline of {p}",
    ),
    ("view", "api"),
    ("test",),
    ("queries", "theme"),
)
COPY: Final = Wish(
    "duplicate",
    (
        "add a way to copy a {s}",
        "allow a {s} to be cloned",
        "support templates for {p}",
        "let people start from an existing {s}",
    ),
    ("core", "api"),
    ("test", "view"),
    ("validation",),
)
UNITS: Final = Wish(
    "convert",
    (
        "support imperial units for {p}",
        "add conversion of amounts in {p}",
        "let measures of a {s} be shown in other units",
        "allow people to choose units for {p}",
    ),
    ("core", "view"),
    ("test",),
    ("settings", "formats"),
)
SIGN: Final = Wish(
    "sign",
    (
        "add signatures to {p}",
        "support proving that a {s} is genuine",
        "allow {p} to be sealed with a key",
        "let a {s} be verified later",
    ),
    ("core", "store"),
    ("test", "cli", "doc"),
    ("access", "schema"),
)
LOCALE: Final = Wish(
    "translated",
    (
        "add translations of {p}",
        "support several languages for {p}",
        "let a {s} be shown in the reader's language",
        "enable localised names of {p}",
    ),
    ("view", "core"),
    ("test",),
    ("theme", "settings"),
)
