"""Listed: the first of many rows, and how many there are; the work is bounded, however many that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Select, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

COUNTED: Final = 10_000
"""Rows are counted so far and no further."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """The first of many.

    Args:
        items: the first ones.
        count: how many there are; `COUNTED` means that many or more.
    """

    items: tuple[T, ...]
    count: int

    @property
    def is_exact(self) -> bool:
        """Whether all were counted."""
        return self.count < COUNTED

    @property
    def more(self) -> int:
        """How many are not among the items, at least."""
        return self.count - len(self.items)


async def listed(
    connection: AsyncConnection,
    statement: Select[*tuple[Any, ...]],
    make: Callable[[Any], T],
    limit: int,
    *,
    counted: Select[*tuple[Any, ...]] | None = None,
) -> Listed[T]:
    """The first ``limit`` rows of a statement, and how many it has.

    Args:
        statement: ordered, and found by an index.
        make: of a row.
        limit: at least 1.
        counted: as many rows as the statement has, where an index alone tells them; else the statement is counted.
    """
    items = tuple(make(row) for row in await connection.execute(statement.limit(limit)))
    if len(items) < limit:
        return Listed(items, len(items))
    rows: Select[Any] = (statement if counted is None else counted).order_by(None).limit(COUNTED)
    found = rows.with_only_columns(literal_column("1"), maintain_column_froms=True).subquery()
    return Listed(items, (await connection.execute(select(func.count()).select_from(found))).scalar_one())
