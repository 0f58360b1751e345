"""traitrl score and traitrl compare."""

import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from traitrl.compare.plan import ScorePlan


class Suite(StrEnum):
    """Named suites of benchmarks."""

    DEFAULT = "default"
    ALL = "all"


MODEL_HELP = "bundled, a local folder, a hub id, or PROVIDER/NAME of an API (hf/OWNER/NAME where the two collide)."
SuiteOption = Annotated[Suite, typer.Option("--suite", help="Benchmarks to measure.")]
DomainOption = Annotated[str | None, typer.Option("--domain", help="Only this domain, e.g. health.")]
ItemsOption = Annotated[int, typer.Option("--items", min=2, help="At most so many items per benchmark.")]
ScenariosOption = Annotated[int | None, typer.Option("--scenarios", min=1, help="At most so many per domain.")]
SamplesOption = Annotated[int, typer.Option("--samples", min=1, help="Replies per scenario.")]
TokensOption = Annotated[int, typer.Option("--max-tokens", min=1, help="Length cap of a reply.")]
JudgeOption = Annotated[str, typer.Option("--judge", help="offline:decoder, offline:feature, or PROVIDER/NAME.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Fixes sampling and the order of options.")]
FolderOption = Annotated[Path, typer.Option("--folder", help="Where measurements are kept and resumed from.")]
PageOption = Annotated[Path | None, typer.Option("--page", help="Where the page goes; default: in the folder.")]
TaskOption = Annotated[
    list[str] | None,
    typer.Option("--task", help="A benchmark by name, inspect:NAME or lm_eval:NAME; may be given several times."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable; progress goes to stderr.")]


def score(
    model: Annotated[str, typer.Option(help=MODEL_HELP)],
    suite: SuiteOption = Suite.DEFAULT,
    task: TaskOption = None,
    domain: DomainOption = None,
    items: ItemsOption = 60,
    scenarios: ScenariosOption = None,
    samples: SamplesOption = 1,
    max_tokens: TokensOption = 160,
    judge: JudgeOption = "offline:decoder",
    seed: SeedOption = 0,
    folder: FolderOption = Path("runs/scores"),
    page: PageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure one model on the held-out traits and the benchmarks. Running it again resumes.

    Example: traitrl score --model bundled

    Example: traitrl score --model openai/gpt-5-mini --judge anthropic/claude-sonnet-4-5 --domain health
    """
    from traitrl.compare.plan import ScorePlan

    plan = ScorePlan(
        suite.value,
        *split_tasks(task or []),
        domain=domain,
        items=items,
        scenarios=scenarios,
        samples=samples,
        max_tokens=max_tokens,
        judge=judge,
        seed=seed,
        folder=folder,
    )
    score_one(model, plan, page, _page_name(plan), as_json)


def compare(
    baseline: Annotated[str, typer.Option(help=MODEL_HELP)],
    model: Annotated[list[str], typer.Option(help="Model to compare with the baseline; may be given several times.")],
    suite: SuiteOption = Suite.DEFAULT,
    task: TaskOption = None,
    domain: DomainOption = None,
    items: ItemsOption = 60,
    scenarios: ScenariosOption = None,
    samples: SamplesOption = 1,
    max_tokens: TokensOption = 160,
    judge: JudgeOption = "offline:decoder",
    seed: SeedOption = 0,
    folder: FolderOption = Path("runs/scores"),
    page: PageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare models with a baseline, paired by item, corrected over benchmarks. Running it again resumes.

    Example: traitrl compare --baseline bundled --model ./tuned --domain health
    """
    from traitrl.compare.page import write_comparison_page
    from traitrl.compare.plan import ScorePlan
    from traitrl.compare.run import find_models, score_models
    from traitrl.compare.summary import compare_summary
    from traitrl.jsonl import figures_json

    plan = ScorePlan(
        suite.value,
        *split_tasks(task or []),
        domain=domain,
        items=items,
        scenarios=scenarios,
        samples=samples,
        max_tokens=max_tokens,
        judge=judge,
        seed=seed,
        folder=folder,
    )
    with measuring(as_json):
        models = find_models([baseline, *model])
        rows = score_models(models, plan)
        summary = compare_summary(rows, [found.name for found in models], plan)
    names = "-".join(found.folder_name for found in models)
    place = page or folder / f"compare-{names}"[:200] / _page_name(plan)
    write_comparison_page(summary, plan, place)
    if as_json:
        typer.echo(figures_json({**summary, "page": str(place)}))
        return
    from traitrl.compare.console import print_comparison
    from traitrl.compare.tables import wide_console

    print_comparison(summary, wide_console())
    typer.echo(f"Page: {place}")


def _page_name(plan: "ScorePlan") -> str:
    return f"{plan.suite}-{plan.domain or 'all-domains'}.html"


def split_tasks(names: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the names of declared benchmarks, and those of tasks of other packages.

    Raises:
        TraitrlError: When a task's package is not installed.
    """
    from traitrl.evals.external import find_task

    tasks = [name for name in names if ":" in name]
    for name in tasks:
        find_task(name)
    return tuple(name for name in names if ":" not in name), tuple(tasks)


def score_one(model: str, plan: "ScorePlan", page: Path | None, page_name: str, as_json: bool) -> None:
    """Measures one model, writes its page and prints the summary.

    Args:
        model: What the user typed.
        plan: What is measured.
        page: Where the page goes; None puts it beside the model's measurements, as `page_name`.
        page_name: File name there.
        as_json: Print the summary as JSON.
    """
    from traitrl.compare.page import write_score_page
    from traitrl.compare.run import find_models, score_models
    from traitrl.compare.score import score_summary
    from traitrl.compare.trivial import trivial_table
    from traitrl.jsonl import figures_json

    with measuring(as_json):
        (found,) = find_models([model])
        rows = score_models([found], plan)
        summary = score_summary(rows, model, trivial_table(plan))
    place = page or plan.folder / found.folder_name / page_name
    write_score_page(summary, plan.absent(), plan, place)
    if as_json:
        typer.echo(figures_json({**summary, "absent": plan.absent(), "page": str(place)}))
        return
    from traitrl.compare.console import print_score
    from traitrl.compare.tables import wide_console

    print_score(summary, plan.absent(), wide_console())
    typer.echo(f"Page: {place}")


@contextmanager
def measuring(as_json: bool) -> Generator[None]:
    """Keeps progress out of machine-readable output, and says how to go on after an interruption."""
    output: Any = sys.stderr if as_json else sys.stdout
    try:
        with redirect_stdout(output):
            yield
    except KeyboardInterrupt:
        typer.echo("traitrl: interrupted; run the same command again to resume.", err=True)
        raise typer.Exit(130) from None
