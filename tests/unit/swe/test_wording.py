"""`swe.wording`: what a commit message asks for, and of which kind it is."""

import pytest

from sleeptime.swe.wording import MAX_QUERY_CHARS, adds_a_feature, is_upkeep, query_of


@pytest.mark.parametrize(
    ("message", "query"),
    [
        ("Add --csv to export\n", "Add --csv to export"),
        ("Add --csv (#123)\n\nCloses #12, see GH-7 and !8.\n", "Add --csv\n\nCloses , see  and ."),
        ("Add x\n\nWhy.\n\nSigned-off-by: A <a@b>\nCo-authored-by: B <b@c>\nChange-Id: I12\n", "Add x\n\nWhy."),
        ("Add x\n\nFixes: #12\nFixes #13\nRefs: https://x.org/1\nBUG=12\n", "Add x\n\nBUG=12"),
        ("Add x\n\nSee https://example.org/a?b=(c) and <http://x.y>.\n", "Add x\n\nSee ) and ."),
        ("Add x\r\n\r\n<!-- template\nof many lines -->\r\nbody\r\n", "Add x\n\n\nbody".replace("\n\n\n", "\n\n")),
        ("Fix: a crash\n\nbody", "Fix: a crash\n\nbody"),
        ("Add-on: sounds\n", "Add-on: sounds"),
        ("Merge pull request #12 from ada/add-csv\n\nAdd --csv to export\n", "Add --csv to export"),
        ("Merge pull request #12 from ada/feature/add-csv_export\n", "add csv export"),
        ("Merge branch 'feature/add-csv' into main\n", "add csv"),
        ("Merge remote-tracking branch 'origin/add-csv'\n\n# Conflicts:\n#\tsrc/a.py\n#\tsrc/b.py\n", "add csv"),
        ("Add x\n\nConflicts:\n\tsrc/secret.py\n  src/other.py\nafter\n", "Add x\n\nafter"),
        ("Merge tag 'v1.2'\n", ""),
        ("x\n\n(cherry picked from commit 1234)\ngit-svn-id: https://svn/trunk@1 ab\n", "x"),
        ("(#12)\n\nSigned-off-by: A <a@b>\n", ""),
        ("", ""),
        (" \n\n\n", ""),
    ],
)
def test_a_query_is_the_message_without_what_tools_put_into_it(message: str, query: str) -> None:
    assert query_of(message) == query


def test_a_long_message_is_cut() -> None:
    assert len(query_of("Add x\n\n" + "word " * 5_000)) <= MAX_QUERY_CHARS


def test_a_comment_that_does_not_end_is_text() -> None:
    assert query_of("Add x\n\na <!-- b") == "Add x\n\na <!-- b"


@pytest.mark.parametrize(
    "query",
    [
        "Add --csv",
        "adds csv",
        "cli: allow many names",
        "feat(export): csv",
        "feat!: csv",
        "Add: csv",
        "Support for Rust",
        "users can log out",
        "Implementing login\n\nfix nothing",
        "new command: export",
    ],
)
def test_a_feature_is_known_by_its_verb_or_its_kind(query: str) -> None:
    assert adds_a_feature(query)
    assert not is_upkeep(query)


@pytest.mark.parametrize(
    "query",
    [
        "Fix crash on add",
        "fix: add missing import",
        "chore: add a linter",
        "Bump x from 1 to 2",
        "style: new quotes",
        "lint: add rules",
        "Format new code",
        'Revert "Add csv"',
        "Add tests, fix typos",
        "Formatted",
    ],
)
def test_a_fix_a_format_a_bump_and_a_lint_are_upkeep(query: str) -> None:
    assert is_upkeep(query)


@pytest.mark.parametrize(
    "query", ["Refactor export", "address book", "docs: how it works\n\nadd", "candle", "prefixed"]
)
def test_other_changes_are_neither(query: str) -> None:
    assert not adds_a_feature(query)
    assert not is_upkeep(query)


def test_an_option_of_a_format_is_a_feature() -> None:
    assert adds_a_feature("Add --format json")
    assert not is_upkeep("Add --format json")
