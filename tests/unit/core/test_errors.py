"""core.errors: one tree, drawn as it is, with exit codes."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from sleeptime.core import errors
from sleeptime.core.errors import InputError, RateLimited, RequestRejected, SleeptimeError

CLASSES = {name: cls for name, cls in vars(errors).items() if inspect.isclass(cls) and issubclass(cls, SleeptimeError)}


def test_drawn_tree_is_the_real_tree() -> None:
    path: list[str] = []
    drawn = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    (?P<lead>[│├└─ ]*)(?P<name>[A-Z]\w+) ", line)
        if found:
            path[len(found["lead"]) // 4 :] = [found["name"]]
            drawn[found["name"]] = tuple(path)
    real = {
        name: tuple(c.__name__ for c in reversed(cls.__mro__) if c in CLASSES.values()) for name, cls in CLASSES.items()
    }
    assert drawn == real


@pytest.mark.parametrize("cls", CLASSES.values())
def test_input_errors_exit_with_2_and_failures_with_1(cls: type[SleeptimeError]) -> None:
    assert cls.exit_code == (2 if issubclass(cls, InputError) else 1)


def test_details_of_a_provider_error_survive_pickling() -> None:
    limited = pickle.loads(pickle.dumps(RateLimited("wait", retry_after_s=2.5)))
    assert (str(limited), limited.retry_after_s) == ("wait", 2.5)
    assert RequestRejected("no", status=400).status == 400
    assert RateLimited("wait").retry_after_s is None
