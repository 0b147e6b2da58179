"""Families of generated repositories: what a project is about, how it lays out its code, and what is asked of it.

A family is data; `generated.py` writes histories from it, and `wishes.py` has what can be asked for. Paths use
``{pkg}``, ``{e}`` (what the code calls a thing) and ``{es}`` (its plural). What people call a thing in a message is
often another word. Two families are there to tune on, and two are held out: other things, other layouts, other
languages, and mostly other wishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sleeptime.swe.wishes import (
    AUDIT,
    CACHE,
    CHART,
    COPY,
    CSV,
    DUE,
    IMPORT,
    JSON_OUTPUT,
    LINKS,
    LOCALE,
    NOTIFY,
    PAGES,
    RATE,
    ROLES,
    SEARCH,
    SIGN,
    SOFT_DELETE,
    TAGS,
    UNITS,
    WEBHOOK,
    Wish,
)


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
