"""traitrl run."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml


def run(
    config: Annotated[Path, typer.Argument(help="Experiment file; the presets are in experiments/.")],
    override: Annotated[
        list[str] | None, typer.Argument(help="Dotted settings, e.g. training.steps=20 model=./folder")
    ] = None,
    model: Annotated[str | None, typer.Option(help="bundled, a local folder, or a hub id.")] = None,
) -> None:
    """Train every arm, compare, attack, and write the report. Running it again resumes.

    Example: traitrl run experiments/quickstart.yaml

    Example: traitrl run experiments/quickstart.yaml --model Qwen/Qwen3-0.6B training.learning_rate=2e-4
    """
    from traitrl.config import load_experiment
    from traitrl.experiment.runner import run_experiment

    settings: dict[str, Any] = {}
    for text in override or []:
        key, separator, value = text.partition("=")
        if not separator:
            raise typer.BadParameter(f"{text!r} is not of the form key=value.")
        settings[key] = yaml.safe_load(value)
    if model is not None:
        settings["model"] = model
    try:
        report = run_experiment(load_experiment(config, settings))
    except KeyboardInterrupt:
        typer.echo("traitrl: interrupted; run the same command again to resume.", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"Report: {report}\nNumbers: {report.parent / 'numbers.json'}")
