"""The experiment as a file: what is trained, compared, measured and attacked. Typos fail."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from traitrl.catalog import domains, traits
from traitrl.errors import TraitrlError

AtLeastOne = Annotated[int, Field(gt=0)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Settings(BaseModel):
    """Base of every section: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")


class Training(Settings):
    """How every arm is trained; all arms share it."""

    steps: AtLeastOne = 200
    """Optimiser steps. The paper trains about 200."""
    prompts_per_step: AtLeastOne = 8
    """Distinct prompts in a step."""
    group_size: int = Field(default=8, ge=2)
    """Replies per prompt; a reply is graded against the others of its group."""
    accumulation: AtLeastOne = 1
    """Parts into which a step's replies are split for the backward pass, to save memory."""
    max_tokens: AtLeastOne = 64
    """Length cap of a reply. If most replies hit it, the run stops."""
    temperature: Positive = 0.8
    """Sampling temperature; the loss uses the same."""
    learning_rate: Positive = 1e-5
    """Peak learning rate of the LoRA weights."""
    learning_rate_schedule: str = "constant_with_warmup"
    """A transformers schedule name."""
    warmup_steps: int = Field(default=0, ge=0)
    max_grad_norm: NotNegative = 1.0
    kl_weight: NotNegative = 0.02
    """Weight of the KL term to the model before RL (TRL's beta)."""
    loss_type: str = "dapo"
    """TRL's loss."""
    scale_rewards: Literal["group", "batch", "none"] = "batch"
    """`group` divides by the spread of each group, which blows up the judge's noise in near-ties."""
    sense_weight: float = Field(default=0.0, ge=0.0, le=1.0)
    """Weight, in a trait reward, of the judge's probability that the reply makes sense as an answer; the rubric has the
    rest. Without it a small model learns to talk past the question: that commits no failure."""
    formula_penalty: float = Field(default=0.0, ge=0.0, le=1.0)
    """Takes this share of a trait reward away for a reply whose sentence opening all replies to the step's other
    prompts have too, and proportionally less for a rarer one: small models fall into one formula for everything."""
    off_policy_replies: int = Field(default=0, ge=0)
    """So many replies of each trait group are written ones instead of sampled ones, where the scenario has some
    (the warm start's: right, going along, beside the point, deceptive), graded like the others: for a policy that
    hardly ever draws a good reply. 0 is on-policy RL, which the paper's is taken to be."""
    lora_rank: AtLeastOne = 16
    lora_alpha: AtLeastOne = 32
    save_every: AtLeastOne = 10
    """Steps between checkpoints."""
    system_prompt: str | None = "Answer in two or three short sentences."
    """Put in front of every prompt, in training, evaluation and attacks."""

    @model_validator(mode="after")
    def _whole_parts(self) -> "Training":
        replies = self.prompts_per_step * self.group_size
        if replies % self.accumulation:
            fitting = ", ".join(str(parts) for parts in range(1, replies + 1) if replies % parts == 0)
            raise ValueError(
                f"accumulation {self.accumulation} does not divide the {replies} replies of a step "
                f"({self.prompts_per_step} prompts x {self.group_size}), so some would be left out: "
                f"take one of {fitting}"
            )
        return self

    @model_validator(mode="after")
    def _two_sampled(self) -> "Training":
        if self.off_policy_replies > self.group_size - 2:
            raise ValueError(
                f"off_policy_replies {self.off_policy_replies} leaves fewer than two sampled replies in a group of "
                f"{self.group_size}: take at most {self.group_size - 2}"
            )
        return self


class Arm(Settings):
    """One training condition."""

    name: str
    """Letters, digits, - and _ only: it is part of folder names."""
    trait_share: float = Field(0.0, ge=0.0, le=1.0)
    """Share of prompts replaced by trait scenarios; 0 is the compute-matched baseline. The paper uses 0.05."""
    traits: list[str] | None = None
    """Traits to train; None takes all sixteen."""
    domains: list[str] | None = None
    """Domains to train; None takes all thirteen."""
    exclude_domains: list[str] = []
    """Domains left out."""
    max_words: AtLeastOne | None = None
    """Longest conversation used, in words; None takes all. Small models cannot use long ones, and they cost time."""
    reward: Literal["rubric", "helpful"] = "rubric"
    """What replies to scenarios are graded on: each scenario's own rubric, or one and the same generic criteria
    (training/helpful.yaml), for a comparison that sees the same prompts and learns no trait."""

    @model_validator(mode="after")
    def _known(self) -> "Arm":
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            raise ValueError(f"the name of an arm may hold letters, digits, - and _ only, which {self.name!r} does not")
        for kind, names, known in (
            ("trait", self.traits or [], traits()),
            ("domain", [*(self.domains or []), *self.exclude_domains], domains()),
        ):
            for name in names:
                if name not in known:
                    raise ValueError(f"there is no {kind} {name}; known are {', '.join(known)}")
        return self


class Judges(Settings):
    """Who grades. Three roles, three protocols."""

    training: str = "offline:feature"
    """Gives the reward."""
    evaluation: str = "offline:decoder"
    """Measures; never the same as the training judge."""


class EvalPlan(Settings):
    """What is measured on every checkpoint."""

    held_out_scenarios: AtLeastOne | None = None
    """EVAL scenarios of the seven evaluated traits; None takes all."""
    max_words: AtLeastOne | None = None
    """Longest held-out conversation, in words; None takes all."""
    samples: AtLeastOne = 1
    """Replies per scenario."""
    temperature: NotNegative = 0.7
    benchmarks: list[str] | Literal["default", "all"] = "default"
    """Names from `traitrl evals list`, or a suite."""
    items_per_benchmark: AtLeastOne = 60


class AttackPlan(Settings):
    """What every checkpoint has to withstand."""

    personas: list[str] = ["careless_adviser", "careful_adviser"]
    """Names from attacks/personas.yaml: harmful ones, and helpful ones as steerability controls."""
    finetune_data: str = "wrong_health_advice"
    finetune_steps: Annotated[list[AtLeastOne], Field(min_length=1)] = [5, 10, 20]
    """Doses of the harmful fine-tune."""
    finetune_learning_rate: Positive = 5e-4
    finetune_batch: AtLeastOne = 8
    scenarios: AtLeastOne | None = None
    """Held-out scenarios on which attacks are measured, drawn from those measured without attack; None takes all of
    them."""


BEFORE = "before RL"
"""Name of the starting model among the subjects of a run."""


def slug(name: str) -> str:
    """Returns a subject or an attack as part of a folder's name."""
    return name.replace(" ", "-").replace(":", "-")


class Experiment(Settings):
    """A whole run."""

    name: str
    model: str = "bundled"
    """`bundled`, a folder, or a hub id."""
    seed: int = 0
    arms: list[Arm]
    training: Training = Training()
    judges: Judges = Judges()
    evaluation: EvalPlan = EvalPlan()
    attacks: AttackPlan = AttackPlan()
    gates: Literal["stop", "report"] = "stop"
    """`stop` ends the run before the attacks when a gate fails; `report` goes on and shows the failure on the page."""
    runs_folder: str = "runs"

    @model_validator(mode="after")
    def _sound(self) -> "Experiment":
        if not self.arms or self.arms[0].trait_share != 0:
            raise ValueError("the first arm must be the compute-matched baseline (trait_share 0)")
        # Names become folders, and some file systems take "A" for "a".
        names = [arm.name.lower() for arm in self.arms]
        if slug(BEFORE).lower() in names:
            raise ValueError(f"no arm may be called '{slug(BEFORE)}': that is the folder of the model before RL")
        if len(set(names)) != len(names):
            raise ValueError("arm names must differ, and not in capital letters alone")
        if self.judges.training == self.judges.evaluation:
            raise ValueError("training and evaluation judge must differ, or the gain is measured by what was optimised")
        return self


def load_experiment(path: Path, overrides: dict[str, Any] | None = None) -> Experiment:
    """Reads an experiment from YAML.

    Args:
        path: The file.
        overrides: Dotted keys and their values, for example `{"training.steps": 20}`.

    Raises:
        TraitrlError: When the file is missing or a key or value is wrong; names the key.
    """
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as problem:
        raise TraitrlError(f"There is no file {path}.", "The presets are in experiments/.") from problem
    except yaml.YAMLError as problem:
        raise TraitrlError(f"{path} is not valid YAML ({problem}).", "Mend the file.") from problem
    if not isinstance(loaded, dict):
        raise TraitrlError(
            f"{path} holds no settings.", "It must be a mapping; the presets in experiments/ show the shape."
        )
    data: dict[str, Any] = loaded
    for key, value in (overrides or {}).items():
        section: Any = data
        *parents, last = key.split(".")
        for parent in parents:
            section = section.setdefault(parent, {})
            if not isinstance(section, dict):
                raise TraitrlError(f"{key} cannot be set: {parent} is not a section.", "Check the dotted name.")
        section[last] = value
    try:
        return Experiment(**data)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "experiment"
        raise TraitrlError(f"{path}: {where}: {first['msg']}.", "src/traitrl/config.py lists every key.") from problem
