"""`sleeptime lab` in this process: what it asks, refuses, keeps and makes again."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sleeptime.cli import main
from sleeptime.core.price import Price
from sleeptime.lab.datasets.jsonl import write_problems
from sleeptime.lab.experiments import NAMES
from sleeptime.lab.records import RecordBook
from tests.support.lab import boxes, reader
from tests.support.openai_server import openai_server

NOTE = {"kind": "fact", "text": "1 boxes", "subject": "boxes", "value": "1", "parts": []}
SCRIPT: dict[str, list[dict[str, Any]]] = {
    "rules": [
        {"tools": "write_notes", "replies": [{"tool": "write_notes", "args": {"notes": [NOTE]}}]},
        {"contains": "boxes", "replies": ["The answer is 1."]},
    ]
}


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Lab = Callable[..., Done]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lab:
    """Runs a command of the lab, in a folder with a scripted model and a dataset."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLEEPTIME_MODEL", "scripted:script.json")
    Path("script.json").write_text(json.dumps(SCRIPT))
    write_problems(Path("boxes.jsonl"), boxes(3, queries=2))

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["sleeptime", "lab", *arguments])
        with pytest.raises(SystemExit) as exited:
            main()
        captured = capsys.readouterr()
        assert isinstance(exited.value.code, int)
        assert "Traceback" not in captured.err
        return Done(exited.value.code, captured.out, captured.err)

    return run


RUN = ("run", "context-only", "--dataset", "boxes.jsonl", "--output", "out")


def results(folder: Path) -> dict[str, bytes]:
    """Every file that a report makes."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_what_a_run_writes_a_report_makes_again_byte_for_byte_without_a_model(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = lab(*RUN, "--json")
    assert done.code == 0, done.err
    assert done.json["page"] == "out/README.md"
    assert done.json["failed"] == {}
    assert set(done.json["experiments"]) == {"context-only"}
    made = results(Path("out"))
    assert {"README.md", "context-only.json"} < made.keys()
    kept = json.loads(made["context-only.json"])
    made_with = kept["made_with"]
    assert made_with["command"] == "sleeptime lab run context-only --dataset boxes.jsonl --output out --json"
    assert {"model", "weights", "prompts", "dataset", "seed", "versions"} <= made_with.keys()
    assert (made_with["problems"], made_with["contexts"]) == (6, 3)

    monkeypatch.setenv("SLEEPTIME_MODEL", "there is no such model")
    monkeypatch.setattr("socket.socket.connect", None)
    shutil.move("out", "moved")
    for name in made:
        (Path("moved") / name).unlink()
    again = lab("report", "--output", "moved")
    assert again.code == 0, again.err
    assert again.err == ""
    assert results(Path("moved")) == made


def test_a_report_keeps_each_experiment_apart(lab: Lab) -> None:
    assert lab(*RUN).code == 0
    assert lab("run", "pareto", *RUN[2:]).code == 0
    made = results(Path("out"))
    assert lab("report", "--output", "out").code == 0
    assert results(Path("out")) == made
    commands = [json.loads(made[f"{name}.json"])["made_with"]["command"] for name in ("context-only", "pareto")]
    assert [command.split()[3] for command in commands] == ["context-only", "pareto"]


def test_a_finished_run_plays_nothing_again(lab: Lab) -> None:
    assert lab(*RUN).code == 0
    made = results(Path("out"))
    packed = (Path("out") / "records" / "answers.jsonl.gz").read_bytes()
    logs = list((Path("out") / "logs").glob("*.eval"))
    assert lab(*RUN).code == 0
    assert results(Path("out")) == made
    assert (Path("out") / "records" / "answers.jsonl.gz").read_bytes() == packed
    assert list((Path("out") / "logs").glob("*.eval")) == logs


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run",), "Missing argument"),
        (("run", "parreto"), "no experiment is called 'parreto'; there are pareto, parallel"),
        (("run", ""), "no experiment is called ''"),
        (("run", "pareto", "--limit", "1"), "greater than or equal to 2"),
        (("run", "pareto", "--limit", "many"), "unable to parse string as an integer"),
        (("run", "pareto", "--queries", "0"), "greater than or equal to 1"),
        (("run", "pareto", "--queries", "1000"), "queries"),
        (("run", "pareto", "--seed", "x"), "unable to parse string as an integer"),
        (("run", "pareto", "--concurrency", "0"), "greater than or equal to 1"),
        (("run", "pareto", "--max-usd", "-1"), "greater than or equal to 0"),
        (("run", "pareto", "--max-usd", "nan"), "greater than or equal to 0"),
        (("run", "pareto", "--max-usd", "inf"), "a cap is an amount of USD"),
        (("run", "pareto", "--max-usd", "ten"), "unable to parse string as a number"),
        (("run", "pareto", "--model", "nonsense"), "no model answers to 'nonsense'"),
        (("run", "pareto", "--model", "scripted:no.json"), "no.json"),
        (("run", "pareto", "--dataset", "no.jsonl"), "no.jsonl"),
        (("run", "pareto", "--dataset", "."), "."),
        (("run", "pareto", "--dataset", "empty.jsonl"), "empty.jsonl"),
        (("run", "pareto", "--dataset", "binary.jsonl"), "binary.jsonl"),
        (("run", "pareto", "--dataset", "wrong.jsonl"), "wrong.jsonl"),
        (("run", "pareto", "--dataset", "boxes.jsonl", "--output", "script.json"), "choose another --output"),
        (("run", "pareto", "--dataset", "boxes.jsonl", "--output", "script.json/x"), "choose another --output"),
        (("run", "predictability", "--dataset", "boxes.jsonl"), "gives no log-probabilities"),
        (("report", "--output", "nothing"), "there are no records in nothing/records; run `sleeptime lab run` first"),
        (("report", "--output", "script.json"), "there are no records"),
        (("list", "--what"), "No such option"),
    ],
)
def test_what_cannot_be_done_is_said(lab: Lab, arguments: tuple[str, ...], said: str) -> None:
    Path("empty.jsonl").write_text("")
    Path("binary.jsonl").write_bytes(bytes(range(256)))
    Path("wrong.jsonl").write_text('{"id": "1"}\n')
    done = lab(*arguments)
    assert done.code == 2
    assert said in " ".join(done.err.replace("│", " ").split())
    assert done.out == ""


def test_records_of_other_problems_are_not_mixed_but_put_aside_when_asked(lab: Lab) -> None:
    assert lab(*RUN).code == 0
    write_problems(Path("more.jsonl"), boxes(4, queries=2))
    other = ("run", "context-only", "--dataset", "more.jsonl", "--output", "out")
    before = results(Path("out") / "records")
    refused = lab(*other)
    assert refused.code == 2
    assert "made with other problems; add --fresh" in refused.err
    assert results(Path("out") / "records") == before
    assert lab(*other, "--fresh").code == 0
    assert results(Path("out") / "records.old") == before
    assert lab(*RUN, "--fresh").code == 0
    assert {path.name for path in Path("out").glob("records*")} == {"records", "records.old", "records.old-2"}
    assert results(Path("out") / "records.old") == before


@pytest.mark.parametrize(
    ("given", "said"),
    [(("--seed", "1"), "another seed"), (("--quick",), "--quick"), (("--model", "nano"), "another model")],
)
def test_records_made_otherwise_are_not_mixed(lab: Lab, given: tuple[str, ...], said: str) -> None:
    assert lab(*RUN).code == 0
    refused = lab(*RUN, *given)
    assert refused.code == 2
    assert said in refused.err


def test_a_folder_without_records_takes_any_model(lab: Lab) -> None:
    with openai_server(reader()) as server:
        assert lab(*RUN, "--model", server.name()).code == 2, "nobody agreed"
        assert not server.requests
    assert lab(*RUN).code == 0


def test_one_run_at_a_time_writes_to_a_folder(lab: Lab) -> None:
    assert lab(*RUN).code == 0
    other = RecordBook(Path("out/records"), is_writer=True)
    for given in ((), ("--fresh",)):
        done = lab(*RUN, *given)
        assert done.code == 2
        assert "another run writes to out/records" in done.err
    assert lab("report", "--output", "out").code == 0, "who only reads may"
    other.close()
    assert lab(*RUN).code == 0


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("records/manifest.json", "{", "manifest.json cannot be read"),
        ("records/manifest.json", "[]", "manifest.json is not a manifest of this version"),
        ("records/manifest.json", '{"model": "nano"}', "manifest.json is not a manifest of this version"),
        ("records/answers.jsonl", '{"arm": 1}\n', "line 1 of out/records/answers.jsonl is not a record"),
        ("records/problems.jsonl", '{"id": "1"}\n', "problems.jsonl"),
        ("records/problems.jsonl", None, "problems.jsonl"),
        ("pareto.json", "nonsense", "out/pareto.json is no result of this version"),
        ("pareto.json", '{"experiment": "pareto"}', "out/pareto.json is no result of this version"),
        ("pareto.json", "[]", "out/pareto.json is no result of this version"),
    ],
)
def test_a_report_names_the_file_that_it_cannot_use(lab: Lab, file: str, content: str | None, said: str) -> None:
    assert lab(*RUN).code == 0
    path = Path("out") / file
    path.unlink() if content is None else path.write_text(content)
    done = lab("report", "--output", "out")
    assert done.code == 2
    assert said in done.err


PRICE = Price(input=100.0, cached_input=50.0, cache_write=100.0, output=1000.0)


def test_a_paid_run_shows_an_estimate_and_waits_for_agreement(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sleeptime.models.prices.price_of", lambda *args, **kwargs: PRICE)
    with openai_server(reader()) as server:
        paid = (*RUN, "--model", server.name())
        done = lab(*paid)
        assert done.code == 2
        assert "answers and" in done.err
        assert "cost $" in done.err
        assert "cap $" in done.err
        assert "there is no terminal to ask on; add --yes to agree" in done.err

        done = lab(*paid, "--yes", "--max-usd", "0")
        assert done.code == 1
        assert "cap of $0.00" in done.err
        assert not server.requests

        assert lab(*paid, "--yes").code == 0
        calls = len(server.requests)
        done = lab(*paid)
        assert (done.code, done.err) == (0, ""), "nothing is left to pay for, so nobody is asked"
        assert len(server.requests) == calls


def test_a_run_of_unknown_price_has_no_cap_and_waits_for_agreement_too(lab: Lab) -> None:
    with openai_server(reader()) as server:
        unpriced = (*RUN, "--model", server.name())
        done = lab(*unpriced)
        assert done.code == 2
        assert "cost unknown; no cap, because the price is unknown" in done.err
        done = lab(*unpriced, "--yes", "--max-usd", "5")
        assert done.code == 2
        assert "the price of 'served' is unknown, so a cap in USD cannot hold" in done.err
        assert not server.requests
        assert lab(*unpriced, "--yes").code == 0
        secret = (*RUN, "--yes", "--fresh", "--model", server.name().replace("//", "//me:secret@"))
        lab(*secret)
        assert b"secret" not in b"".join(path.read_bytes() for path in Path("out").rglob("*") if path.is_file())


def test_an_experiment_that_the_model_is_not_fit_for_does_not_keep_others_from_running(lab: Lab) -> None:
    done = lab("run", "predictability", "context-only", *RUN[2:], "--json")
    assert done.code == 2
    assert "predictability: scripted gives no log-probabilities" in done.err
    assert set(done.json["experiments"]) == {"context-only"}
    assert set(done.json["failed"]) == {"predictability"}


def test_a_failing_model_ends_with_what_is_missing_and_the_next_run_goes_on(lab: Lab) -> None:
    Path("script.json").write_text(json.dumps({"rules": [SCRIPT["rules"][1] | {"contains": "Tom has 2 boxes"}]}))
    done = lab(*RUN)
    assert done.code == 1
    assert "answers of context-only are missing; the first failure" in done.err
    Path("script.json").write_text(json.dumps(SCRIPT))
    assert lab(*RUN).code == 0


def test_what_a_provider_refused_is_counted_on_the_page(lab: Lab) -> None:
    refused = {"error": "PromptRejected", "message": "against our policy"}
    rules = [{"contains": "Tom has 2 boxes", "replies": [refused]}, *SCRIPT["rules"]]
    Path("script.json").write_text(json.dumps({"rules": rules}))
    done = lab(*RUN)
    assert done.code == 0, done.err
    found = json.loads(Path("out/context-only.json").read_text())
    losses = found["data"]["losses"]
    assert 0 < losses["rejected_answers"] < losses["answers"]
    assert losses["failed_drafts"] > 0
    said = f"refused the prompts of {losses['rejected_answers']} of the {losses['answers']} answers: they are unscored"
    assert said in Path("out/README.md").read_text()


def test_families_held_out_have_a_page_of_their_own_that_the_one_above_tells_in_short(lab: Lab) -> None:
    Path("script.json").write_text(json.dumps({"rules": [SCRIPT["rules"][0], {"replies": ["The answer is 1."]}]}))
    play = ("run", "no-crossover", "--limit", "2", "--queries", "1")
    done = lab(*play, "--split", "held-out", "--output", "out/held-out", "--json")
    assert done.code == 0, done.err
    claims = done.json["experiments"]["no-crossover"]["claims"]
    assert {claim["is_met"] for claim in claims} == {None}
    assert all(claim["target"].startswith("held-out families: ") for claim in claims)
    apart = Path("out/held-out/README.md").read_text()
    assert apart.startswith("# Families held out of training")
    assert "| experiment | target | measured |\n" in apart

    done = lab(*play, "--output", "out", "--json")
    assert True in {claim["is_met"] for claim in done.json["experiments"]["no-crossover"]["claims"]}
    page = Path("out/README.md").read_text()
    assert page.startswith("# What sleep-time compute does")
    _, _, told = page.partition("\n## held-out\n")
    told, _, rest = told.partition("\n## no-crossover\n")
    assert "(held-out/README.md)" in told
    assert "--split held-out" in told
    summary = json.loads(Path("out/held-out/no-crossover.json").read_text())["summary"]
    assert summary in told
    assert "held-out" not in rest, "nothing of it stands among the others"

    made = results(Path("out")), results(Path("out/held-out"))
    assert lab("report", "--output", "out/held-out").code == 0
    assert lab("report", "--output", "out").code == 0
    assert (results(Path("out")), results(Path("out/held-out"))) == made


def test_experiments_are_listed_with_their_questions(lab: Lab) -> None:
    listed = lab("list", "--json").json["experiments"]
    assert [entry["name"] for entry in listed] == list(NAMES)
    assert all(entry["question"].endswith("?") for entry in listed)
    assert all(name in lab("list").out for name in NAMES)
