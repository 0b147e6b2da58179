"""`sleeptime policy`: sets, shows and lists, in words and as JSON."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sleeptime.core.back_off import BackOff
from sleeptime.core.outcome import Outcome
from sleeptime.store.sleep_state_rows import change_sleep_state
from sleeptime.store.store import Store
from tests.support.commands import Cli, add, note, script, writes

ISSUE = ("--on-change", "30s", "--idle", "10m", "--window", "22:00-06:00", "--max-usd-per-day", "0.50")


def test_a_policy_is_set_shown_and_changed_value_by_value(cli: Cli) -> None:
    add(cli)
    script("unused")
    done = cli("policy", "c", *ISSUE, "--json")
    assert (done.code, done.err) == (0, "")
    policy = {"on_change": "30s", "idle": "10m", "window": "22:00-06:00", "max_usd_per_day": 0.5}
    assert done.json["policy"] == policy
    assert cli("policy", "c", "--json").json["policy"] == policy
    changed = cli("policy", "c", "--idle", "none", "--every", "20", "--approve", "--json").json["policy"]
    assert changed == {"every": 20, "approve": True, **{name: policy[name] for name in policy if name != "idle"}}
    assert cli("policy", "c", "--no-approve", "--off", "--json").json["policy"] == {
        **changed,
        "approve": False,
        "is_on": False,
    }


def test_it_says_in_words_what_is_due_when_and_why(cli: Cli) -> None:
    add(cli)
    script("unused")
    words = cli("policy", "c", *ISSUE, "--every", "20").out
    assert "after the last change, and at most 5m after the first" in words
    assert "1 of 20 new parts" in words
    shown = cli("policy", "c", "--json").json
    assert [each["trigger"] for each in shown["wake_ups"]] == ["change", "idle", "count"]
    for wake_up in shown["wake_ups"][:2]:
        due = datetime.fromisoformat(wake_up["due_at"])
        assert due.hour in {22, 23, 0, 1, 2, 3, 4, 5}
        assert f"{due:%F %T}" in words
    assert shown["wake_ups"][2] == {"trigger": "count", "due_at": None, "hold": None}
    assert (shown["unslept"]["new_parts"], shown["is_slept"], shown["is_busy"]) == (1, False, False)


def test_a_trigger_that_waits_for_its_window_says_so(cli: Cli) -> None:
    add(cli)
    in_two_hours = datetime.now(UTC) + timedelta(hours=2)
    window = f"{in_two_hours:%H:%M}-{in_two_hours + timedelta(hours=1):%H:%M}"
    shown = cli("policy", "c", "--on-change", "0s", "--window", window, "--json").json["wake_ups"]
    assert shown == [
        {
            "trigger": "change",
            "due_at": in_two_hours.replace(second=0, microsecond=0).isoformat(),
            "hold": "window",
        }
    ]
    assert "it waits for its window" in cli("policy", "c").out
    alone = cli("policy", "c", "--on-change", "none", "--json").json["wake_ups"]
    assert alone == [{**shown[0], "trigger": "window"}]
    assert "what changed is slept on while it is open" in cli("policy", "c").out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "c: no policy, so it is slept on by hand only; set one with: sleeptime policy c --on-change 30s"),
        (("--max-usd-per-day", "1"), "c: no trigger is set, so it is slept on by hand only"),
        (("--idle", "10m", "--off"), "c: off, so it is slept on by hand only"),
        (("--every", "5"), "c: nothing is due before there are more new parts"),
    ],
)
def test_it_says_why_nothing_is_due(cli: Cli, options: tuple[str, ...], words: str) -> None:
    add(cli)
    script("unused")
    assert cli("policy", "c", *options).out.splitlines()[-1] == words


def test_after_a_sleep_there_is_nothing_to_do_until_something_changes(cli: Cli) -> None:
    add(cli)
    cli("policy", "c", "--on-change", "30s")
    script(writes(note("Tom has 3 apples.")))
    assert cli("sleep", "c").code == 0
    done = cli("policy", "c")
    assert done.out.splitlines()[-1] == "c: nothing to do: it stands as it was when it was last slept on"
    shown = cli("policy", "c", "--json").json
    assert (shown["is_slept"], shown["wake_ups"], shown["unslept"]) == (True, [], None)
    assert shown["slept_at"] is not None
    add(cli, "Tom has 4 apples.")
    assert [each["trigger"] for each in cli("policy", "c", "--json").json["wake_ups"]] == ["change"]


def test_a_context_in_quarantine_says_so(cli: Cli, tmp_path: Path) -> None:
    add(cli)
    cli("policy", "c", "--on-change", "30s")

    async def quarantine() -> None:
        async with await Store.open(f"sqlite:///{tmp_path}/test.db") as store:
            state = BackOff(max_failures=1)
            failed = "failed"

            async with store._database._engine.begin() as connection:
                await change_sleep_state(
                    connection, 1, lambda before: state.after(before, Outcome.FAILED, "v", failed, datetime.now(UTC))
                )

    asyncio.run(quarantine())
    assert "c: in quarantine after sleeps that failed" in cli("policy", "c").out
    shown = cli("policy", "c", "--json").json
    assert (shown["is_quarantined"], shown["wake_ups"]) == (True, [])


def test_policies_are_listed_a_page_at_a_time(cli: Cli) -> None:
    Path("a.md").write_text("text")
    for name in ("c1", "c2", "c3"):
        cli("add", name, "a.md")
    assert cli("policy").err == "no context has a policy; set one with: sleeptime policy NAME --on-change 30s\n"
    assert cli("policy", "--json").json == {"policies": [], "next": None}
    for name in ("c3", "c1", "c2"):
        cli("policy", name, "--on-change", "30s", "--off")
    first = cli("policy", "--limit", "2", "--json").json
    assert [each["context"] for each in first["policies"]] == ["c1", "c2"]
    assert first["policies"][0] == {
        "context": "c1",
        "policy": {"on_change": "30s", "is_on": False},
        "due_at": None,
        "trigger": None,
    }
    rest = cli("policy", "--limit", "2", "--after", first["next"], "--json").json
    assert ([each["context"] for each in rest["policies"]], rest["next"]) == (["c3"], None)
    page = cli("policy", "--limit", "1")
    assert "off, on change 30s" in page.out
    assert page.err == "there are more; go on with: sleeptime policy --after c1\n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--on-change", "soon"), "on_change of a policy: 'soon' is not a length of time; allowed: "),
        (("--window", "22:00-22:00"), "window of a policy: window 22:00-22:00 never opens; allowed: "),
        (("--window", "22:00-06:00 Mars/Olympus"), "time zone 'Mars/Olympus' is not known"),
        (("--every", "0"), "every is at least 1, got 0"),
        (
            ("--max-usd-per-day", "free"),
            "max_usd_per_day of a policy cannot be 'free'; allowed: a finite amount of USD, such as 0.50, or",
        ),
        (("--strategy", "dream"), "setting strategy (SLEEPTIME_STRATEGY): "),
        (("--tier", "batch"), "tier batch"),
    ],
)
def test_what_is_not_allowed_is_refused_and_changes_nothing(cli: Cli, options: tuple[str, str], error: str) -> None:
    add(cli)
    script("unused")
    cli("policy", "c", "--idle", "10m")
    done = cli("policy", "c", "--cool-down", "1h", *options)
    assert (done.code, done.out) == (2, "")
    assert error in done.err
    assert cli("policy", "c", "--json").json["policy"] == {"idle": "10m"}


def test_a_cap_in_usd_needs_one_in_tokens_where_the_price_is_unknown(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPTIME_MODEL", "openai-compatible:http://127.0.0.1:9/v1#mine")
    add(cli)
    done = cli("policy", "c", "--on-change", "30s", "--max-usd-per-day", "0.50")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "error: the price of 'mine' is unknown, so max_usd_per_day cannot hold; "
        "add a cap in tokens beside it: max_tokens_per_day\n"
    )
    assert cli("policy", "c", "--max-usd-per-day", "0.50", "--max-tokens-per-job", "100").code == 2
    assert cli("policy", "c", "--max-usd-per-day", "0.50", "--max-tokens-per-day", "100000").code == 0


def test_a_policy_of_no_context_and_a_change_without_a_name_are_errors(cli: Cli) -> None:
    assert cli("policy", "nowhere").code == 1
    assert cli("policy", "nowhere", "--idle", "10m").code == 1
    done = cli("policy", "--idle", "10m")
    assert done.code == 2
    assert "give its NAME" in done.err


def test_a_policy_is_removed_and_a_job_that_is_there_goes_on(cli: Cli) -> None:
    add(cli)
    script("unused")
    cli("policy", "c", "--on-change", "30s", "--idle", "10m")
    job = cli("sleep", "c", "--background", "--json").json
    done = cli("policy", "c", "--remove")
    assert done.code == 0
    assert done.out.splitlines() == [
        "c: no policy, so it is slept on by hand only; set one with: sleeptime policy c --on-change 30s; "
        "a job is under way and goes on, to end it: sleeptime jobs cancel c"
    ]
    shown = cli("policy", "c", "--json").json
    assert (shown["policy"], shown["wake_ups"], shown["unslept"], shown["is_busy"]) == (None, [], None, True)
    assert [(each["id"], each["state"]) for each in cli("jobs", "--json").json["jobs"]] == [(job["id"], "queued")]
    assert cli("policy", "--json").json["policies"] == []
    assert cli("policy", "c", "--remove", "--json").json == shown


def test_it_says_that_a_paused_job_keeps_triggers_waiting_and_how_it_goes_on(cli: Cli) -> None:
    add(cli)
    script("unused")
    cli("policy", "c", "--on-change", "0s")
    cli("sleep", "c", "--background")
    assert "a job is under way; triggers wait for its end" in cli("policy", "c").out
    cli("jobs", "pause", "c")
    words = cli("policy", "c").out
    assert "a job is paused, and triggers wait for its end" in words
    assert words.rstrip().endswith("sleeptime jobs resume c")
    assert cli("policy", "c", "--json").json["is_paused"]
    assert [job["state"] for job in cli("jobs", "--json").json["jobs"]] == ["paused"]
    assert "paused, to pause" not in cli("jobs").out
    assert "queued; a `sleeptime worker` runs it" in cli("sleep", "c", "--background").err
    assert not cli("policy", "c", "--json").json["is_paused"]


@pytest.mark.parametrize(
    ("options", "error"),
    [(("c", "--remove", "--idle", "10m"), "give no other value"), (("--remove",), "give its NAME")],
)
def test_removing_a_policy_takes_a_name_and_nothing_else(cli: Cli, options: tuple[str, ...], error: str) -> None:
    add(cli)
    cli("policy", "c", "--idle", "10m")
    done = cli("policy", *options)
    assert (done.code, done.out) == (2, "")
    assert error in " ".join(done.err.replace("│", " ").split())
    assert cli("policy", "c", "--json").json["policy"] == {"idle": "10m"}


def test_commands_that_it_names_can_be_pasted_whatever_the_context_is_called(cli: Cli) -> None:
    script("unused")
    Path("a.txt").write_text("Tom has 2 pears.")
    for name, pasted in {"a; rm b": "policy 'a; rm b' --on-change 30s", "--x": "policy --on-change 30s -- --x"}.items():
        assert cli("add", "--", name, "a.txt").code == 0
        assert cli("policy", "--", name).out.rstrip().endswith(f"sleeptime {pasted}")
