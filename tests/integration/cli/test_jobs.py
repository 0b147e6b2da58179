"""`sleeptime jobs`: which it lists, what it says of each, and what it refuses."""

from __future__ import annotations

import pytest

from tests.support.commands import Cli, add, note, script, writes


def test_it_lists_the_jobs_of_one_context_and_what_they_wrote(cli: Cli) -> None:
    add(cli)
    script(writes(note("Tom has 72 apples.")))
    slept = cli("sleep", "c", "--json").json
    assert slept["digest"]
    (job,) = cli("jobs", "c", "--json").json["jobs"]
    assert (job["id"], job["digest"], job["version"]) == (slept["job_id"], slept["digest"], 1)
    assert cli("jobs", "other").code == 1


@pytest.mark.parametrize(("given", "told"), [(("pause",), "say what to pause"), (("stop", "c"), "'stop' is nothing")])
def test_what_cannot_be_done_is_refused(cli: Cli, given: tuple[str, ...], told: str) -> None:
    done = cli("jobs", *given)
    assert done.code == 2
    assert told in done.err
