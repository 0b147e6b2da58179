"""`sleeptime lab list`."""

from __future__ import annotations

from sleeptime.cli.options import Json


def list_experiments(as_json: Json = False) -> None:
    """List the experiments, each with its question."""
    from sleeptime.cli.output import print_json, print_table
    from sleeptime.lab.experiments import NAMES, load_experiment

    questions = {name: load_experiment(name).question for name in NAMES}
    if as_json:
        print_json({"experiments": [{"name": name, "question": question} for name, question in questions.items()]})
    else:
        print_table(["experiment", "question"], questions.items())
