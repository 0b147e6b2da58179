"""store.tables: what docs/scale.md says of keys and tenants."""

from __future__ import annotations

import pytest
from sqlalchemy import UniqueConstraint

from sleeptime.store.tables import Table

TABLES = Table.metadata.tables


@pytest.mark.parametrize("name", ["query", "call", "spend", "call_sum"])
def test_history_can_be_partitioned_by_tenant(name: str) -> None:
    """A partitioned table of PostgreSQL has what it is partitioned by in every unique key; nothing refers to these."""
    table = TABLES[name]
    keys = [list(table.primary_key.columns), *(list(index.columns) for index in table.indexes if index.unique)]
    keys += [list(each.columns) for each in table.constraints if isinstance(each, UniqueConstraint)]
    assert {key[0].name for key in keys} == {"tenant"}
    referred = {key.column.table.name for other in TABLES.values() for key in other.foreign_keys}
    assert name not in referred


def test_what_a_user_names_is_found_within_a_tenant() -> None:
    """Names and digests that users give are unique within a tenant, so no look-up by them crosses tenants."""
    for name, own in (("context", "name"), ("part", "sha256")):
        (unique,) = (each for each in TABLES[name].constraints if isinstance(each, UniqueConstraint))
        assert [column.name for column in unique.columns] == ["tenant", own]


def test_tables_without_a_tenant_are_reached_through_one_that_has_it_or_are_shared_by_all() -> None:
    shared = {"worker", "breaker", "rate"}
    without = {name for name, table in TABLES.items() if "tenant" not in table.columns} - shared
    assert {"context_version", "version_part", "note", "policy", "batch"} <= without
    for name in without:
        assert TABLES[name].foreign_keys, f"{name} is reached through another table"
