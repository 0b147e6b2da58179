"""`sleeptime notes`: versions are listed, compared, approved, rejected, rolled back and pruned; it says what to do."""

from __future__ import annotations

import pytest

from tests.support.commands import Cli, add, note, script, writes

TOM = "Tom has 3 apples."


def sleep(cli: Cli, *texts: str, code: int = 0) -> None:
    script(writes(*(note(text) for text in texts)))
    assert cli("sleep", "c", "--full").code == code


def states(cli: Cli) -> list[str]:
    return [item["status"] for item in cli("notes", "c", "--json").json["versions"]]


@pytest.fixture
def three(cli: Cli) -> None:
    """A context with three versions of notes, the third live."""
    add(cli)
    for text in ("first", "second", "third"):
        sleep(cli, text, "both")


def test_versions_are_listed_compared_and_rolled_back(cli: Cli, three: None) -> None:
    diff = cli("notes", "c", "--diff", "1", "2", "--json").json
    assert [item["text"] for item in diff["added"]] == ["second"]
    assert [item["text"] for item in diff["removed"]] == ["first"]
    assert (diff["from"], diff["to"], diff["kept"]) == (1, 2, 1)
    assert cli("notes", "c", "--version", "1", "--json").json["status"] == "retired"
    back = cli("notes", "c", "--rollback", "1", "--json").json
    assert (back["version"], back["status"]) == (1, "live")
    assert cli("notes", "c", "--rollback", "1").code == 0
    assert cli("notes", "c", "--version", "9").code == 1
    shown = cli("notes", "c").out
    assert "first" in shown
    assert "second" not in shown


def test_a_version_that_waits_is_shown_with_how_to_approve_it(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    add(cli)
    sleep(cli, "first")
    monkeypatch.setenv("SLEEPTIME_APPROVE", "true")
    script(writes(note("second")))
    slept = cli("sleep", "c", "--full")
    assert "version 2, not live yet" in slept.out
    assert "version 2 waits for approval: sleeptime notes c --approve 2" in slept.err
    shown = cli("notes", "c")
    assert "version 1 (live)" in shown.out
    assert "waiting" in shown.out
    assert "sleeptime notes c --approve 2, or --reject 2; look at it with --diff 1 2" in shown.err
    told = cli("notes", "c", "--json").json
    assert (told["version"], told["waiting"], told["versions"][1]["reason"]) == (1, 2, "approval was asked for")
    approved = cli("notes", "c", "--approve", "2", "--json").json
    assert (approved["version"], approved["status"], approved["waiting"]) == (2, "live", None)
    assert [item["text"] for item in approved["notes"]] == ["second"]


def test_the_first_version_can_wait_too(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    add(cli)
    monkeypatch.setenv("SLEEPTIME_APPROVE", "true")
    script(writes(note("first")))
    slept = cli("sleep", "c", "--json").json
    assert (slept["outcome"], slept["version"], slept["status"], len(slept["notes"])) == ("wrote", 1, "waiting", 1)
    shown = cli("notes", "c")
    assert "no learned context in service" in shown.err
    assert "look at it with --version 1" in shown.err
    assert "sleeptime sleep" not in shown.err, "there is one to approve"
    script("The answer is 3.")
    assert cli("ask", "c", "q", "--json").json["route"] == "full"


def test_a_rejected_version_keeps_its_reason_and_can_be_approved_after_all(cli: Cli, three: None) -> None:
    rejected = cli("notes", "c", "--reject", "3", "--reason", "wrong numbers")
    assert "version 3 (refused)" in rejected.out
    assert "rejected by hand: wrong numbers" in rejected.out
    assert "sleeptime notes c --approve 3" in rejected.err
    assert "no learned context in service" in rejected.err, "it was the live one"
    assert states(cli) == ["retired", "retired", "refused"]
    assert "third" in cli("notes", "c", "--version", "3").out
    wrong = cli("notes", "c", "--rollback", "3")
    assert wrong.code == 2
    assert "sleeptime notes c --approve 3` serves it" in wrong.err
    assert cli("notes", "c", "--approve", "3").code == 0
    assert states(cli) == ["retired", "retired", "live"]
    wrong = cli("notes", "c", "--approve", "1")
    assert wrong.code == 2
    assert "sleeptime notes c --rollback 1` serves it" in wrong.err


def test_notes_that_forget_what_was_verified_are_refused_and_can_be_approved(cli: Cli) -> None:
    add(cli, TOM)
    sleep(cli, TOM)  # the context says it in the same words: verified
    script(writes(note("Tom likes fruit.")))
    slept = cli("sleep", "c", "--full")
    assert slept.code == 1
    assert "failed: refused: it no longer says 1 of the 1 verified notes in service ('Tom has 3 apples.')" in slept.err
    assert "sleeptime notes c --approve 2" in slept.err
    assert states(cli) == ["live", "refused"]
    shown = cli("notes", "c")
    assert "version 1 (live)" in shown.out
    assert "it no longer says 1 of the 1 verified notes" in shown.out, "beside the version"
    script(writes(note("Tom likes fruit.")))
    told = cli("sleep", "c", "--full", "--json")
    assert (told.code, told.json["outcome"], told.json["version"], told.json["status"], told.json["notes"]) == (
        1,
        "failed",
        3,
        "refused",
        [],
    )
    assert cli("notes", "c", "--approve", "2", "--json").json["notes"][0]["text"] == "Tom likes fruit."


def test_a_loss_can_be_allowed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    add(cli, TOM)
    sleep(cli, TOM)
    monkeypatch.setenv("SLEEPTIME_MAX_LOST_VERIFIED", "1")
    sleep(cli, "Tom likes fruit.")
    assert states(cli) == ["retired", "live"]


def test_notes_that_are_too_long_are_refused(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    add(cli)
    monkeypatch.setenv("SLEEPTIME_MAX_LEARNED_TOKENS", "5")
    script(writes(note("words " * 20)))
    done = cli("sleep", "c")
    assert done.code == 1
    assert "tokens long and 5 are allowed" in done.err


def test_old_versions_are_pruned_after_a_look(cli: Cli, three: None) -> None:
    kept = cli("notes", "c", "--prune")
    assert (kept.code, kept.out) == (0, "c: no version pruned, 3 kept\n")
    rules = ("--prune", "--keep", "1", "--keep-days", "0")
    assert cli("notes", "c", *rules, "--dry-run").out == "c: 2 versions would be pruned (1, 2), 1 kept\n"
    assert len(states(cli)) == 3
    assert cli("notes", "c", *rules, "--json").json == {"dry_run": False, "context": "c", "pruned": [1, 2], "kept": 1}
    assert states(cli) == ["live"]
    gone = cli("notes", "c", "--rollback", "1")
    assert gone.code == 1
    assert "no learned context 1" in gone.err


def test_versions_that_answered_queries_are_pruned_only_when_asked(cli: Cli) -> None:
    add(cli)
    sleep(cli, "first")
    script("The answer is 3.")
    assert cli("ask", "c", "q", "--json").json["version"] == 1
    sleep(cli, "second")
    rules = ("--prune", "--keep", "1", "--keep-days", "0", "--json")
    assert cli("notes", "c", *rules).json["pruned"] == []
    assert cli("notes", "c", *rules, "--queried").json["pruned"] == [1]


def test_a_sleep_prunes_what_the_settings_do_not_keep(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    add(cli)
    monkeypatch.setenv("SLEEPTIME_KEEP_VERSIONS", "2")
    monkeypatch.setenv("SLEEPTIME_KEEP_DAYS", "0")
    for text in ("first", "second", "third"):
        sleep(cli, text)
    assert [item["version"] for item in cli("notes", "c", "--json").json["versions"]] == [2, 3]


@pytest.mark.parametrize(
    "options",
    [
        ("--version", "1", "--rollback", "1"),
        ("--approve", "1", "--reject", "1"),
        ("--approve", "1", "--prune"),
        ("--approve", "0"),
        ("--reason", "why"),
        ("--keep", "1"),
        ("--keep-days", "1"),
        ("--queried",),
        ("--dry-run",),
        ("--prune", "--keep", "0"),
        ("--prune", "--keep-days", "-1"),
        ("--prune", "--keep-days", "nan"),
        ("--reject", "1", "--reason", "a\0b"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(cli: Cli, options: tuple[str, ...]) -> None:
    add(cli)
    sleep(cli, "first")
    done = cli("notes", "c", *options)
    assert (done.code, done.out) == (2, "")
    assert states(cli) == ["live"]


def test_a_name_with_spaces_is_quoted_in_what_there_is_to_do(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPTIME_APPROVE", "true")
    add(cli)
    assert cli("add", "my notes", "a.md").code == 0
    script(writes(note("first")))
    assert "sleeptime notes 'my notes' --approve 1" in cli("sleep", "my notes").err
    assert "sleeptime notes 'my notes' --approve 1" in cli("notes", "my notes").err
