"""The same as `Sleeptime` for code without an event loop: one loop in a thread of its own, and no logic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial, wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from sleeptime.app import Sleeptime

if TYPE_CHECKING:
    from typing import Self

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(method: Callable[Concatenate[Sleeptime, P], Awaitable[T]]) -> Callable[Concatenate[SyncSleeptime, P], T]:
    """`method`, run to its end on the loop of a SyncSleeptime."""

    @wraps(method)
    def run(self: SyncSleeptime, /, *args: P.args, **kwargs: P.kwargs) -> T:
        portal, sleeptime = self._running()
        return portal.call(partial(method, sleeptime, *args, **kwargs))

    return run


class SyncSleeptime:
    """Made by `Sleeptime.sync`; open inside a ``with``. Every method waits for the async one of the same name."""

    def __init__(self, make: Callable[[], Sleeptime]) -> None:
        self._make = make
        self._exit = ExitStack()
        self._open: tuple[BlockingPortal, Sleeptime] | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal())
            sleeptime = portal.call(self._make)
            stack.callback(portal.call, sleeptime.close)
            self._exit = stack.pop_all()
        self._open = portal, sleeptime
        return self

    def __exit__(self, *_: object) -> None:
        self._open = None
        self._exit.close()

    def _running(self) -> tuple[BlockingPortal, Sleeptime]:
        if self._open is None:
            raise RuntimeError(
                "Sleeptime.sync(...) is open inside a `with` only: with Sleeptime.sync(...) as sleeptime:"
            )
        return self._open

    add = _blocking(Sleeptime.add)
    append = _blocking(Sleeptime.append)
    plan = _blocking(Sleeptime.plan)
    sleep = _blocking(Sleeptime.sleep)
    queue = _blocking(Sleeptime.queue)
    jobs = _blocking(Sleeptime.jobs)
    quarantines = _blocking(Sleeptime.quarantines)
    pause = _blocking(Sleeptime.pause)
    resume = _blocking(Sleeptime.resume)
    cancel = _blocking(Sleeptime.cancel)
    release = _blocking(Sleeptime.release)
    ask = _blocking(Sleeptime.ask)
    notes = _blocking(Sleeptime.notes)
    diff = _blocking(Sleeptime.diff)
    rollback = _blocking(Sleeptime.rollback)
    approve = _blocking(Sleeptime.approve)
    reject = _blocking(Sleeptime.reject)
    prune = _blocking(Sleeptime.prune)
    policy = _blocking(Sleeptime.policy)
    remove_policy = _blocking(Sleeptime.remove_policy)
    policies = _blocking(Sleeptime.policies)
    ledger = _blocking(Sleeptime.ledger)
    status = _blocking(Sleeptime.status)
