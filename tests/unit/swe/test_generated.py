"""Generated repositories: the same for a seed, with tasks whose truth the history holds and nothing later tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.swe.families import FAMILIES, HELD_OUT, TUNE
from sleeptime.swe.generated import MIN_EARLIER, Generated, generate
from sleeptime.swe.repository import Repository

COMMITS = 100


@pytest.fixture(scope="module", params=list(FAMILIES))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(tmp_path_factory.mktemp("made") / "it.git", request.param, seed=3, commits=COMMITS)


def test_the_same_seed_writes_the_same_commits_and_another_one_others(made: Generated, tmp_path: Path) -> None:
    family = made.tasks[0].id.partition("-")[0]
    assert generate(tmp_path / "again", family, seed=3, commits=COMMITS).tasks == made.tasks
    other = generate(tmp_path / "other", family, seed=4, commits=COMMITS)
    assert {task.query for task in other.tasks} != {task.query for task in made.tasks}


def test_the_truth_is_what_the_next_commit_modified(made: Generated) -> None:
    repository = Repository.open(made.path)
    commits = {commit.parents[0]: commit for commit in repository.commits() if commit.parents}
    assert len(made.tasks) >= 10
    for task in made.tasks:
        commit = commits[task.base_commit]
        modified = tuple(change.path for change in commit.changes if change.status == "modified")
        assert (task.modified_all, task.query) == (modified, commit.message)
        assert set(task.modified_source) < set(task.modified_all) or task.modified_source == task.modified_all
    last = made.tasks[-1]
    assert set(last.modified_all) <= set(repository.at(last.base_commit).files())


def test_related_changes_and_earlier_commits_come_before_the_task(made: Generated) -> None:
    repository = Repository.open(made.path)
    for task in (made.tasks[0], made.tasks[-1]):
        base = repository.at(task.base_commit)
        past = {commit.id for commit in base.commits()}
        assert {related.commit for related in task.related} <= past
        assert len(past) >= MIN_EARLIER


def test_a_task_is_a_needle_among_several_files_of_more_than_one_folder(made: Generated) -> None:
    base = Repository.open(made.path).at(made.tasks[-1].base_commit)
    assert len(base.files()) >= 50
    assert all(len(task.modified_all) >= 3 for task in made.tasks)
    folders = [len({Path(path).parent for path in task.modified_all}) for task in made.tasks]
    assert sum(count >= 3 for count in folders) > len(folders) / 2


def test_the_history_has_fixes_renames_and_chores_between_the_features(made: Generated) -> None:
    commits = list(Repository.open(made.path).commits())
    statuses = {change.status for commit in commits for change in commit.changes}
    assert {"added", "modified", "renamed"} <= statuses
    assert len(commits) == COMMITS
    assert sum("fix" in commit.message.lower() for commit in commits) >= 5


def test_families_to_tune_on_and_held_out_ones_share_neither_things_nor_layouts() -> None:
    assert set(TUNE) | set(HELD_OUT) == set(FAMILIES)
    for one in TUNE:
        for other in HELD_OUT:
            assert not {thing for thing, _ in FAMILIES[one].things} & {thing for thing, _ in FAMILIES[other].things}
            assert not set(FAMILIES[one].layers) & set(FAMILIES[other].layers)


def test_an_unknown_family_and_a_full_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="allowed: shop, clinic, fleet, archive"):
        generate(tmp_path / "x", "nothing")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        generate(tmp_path, "shop")
