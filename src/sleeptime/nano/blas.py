"""One BLAS thread, for small matrices: handing their work to several costs more than it saves.

The limit belongs to the process, so it is counted: the first one in sets it and the last one out lifts it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_limit = ExitStack()
_users = 0


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread inside the `with`; may be entered from several threads at once."""
    global _users
    with _lock:
        if _users == 0:
            _limit.enter_context(_controller().limit(limits=1, user_api="blas"))
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limit.close()
