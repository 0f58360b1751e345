"""The `traitrl` command."""

import sys

import typer

from traitrl.errors import TraitrlError
from traitrl.runtime import prepare_runtime

app = typer.Typer(
    help="Train beneficial traits into a language model by RL; measure how broad and how lasting the gain is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _register() -> None:
    from traitrl.cli import blind, compare, evals, judge, model, persist, run, scenarios, tasks

    app.command("run")(run.run)
    app.command("score")(compare.score)
    app.command("compare")(compare.compare)
    app.command("persist")(persist.persist)
    app.add_typer(scenarios.app, name="scenarios")
    app.add_typer(judge.app, name="judge")
    app.add_typer(evals.app, name="evals")
    app.add_typer(tasks.app, name="tasks")
    app.add_typer(model.app, name="model")
    app.add_typer(blind.app, name="blind")


def main() -> None:
    """Runs the command; errors that the user can mend are one line and exit code 1."""
    prepare_runtime()
    _register()
    try:
        app()
    except TraitrlError as problem:
        print(f"traitrl: {problem}", file=sys.stderr)
        sys.exit(1)
