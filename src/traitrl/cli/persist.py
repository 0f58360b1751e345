"""traitrl persist."""

import json
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer


def persist(
    file: Annotated[
        Path | None,
        typer.Argument(help="A lab file with models and settings; options that are given win over it."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="bundled, a folder, a hub id, or PROVIDER/NAME of an API; LABEL=NAME names it on the page. Give it"
            " several times: the first one is the reference."
        ),
    ] = None,
    run: Annotated[Path | None, typer.Option(help="A run folder: attacks its arms under its settings.")] = None,
    before: Annotated[
        str | None,
        typer.Option(help="The model before training; default: the shared base, when all models are adapters."),
    ] = None,
    attack: Annotated[
        str | None,
        typer.Option(help="Kinds or names, separated by commas; default: persona,context,pressure,finetune."),
    ] = None,
    repeat: Annotated[
        bool,
        typer.Option(help="Measure the reference once more under another seed: the two must not be told apart."),
    ] = False,
    quick: Annotated[
        bool, typer.Option(help="Fewer attacks, budgets and scenarios: four small models in 25 minutes on two cores.")
    ] = False,
    scenarios: Annotated[int | None, typer.Option(min=2, help="At most so many held-out scenarios.")] = None,
    max_words: Annotated[int | None, typer.Option(min=1, help="Longest scenario, in words.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Length cap of a reply.")] = None,
    items: Annotated[int | None, typer.Option(min=2, help="At most so many items per benchmark.")] = None,
    system_prompt: Annotated[
        str | None, typer.Option(help="The usual system prompt; take that of the training.")
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(help="offline:decoder (default), or PROVIDER/NAME; not the one that gave the reward."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Fixes sampling and fine-tunes; default 0.")] = None,
    folder: Annotated[Path, typer.Option(help="Where measurements are kept and resumed from.")] = Path("runs/persist"),
    show: Annotated[bool, typer.Option("--list", help="List all attacks and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers; progress goes to stderr.")] = False,
) -> None:
    """Attack models with growing budgets and say how well each holds. Running it again resumes.

    API models get the prompt attacks (persona, context, pressure) only.

    Example: traitrl persist --run runs/quickstart --quick

    Example: traitrl persist --model plain=./model-a --model tuned=./model-b --before ./base --attack persona,finetune

    Example: traitrl persist --model openai/gpt-5-mini --attack persona,pressure --json

    Example: traitrl persist experiments/emergent_misalignment.yaml
    """
    if show:
        _list_attacks(as_json)
        return
    if not model and run is None and file is None:
        raise typer.BadParameter("give a lab file, at least one --model, or --run (or --list).")
    from traitrl.errors import TraitrlError
    from traitrl.jsonl import figures_json
    from traitrl.persist.lab_file import read_lab_file
    from traitrl.persist.plan import PersistPlan
    from traitrl.persist.subjects import find_subjects, read_run

    trained = read_run(run) if run is not None else None
    written = read_lab_file(file) if file is not None else None
    names = [*(trained.models if trained else ()), *(written.models if written else ()), *(model or ())]
    given: dict[str, Any] = {
        "scenarios": scenarios,
        "max_words": max_words,
        "max_tokens": max_tokens,
        "items": items,
        "system_prompt": system_prompt,
        "judge": judge,
        "seed": seed,
        "attacks": tuple(word.strip() for word in attack.split(",") if word.strip()) if attack is not None else None,
    }
    settings = {
        **(trained.settings if trained else {}),
        **(written.settings if written else {}),
        **{key: value for key, value in given.items() if value is not None},
    }
    if trained and settings["judge"] == trained.reward_judge:
        raise TraitrlError(f"{trained.reward_judge} gave the reward in {run}.", "Measure with another judge (--judge).")
    settings["quick"] = quick or settings.get("quick", False)
    make = PersistPlan.quickly if settings["quick"] else PersistPlan
    plan = make(folder=folder, **settings)
    plan.chosen_attacks()
    plan.chosen_scenarios()
    from traitrl.persist.run import persist as attack_models

    origin = before or (written.before if written else None) or (trained.before if trained else None)
    try:
        with redirect_stdout(sys.stderr) if as_json else nullcontext():
            page = attack_models(find_subjects(names, origin, repeat or (written is not None and written.repeat)), plan)
    except KeyboardInterrupt:
        typer.echo("traitrl: interrupted; run the same command again to resume.", err=True)
        raise typer.Exit(130) from None
    numbers = json.loads((page.parent / "numbers.json").read_text(encoding="utf-8"))
    if as_json:
        typer.echo(figures_json({**numbers, "page": str(page)}))
        return
    for measure, found in numbers["measures"].items():
        for row in found["verdicts"]:
            typer.echo(f"{measure}: {row['arm']} against {row['reference']}: {row['verdict']}. {row['reason']}")
    for row in numbers["narrow"]:
        found = {side: "detected" if row[side] else "not detected" for side in ("inside", "outside")}
        typer.echo(
            f"{row['arm']} after {row['attack']} at {row['budget']:g}, against {row['against']}: in the attacked domain"
            f" {found['inside']}, outside it {found['outside']}."
        )
    typer.echo(f"Page: {page}\nNumbers: {page.parent / 'numbers.json'}")


def _list_attacks(as_json: bool) -> None:
    from traitrl.attacks.registry import attacks

    for attack in attacks().values():
        row = {
            "name": attack.name,
            "kind": attack.kind,
            "direction": attack.direction,
            "budgets": list(attack.budgets),
            "quick": list(attack.quick),
            "unit": attack.unit,
            "domains": list(attack.domains),
        }
        if as_json:
            typer.echo(json.dumps(row))
        else:
            budgets = ", ".join(f"{budget:g}" for budget in attack.budgets)
            typer.echo(f"{attack.kind:<9} {attack.direction:<8} {attack.name:<38} {budgets:<20} {attack.unit}")
