import os
import random
from pathlib import Path

import pytest

from sleeptime.core.errors import EmptyInput, NotText, Unreadable
from sleeptime.sources import Reading, SkipReason, read_sources
from tests.integration.sources.conftest import Git


@pytest.fixture
def repo(git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "repo"


def write(path: Path, data: str | bytes = "text") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def texts(reading: Reading) -> dict[str, str]:
    return {part.name: part.text for part in reading.parts}


async def test_a_working_tree_gives_tracked_files_and_untracked_ones_that_are_not_ignored(repo: Path, git: Git) -> None:
    write(repo / ".gitignore", "*.log\nout/\n")
    write(repo / "kept.log")
    write(repo / "out/kept.md")
    git("add", "-f", ".gitignore", "kept.log", "out/kept.md")
    write(repo / "new.md")
    write(repo / "dropped.log")
    write(repo / "out/dropped.md")
    write(repo / ".git/info/exclude", "excluded.md\n")
    write(repo / "excluded.md")
    write(Path(os.environ["XDG_CONFIG_HOME"]) / "git/ignore", "*.swp\n")
    write(repo / "x.swp")
    assert list(texts(await read_sources(["repo"]))) == [
        "repo/.gitignore",
        "repo/kept.log",
        "repo/new.md",
        "repo/out/kept.md",
    ]


async def test_a_folder_inside_a_working_tree_obeys_the_rules_above_it(repo: Path) -> None:
    write(repo / ".gitignore", "*.log\n/sub/private\n")
    for name in ("a.md", "a.log", "private/x.md", "deep/b.log", "deep/b.md"):
        write(repo / "sub" / name)
    assert list(texts(await read_sources(["repo/sub"]))) == ["repo/sub/a.md", "repo/sub/deep/b.md"]


async def test_an_ignored_folder_that_was_asked_for_is_read_as_a_plain_folder(repo: Path) -> None:
    write(repo / ".gitignore", "*\n")
    write(repo / "notes/deep/a.md")
    assert list(texts(await read_sources(["repo/notes"]))) == ["repo/notes/deep/a.md"]


async def test_repositories_below_a_plain_folder_are_read_as_repositories(repo: Path, git: Git, tmp_path: Path) -> None:
    write(repo / ".git/info/exclude", "excluded.md\n")
    write(repo / "excluded.md")
    write(repo / "a.md")
    write(tmp_path / "plain.md")
    found = texts(await read_sources(["."]))
    assert "repo/a.md" in found
    assert "plain.md" in found
    assert "repo/excluded.md" not in found


async def test_a_deleted_tracked_file_is_no_part(repo: Path, git: Git) -> None:
    write(repo / "a.md")
    write(repo / "b.md")
    git("add", ".")
    (repo / "a.md").unlink()
    assert list(texts(await read_sources(["repo"]))) == ["repo/b.md"]


async def test_a_linked_worktree_shares_the_exclude_file(repo: Path, git: Git) -> None:
    write(repo / "a.md")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    git("worktree", "add", "-q", "../other")
    write(repo / ".git/info/exclude", "excluded.md\n")
    write(repo.parent / "other/excluded.md")
    assert list(texts(await read_sources(["other"]))) == ["other/a.md"]


async def test_a_revision_gives_its_blobs_and_not_the_working_tree(repo: Path, git: Git) -> None:
    write(repo / "a.md", "old\r\n")
    write(repo / "sub/b.md", "b")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    git("tag", "v1")
    write(repo / "a.md", "new")
    git("rm", "-q", "-r", "sub")
    git("commit", "-q", "-a", "-m", "two")
    write(repo / "untracked.md")
    expected = {"repo/a.md": "old\n", "repo/sub/b.md": "b"}
    for revision in ("v1", "HEAD~1", git("rev-parse", "--short", "v1").strip()):
        assert texts(await read_sources([f"repo@{revision}"])) == expected
    assert texts(await read_sources(["repo@main"])) == {"repo/a.md": "new"}
    assert texts(await read_sources(["repo/sub@v1"])) == {"repo/sub/b.md": "b"}
    assert texts(await read_sources(["repo/sub/b.md@v1"])) == {"repo/sub/b.md": "b"}


async def test_the_working_folder_at_a_revision_needs_no_path(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(repo / "a.md", "old")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    monkeypatch.chdir(repo)
    assert texts(await read_sources(["@HEAD"])) == texts(await read_sources([".@HEAD"])) == {"a.md": "old"}


async def test_two_revisions_of_one_repository_keep_their_parts_apart(repo: Path, git: Git) -> None:
    for text in ("old", "new"):
        write(repo / "a.md", text)
        git("add", ".")
        git("commit", "-q", "-m", text)
    reading = await read_sources(["repo@HEAD~1", "repo@HEAD"])
    assert texts(reading) == {"repo@HEAD~1/a.md": "old", "repo@HEAD/a.md": "new"}


async def test_a_bare_repository_gives_its_head_and_its_revisions(repo: Path, git: Git) -> None:
    write(repo / "a.md", "old")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    git("clone", "-q", "--bare", "repo", "bare.git", cwd=repo.parent)
    assert texts(await read_sources(["bare.git"])) == {"bare.git/a.md": "old"}
    assert texts(await read_sources(["bare.git@main"])) == {"bare.git/a.md": "old"}


async def test_a_repository_without_a_commit_says_so(repo: Path, git: Git) -> None:
    git("init", "-q", "--bare", "../empty.git")
    with pytest.raises(Unreadable, match="no revision 'HEAD'"):
        await read_sources(["empty.git"])
    with pytest.raises(EmptyInput):
        await read_sources(["repo"])


async def test_a_revision_path_or_repository_that_does_not_exist_is_named(repo: Path, git: Git, tmp_path: Path) -> None:
    write(repo / "a.md")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    with pytest.raises(Unreadable, match="no revision 'v9'"):
        await read_sources(["repo@v9"])
    with pytest.raises(Unreadable, match=r"'sub' does not exist at revision 'HEAD'"):
        await read_sources(["repo/sub@HEAD"])
    with pytest.raises(Unreadable, match="names no revision"):
        await read_sources(["elsewhere@HEAD"])


async def test_what_a_revision_holds_beside_text_is_reported(repo: Path, git: Git) -> None:
    write(repo / "a.md")
    write(repo / "logo.png", b"\x89PNG\0")
    (repo / "link").symlink_to("/etc/passwd")
    git("add", ".")
    git("update-index", "--add", "--cacheinfo", "160000,1234567890123456789012345678901234567890,module")
    git("commit", "-q", "-m", "one")
    reading = await read_sources(["repo@HEAD"])
    assert texts(reading) == {"repo/a.md": "text"}
    assert {item.name: item.reason for item in reading.skipped} == {
        "repo/link": SkipReason.LINK,
        "repo/logo.png": SkipReason.BINARY,
        "repo/module": SkipReason.SUBMODULE,
    }
    with pytest.raises(NotText, match=r"repo/logo\.png@HEAD is binary"):
        await read_sources(["repo/logo.png@HEAD"])


async def test_file_names_that_are_not_utf8_are_read_at_a_revision(repo: Path, git: Git) -> None:
    name = os.fsdecode(b"caf\xe9.md")
    write(repo / name, "coffee")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    assert texts(await read_sources(["repo@HEAD"])) == {"repo/caf\\xe9.md": "coffee"}
    assert texts(await read_sources(["repo"])) == {"repo/caf\\xe9.md": "coffee"}
    assert texts(await read_sources([f"repo/{name}@HEAD"])) == {"repo/caf\\xe9.md": "coffee"}


async def test_a_file_whose_name_holds_an_at_sign_is_a_file(repo: Path) -> None:
    write(repo / "me@HEAD", "mail")
    assert texts(await read_sources(["repo/me@HEAD"])) == {"repo/me@HEAD": "mail"}


RULES = [
    *("*.log", "a.md", "/a.md", "a/", "/a/", "a/*", "**/b", "b/**", "a/**/c", "!a.md", "!*.log", "!b/", "*/a.md"),
    *("*.m?", "[ab].md", "\\#x", "#", "!", "/", "\\", "a\\ .md", "[!a].md", "[^b].log", "**/", "!**/", "*.[lm]*"),
    *("a/b", "a/b/", "!a/b/c.md", "b*", "!b/a/", "c.log/", "[a-", "*", "!*/", "a.md  "),
]


def random_rule(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return chance.choice(RULES)
    return "".join(
        chance.choices(["a", "b", "c", "*", "**", "?", "[", "]", "!", "^", "/", "\\", "-", ".md", "[:alpha:]"], k=4)
    )


def random_tree(chance: random.Random, root: Path) -> None:
    folders = ["", "a", "b", "c", "a/a", "a/b", "b/a", "a/b/c", "b/b/b"]
    for folder in chance.sample(folders, 6):
        for name in chance.sample(["a.md", "b.md", "c.md", "a.log", "c.log", "b", "#x", "a .md"], 4):
            if not (root / folder / name).is_dir() and not any(p.is_file() for p in (root / folder / name).parents):
                write(root / folder / name)
        if chance.random() < 0.6 and (root / folder).is_dir():
            rules = [random_rule(chance) for _ in range(chance.randrange(1, 5))]
            write(root / folder / ".gitignore", chance.choice(["\n", "\r\n"]).join(rules) + "\n")


@pytest.mark.parametrize("seed", range(25))
async def test_random_working_trees_are_listed_as_git_lists_them(repo: Path, git: Git, seed: int) -> None:
    chance = random.Random(seed)
    random_tree(chance, repo)
    write(repo / ".git/info/exclude", "\n".join(chance.choices(RULES, k=2)) + "\n")
    write(repo / ".git/keep-me-out.md")
    for path in sorted(repo.rglob("*")):
        if path.is_file() and ".git" not in path.relative_to(repo).parts and chance.random() < 0.1:
            git("add", "-f", "--", str(path.relative_to(repo)))
    listed = {name for name in git("ls-files", "-z", "-co", "--exclude-standard").split("\0") if name}
    found = {name.removeprefix("repo/") for name in texts(await read_sources(["repo"]))} if listed else set()
    assert found == listed


async def test_a_tree_that_nests_without_end_is_left_out_and_named(repo: Path, git: Git) -> None:
    import pygit2

    write(repo / "kept.md")
    git("add", "kept.md")
    repository = pygit2.Repository(str(repo))
    inner = repository.TreeBuilder()
    inner.insert("x.md", repository.create_blob(b"text"), pygit2.enums.FileMode.BLOB)
    tree = inner.write()
    for _ in range(1200):
        outer = repository.TreeBuilder()
        outer.insert("d", tree, pygit2.enums.FileMode.TREE)
        tree = outer.write()
    top = repository.TreeBuilder(tree)
    top.insert("kept.md", repository.create_blob(b"text"), pygit2.enums.FileMode.BLOB)
    reading = await read_sources([f"repo@{top.write()}"])
    assert list(texts(reading)) == ["repo/kept.md"]
    assert [item.reason for item in reading.skipped] == [SkipReason.TOO_DEEP]
