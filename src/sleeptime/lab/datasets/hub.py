"""Rows of a dataset on the Hugging Face hub, by its public API of rows (https://huggingface.co/docs/dataset-viewer).

A source is written ``hub:OWNER/NAME``, ``hub:OWNER/NAME#CONFIG`` or ``hub:OWNER/NAME#CONFIG/SPLIT``. Nothing is kept on
disk, and no key is sent.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from sleeptime.core.errors import InputError, TooLarge, Unreadable
from sleeptime.lab.datasets.build import Progress, no_progress
from sleeptime.lab.datasets.rows import Row

PREFIX: Final = "hub:"
ENDPOINT: Final = "https://datasets-server.huggingface.co"
PAGE_ROWS: Final = 100
"""Most rows that one request gives."""
MAX_ROWS: Final = 200_000
TIMEOUT_S: Final = 60.0
ATTEMPTS: Final = 4
_SOURCE: Final = re.compile(r"hub:([\w.-]+/[\w.-]+)(?:#([\w.-]+)(?:/([\w.-]+))?)?")


@dataclass(frozen=True, slots=True)
class Hub:
    """The hub's API.

    Args:
        endpoint: where it is.
        wait_s: wait before the second attempt of a request that failed for now; it doubles.
    """

    endpoint: str = ENDPOINT
    wait_s: float = 1.0

    async def rows(self, source: str, progress: Progress = no_progress) -> list[Row]:
        """All rows of one split.

        Raises:
            InputError: the source is not written as above, or there are several configs or splits to choose from.
            Unreadable: the hub cannot be reached, or does not have it.
            TooLarge: more than `MAX_ROWS` rows, or a row is too long for the API.
        """
        match = _SOURCE.fullmatch(source)
        if match is None:
            raise InputError(f"{source!r} is not a set on the hub; write hub:OWNER/NAME or hub:OWNER/NAME#CONFIG/SPLIT")
        name, config, split = match.groups()
        async with httpx2.AsyncClient(timeout=TIMEOUT_S, headers={"user-agent": "sleeptime"}) as client:
            if split is None:
                config, split = await self._only_split(client, name, config)
            return await self._all_rows(client, name, config, split, progress)

    async def _all_rows(
        self, client: httpx2.AsyncClient, name: str, config: str, split: str, progress: Progress
    ) -> list[Row]:
        origin = config if config != "default" else name.partition("/")[2]
        rows: list[Row] = []
        total: int | None = None
        while total is None or len(rows) < total:
            asked = {"dataset": name, "config": config, "split": split}
            page = await self._get(client, "/rows", asked | {"offset": str(len(rows)), "length": str(PAGE_ROWS)})
            total, found = page.get("num_rows_total"), page.get("rows")
            if not isinstance(total, int) or not isinstance(found, list) or (not found and len(rows) < total):
                raise Unreadable(f"hub:{name} answered in a form that is not known; {_instead()}")
            if total > MAX_ROWS:
                raise TooLarge(f"hub:{name} has {total:,} rows, more than {MAX_ROWS:,}; {_instead()}")
            for item in found:
                rows.append(_row(item, f"hub:{name}#{config}/{split} row {len(rows)}", origin))
            progress(len(rows), total)
        return rows

    async def _only_split(self, client: httpx2.AsyncClient, name: str, config: str | None) -> tuple[str, str]:
        answer = await self._get(client, "/splits", {"dataset": name})
        try:
            known = [(str(item["config"]), str(item["split"])) for item in answer["splits"]]
        except (KeyError, TypeError) as error:
            raise Unreadable(f"hub:{name} answered in a form that is not known; {_instead()}") from error
        fitting = [pair for pair in known if config in (None, pair[0])]
        if len(fitting) != 1:
            choices = ", ".join(f"hub:{name}#{config}/{split}" for config, split in known) or "none"
            raise InputError(f"hub:{name} has several parts, or not this one; choose one of: {choices}")
        return fitting[0]

    async def _get(self, client: httpx2.AsyncClient, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        name, wait_s = query["dataset"], self.wait_s
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = await client.get(f"{self.endpoint}{path}", params=dict(query))
                if response.is_success:
                    answer = response.json()
                    if not isinstance(answer, dict):
                        raise ValueError("not an object")
                    return answer
                reason = f"it answered {response.status_code} {response.reason_phrase}"
                can_retry = response.status_code == 429 or response.status_code >= 500
            except httpx2.HTTPError as error:
                reason, can_retry = str(error) or type(error).__name__, True
            except ValueError as error:
                raise Unreadable(f"hub:{name} did not answer with JSON; {_instead()}") from error
            if not can_retry or attempt == ATTEMPTS:
                break
            await asyncio.sleep(wait_s)
            wait_s *= 2
        raise Unreadable(f"hub:{name} cannot be read: {reason}; {_instead()}")


def _instead() -> str:
    return "check the name, or download its files and give their paths"


def _row(item: object, where: str, origin: str) -> Row:
    fields = item.get("row") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(fields, dict):
        raise Unreadable(f"{where} is in a form that is not known; {_instead()}")
    if item.get("truncated_cells"):
        raise TooLarge(f"{where} is too long for the hub's API, which cut it; {_instead()}")
    return Row(where, fields, origin)
