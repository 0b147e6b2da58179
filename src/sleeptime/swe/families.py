"""Families of generated repositories: what a project is about, how it lays out its code, and what is asked of it.

A family is data; `generated.py` writes histories from it. Paths use ``{pkg}``, ``{e}`` (what the code calls a thing)
and ``{es}`` (its plural). What people call a thing in a message is often another word. Two families are there to tune
on, and two are held out: other things, other layouts, other languages, and mostly other wishes.
"""

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


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of project.

    Args:
        language: ``py``, ``ts`` or ``go``.
        things: what the code calls each, and what people call it (singular, plural).
        layers: layer and path of its file for each thing.
        shared: name and path of each file of the whole project.
        style: how messages begin: ``plain``, ``scoped`` or ``conventional``.
        distractors: files that speak of a thing and are never part of a feature.
    """

    name: str
    package: str
    language: str
    things: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    layers: tuple[tuple[str, str], ...]
    shared: tuple[tuple[str, str], ...]
    wishes: tuple[Wish, ...]
    style: str
    distractors: tuple[str, ...]


CSV = Wish(
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
JSON_OUTPUT = Wish(
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
PAGES = Wish(
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
SEARCH = Wish(
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
SOFT_DELETE = Wish(
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
AUDIT = Wish(
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
ROLES = Wish(
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
NOTIFY = Wish(
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
IMPORT = Wish(
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
TAGS = Wish(
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
DUE = Wish(
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
LINKS = Wish(
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
CACHE = Wish(
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
RATE = Wish(
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
WEBHOOK = Wish(
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
CHART = Wish(
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
COPY = Wish(
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
UNITS = Wish(
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
SIGN = Wish(
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
LOCALE = Wish(
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

_PYTHON_SHARED = (
    ("formats", "src/{pkg}/output/formats.py"),
    ("queries", "src/{pkg}/store/queries.py"),
    ("schema", "src/{pkg}/store/schema.py"),
    ("events", "src/{pkg}/events.py"),
    ("access", "src/{pkg}/access.py"),
    ("settings", "src/{pkg}/settings.py"),
    ("mail", "src/{pkg}/outbox.py"),
    ("validation", "src/{pkg}/core/checks.py"),
    ("cache", "src/{pkg}/store/memory.py"),
    ("routes", "src/{pkg}/api/router.py"),
    ("theme", "src/{pkg}/pages/base.html"),
)

SHOP: Final = Family(
    "shop",
    "tradepost",
    "py",
    (
        ("order", (("order", "orders"), ("purchase", "purchases"))),
        ("parcel", (("parcel", "parcels"), ("delivery", "deliveries"), ("shipment", "shipments"))),
        ("invoice", (("invoice", "invoices"), ("bill", "bills"))),
        ("customer", (("customer", "customers"), ("buyer", "buyers"))),
        ("product", (("product", "products"), ("article", "articles"))),
        ("supplier", (("supplier", "suppliers"), ("vendor", "vendors"))),
        ("refund", (("refund", "refunds"), ("repayment", "repayments"))),
        ("coupon", (("coupon", "coupons"), ("voucher", "vouchers"))),
    ),
    (
        ("cli", "src/{pkg}/cli/{e}.py"),
        ("core", "src/{pkg}/core/{e}.py"),
        ("store", "src/{pkg}/store/{e}_rows.py"),
        ("api", "src/{pkg}/api/{es}.py"),
        ("view", "src/{pkg}/pages/{e}.html"),
        ("test", "tests/test_{e}.py"),
        ("doc", "docs/{es}.md"),
    ),
    _PYTHON_SHARED,
    (CSV, JSON_OUTPUT, PAGES, SEARCH, SOFT_DELETE, AUDIT, ROLES, NOTIFY, IMPORT, TAGS, DUE, LINKS),
    "plain",
    ("scripts/{e}_report.py", "legacy/{e}_v1.py", "examples/{e}_csv_search.py"),
)

CLINIC: Final = Family(
    "clinic",
    "wardbook",
    "py",
    (
        ("patient", (("patient", "patients"), ("case", "cases"))),
        ("visit", (("visit", "visits"), ("appointment", "appointments"))),
        ("staff", (("staff member", "staff members"), ("colleague", "colleagues"))),
        ("ward", (("ward", "wards"), ("unit", "units"))),
        ("drug", (("drug", "drugs"), ("medicine", "medicines"))),
        ("dose", (("dose", "doses"), ("prescription", "prescriptions"))),
        ("claim", (("claim", "claims"), ("insurance case", "insurance cases"))),
    ),
    (
        ("cli", "wardbook/{e}/commands.py"),
        ("core", "wardbook/{e}/model.py"),
        ("store", "wardbook/{e}/tables.py"),
        ("api", "wardbook/{e}/endpoints.py"),
        ("view", "wardbook/{e}/templates/{e}.html"),
        ("test", "wardbook/{e}/tests.py"),
        ("doc", "manual/{e}.rst"),
    ),
    tuple((name, path.replace("src/{pkg}/", "wardbook/common/")) for name, path in _PYTHON_SHARED),
    (PAGES, SEARCH, SOFT_DELETE, AUDIT, ROLES, NOTIFY, DUE, LINKS, IMPORT, TAGS, JSON_OUTPUT),
    "scoped",
    ("wardbook/migrate/{e}_import.py", "tools/{e}_audit_search.py"),
)

FLEET: Final = Family(
    "fleet",
    "haulage",
    "ts",
    (
        ("truck", (("truck", "trucks"), ("lorry", "lorries"), ("vehicle", "vehicles"))),
        ("driver", (("driver", "drivers"), ("operator", "operators"))),
        ("route", (("route", "routes"), ("tour", "tours"))),
        ("depot", (("depot", "depots"), ("yard", "yards"))),
        ("fuelling", (("fuelling", "fuellings"), ("fuel stop", "fuel stops"))),
        ("repair", (("repair", "repairs"), ("workshop visit", "workshop visits"))),
        ("toll", (("toll", "tolls"), ("road charge", "road charges"))),
        ("trailer", (("trailer", "trailers"), ("semi", "semis"))),
    ),
    (
        ("cli", "packages/console/src/{e}.ts"),
        ("core", "packages/domain/src/{e}.ts"),
        ("store", "packages/database/src/{e}Repository.ts"),
        ("api", "packages/server/src/handlers/{es}.ts"),
        ("view", "packages/web/src/components/{e}Panel.tsx"),
        ("test", "packages/domain/test/{e}.spec.ts"),
        ("doc", "website/reference/{es}.md"),
    ),
    (
        ("formats", "packages/console/src/printers.ts"),
        ("queries", "packages/database/src/builder.ts"),
        ("schema", "packages/database/src/migrations.ts"),
        ("events", "packages/domain/src/bus.ts"),
        ("access", "packages/server/src/policy.ts"),
        ("settings", "packages/server/src/config.ts"),
        ("mail", "packages/server/src/mailer.ts"),
        ("validation", "packages/domain/src/rules.ts"),
        ("cache", "packages/database/src/lru.ts"),
        ("routes", "packages/server/src/routes.ts"),
        ("theme", "packages/web/src/theme.ts"),
    ),
    (CACHE, RATE, WEBHOOK, CHART, COPY, UNITS, LOCALE, CSV, PAGES, DUE, ROLES),
    "conventional",
    ("packages/legacy/src/{e}Chart.ts", "scripts/{e}-seed.ts", "packages/web/stories/{e}.stories.tsx"),
)

ARCHIVE: Final = Family(
    "archive",
    "vault",
    "go",
    (
        ("record", (("record", "records"), ("entry", "entries"))),
        ("shelf", (("shelf", "shelves"), ("rack", "racks"))),
        ("scan", (("scan", "scans"), ("image", "images"))),
        ("loan", (("loan", "loans"), ("borrowing", "borrowings"))),
        ("donor", (("donor", "donors"), ("giver", "givers"))),
        ("reader", (("reader", "readers"), ("visitor", "visitors"))),
        ("deed", (("deed", "deeds"), ("charter", "charters"))),
    ),
    (
        ("cli", "cmd/vault/{e}.go"),
        ("core", "internal/{e}/{e}.go"),
        ("store", "internal/{e}/sql.go"),
        ("api", "internal/{e}/http.go"),
        ("view", "web/templates/{e}.tmpl"),
        ("test", "internal/{e}/{e}_test.go"),
        ("doc", "docs/man/{e}.md"),
    ),
    (
        ("formats", "internal/render/render.go"),
        ("queries", "internal/db/select.go"),
        ("schema", "internal/db/tables.go"),
        ("events", "internal/journal/journal.go"),
        ("access", "internal/guard/guard.go"),
        ("settings", "internal/config/config.go"),
        ("mail", "internal/post/post.go"),
        ("validation", "internal/check/check.go"),
        ("cache", "internal/db/recent.go"),
        ("routes", "internal/web/mux.go"),
        ("theme", "web/templates/layout.tmpl"),
    ),
    (SIGN, LOCALE, COPY, CHART, WEBHOOK, CACHE, UNITS, SEARCH, AUDIT, IMPORT, LINKS),
    "plain",
    ("tools/{e}sign/main.go", "internal/old/{e}copy.go"),
)

TUNE: Final = ("shop", "clinic")
"""Families to tune on."""
HELD_OUT: Final = ("fleet", "archive")
"""Families that nothing was tuned on."""
FAMILIES: Final = {family.name: family for family in (SHOP, CLINIC, FLEET, ARCHIVE)}
