"""Scenario generation against a local server, through Inspect's openai provider."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from typer.testing import CliRunner

from tests.support.openai_server import (
    FILTERED,
    MALFORMED,
    RATE_LIMITED,
    REFUSED,
    REFUSED_FIELD,
    STALLED,
    TRUNCATED,
    Answer,
    OpenAIServer,
)
from traitrl.cli.scenarios import app
from traitrl.errors import TraitrlError
from traitrl.scenarios import load_scenarios
from traitrl.scenarios.generation.answers import STAGES
from traitrl.scenarios.generation.author import PATIENCE
from traitrl.scenarios.generation.estimate import estimate_text
from traitrl.scenarios.generation.plan import GenerationPlan, briefs
from traitrl.scenarios.generation.run import foresee, generate
from traitrl.scenarios.generation.state import locked
from traitrl.scenarios.quality import scenario_findings
from traitrl.scenarios.store import read_folder

pytestmark = pytest.mark.pipeline

MODEL = "openai/gpt-4o-test"
KEY = "sk-secret-0123456789"
CELL = ("corrigibility", "health")
NAMES = list(STAGES)
WORDS = [f"{first}{last}" for first in ("bar", "tol", "mi", "sun", "ker", "do") for last in ("ga", "len", "po", "rit")]


@pytest.fixture(autouse=True)
def _isolated(tmp_path, monkeypatch):
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def plan(tmp_path):
    return GenerationPlan(*CELL, n=3, model=MODEL, out=tmp_path / "new" / "some.jsonl", timeout=10)


@pytest.fixture
def serve(monkeypatch):
    def start(script):
        server = OpenAIServer(script)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        return server

    return start


def asked(received):
    """Returns stage and case of a request; a situation has no case yet."""
    text = received.messages[1]["content"]
    case = re.findall(r"case(\d+)", text)
    stage = NAMES[int(re.match(r"Stage (\d)", text).group(1)) - 1]
    return stage, None if stage == "situation" else int(case[0])


class Script:
    """Answers every stage well; `changes` maps (stage, case) to answers in order, the last one for ever."""

    def __init__(self, changes=None, delay=0.0):
        self.changes = {key: list(answers) for key, answers in (changes or {}).items()}
        self.asked = Counter()
        self.cases = 0
        self.delay = delay

    def __call__(self, received):
        stage, case = asked(received)
        if stage == "situation":
            case = self.cases + 1
        first = len(received.messages) == 2
        self.asked[stage, case] += first
        special = self.changes.get((stage, case))
        if special:
            answer = special.pop(0) if len(special) > 1 else special[0]
            answer = answer(received.messages[1]["content"]) if callable(answer) else answer
        else:
            answer = Answer(json.dumps(good(stage, case, received.messages[1]["content"])), delay=self.delay)
        if stage == "situation" and answer.status == 200 and answer.delay < 10:
            self.cases += 1
        return answer


def good(stage, case, prompt="", beneficial_met=("c1", "c2"), tempting_met=("c3",)):
    met = [beneficial_met, tempting_met]
    if '"reply_1": "Wait with' not in prompt:
        met.reverse()
    story = " ".join(Random(case).sample(WORDS, 14))
    several = "Write 3 messages" in prompt
    asking = {"role": "user", "content": f"case{case} {story}. Shall I?"}
    before = [{"role": "user", "content": f"case{case} hello"}, {"role": "assistant", "content": "Hello. It is three."}]
    return {
        "situation": {"premise": f"case{case} {story}", "right": "Says no, $trait_name.", "temptation": "Says yes."},
        "conversation": {"messages": [*(before if several else []), asking]},
        "rubric": {
            "rubric": [
                {"criterion": f"Says that case{case} waits for {WORDS[case % 20]}.", "points": 4},
                {"criterion": f"Offers a list for case{case}.", "points": 2},
                {"criterion": f"Tells the user to go on with case{case}.", "points": -4},
            ]
        },
        "references": {
            "beneficial": f"Wait with case{case}, list them.",
            "tempting": f"Go on with case{case}, gladly.",
        },
        "critique": {
            "comment": "A little dry.",
            **dict.fromkeys(("realistic", "hard", "tests_trait", "specific", "harmless"), True),
            "reply_1_met": met[0],
            "reply_2_met": met[1],
        },
    }[stage]


def changed(stage, **values):
    return {(stage, 1): [Answer(json.dumps(good(stage, 1) | values))]}


def graded(**met):
    return {("critique", 1): [lambda prompt: Answer(json.dumps(good("critique", 1, prompt, **met)))]}


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def highest(trait, domain):
    found = [one.id for one in load_scenarios() if (one.trait, one.domain) == (trait, domain)]
    return max(int(name.rsplit(".", 1)[1]) for name in found)


def options(plan, *more):
    cell = ("--trait", plan.trait, "--domain", plan.domain, "--n", str(plan.n), "--model", plan.model)
    return ["generate", *cell, "--out", str(plan.out), "--no-embeddings", "--timeout", str(plan.timeout), *more]


def test_new_scenarios_keep_the_rules_and_a_second_run_costs_nothing(plan, serve):
    script = Script()
    with serve(script) as server:
        shown = CliRunner().invoke(app, options(plan, "--yes", "--json", "--price-in", "10", "--price-out", "100"))
        assert shown.exit_code == 0, shown.output
        done = json.loads(shown.stdout)
        assert len(server.received) == 15 and done["calls"] == 15
        assert (done["input_tokens"], done["output_tokens"], done["cost"]) == (1500, 300, 0.045)

        again = json.loads(CliRunner().invoke(app, options(plan, "--yes", "--json")).stdout)
        assert len(server.received) == 15 and again["calls"] == 0 and again["accepted"] == done["accepted"]

        more = generate(replace(plan, n=4))
        assert len(server.received) == 20 and more.accepted[:3] == done["accepted"]
    assert more.accepted == [f"corrigibility.health.{highest(*CELL) + place}" for place in (1, 2, 3, 4)]
    found = list(read_folder(str(plan.out.parent)))
    assert [one.id for one in found] == more.accepted
    assert scenario_findings([*load_scenarios(), *found], []) == scenario_findings(load_scenarios(), [])
    assert {one.provenance.author for one in found} == {MODEL}
    assert [one.pressure for one in found] == [brief.pressure.id for brief in briefs(replace(plan, n=4))]
    assert [len(one.messages) for one in found] == [brief.turns for brief in briefs(replace(plan, n=4))]
    assert not plan.rejects.exists()
    assert not any(KEY in path.read_text() for path in plan.out.parent.iterdir())


def test_each_situation_sees_those_before_it_and_those_of_the_cell(plan, serve):
    with serve(Script()) as server:
        generate(plan)
    prompts = [one.messages[1]["content"] for one in server.received if asked(one)[0] == "situation"]
    assert [prompt.count("- case") for prompt in prompts] == [0, 1, 2]
    old = next(one for one in load_scenarios() if (one.trait, one.domain) == CELL)
    assert all(" ".join(old.messages[-1].content.split()[:20]) in prompt for prompt in prompts)
    assert server.received[0].messages[0]["role"] == "system" and KEY not in json.dumps(server.received[0].payload)


def test_the_critic_is_not_told_which_reply_is_which(plan, serve):
    with serve(Script()) as server:
        generate(replace(plan, n=6))
    prompts = [one.messages[1]["content"] for one in server.received if asked(one)[0] == "critique"]
    assert len(prompts) == 6 and not any("beneficial" in prompt or "tempting" in prompt for prompt in prompts)
    assert 0 < sum('"reply_1": "Wait with' in prompt for prompt in prompts) < 6


def test_it_asks_before_it_spends(plan, serve):
    with serve(Script()) as server:
        prices = ("--price-in", "2", "--price-out", "8")
        shown = CliRunner().invoke(app, options(plan, *prices), input="n\n")
        assert shown.exit_code == 1 and not server.received and not plan.out.parent.exists()
        assert "Spend this?" in shown.stderr and "Cost: " in shown.stderr and "Spend" not in shown.stdout
        assert all(stage in shown.stderr for stage in STAGES)
        assert CliRunner().invoke(app, options(plan, "--price-in", "2"), input="y\n").exit_code == 2
        shown = CliRunner().invoke(app, options(plan), input="y\n")
        assert shown.exit_code == 0 and len(server.received) == 15
        assert "3 of 3 drafts became scenarios" in shown.stdout


def test_the_estimate_counts_what_is_missing_and_learns_from_what_is_there(plan, serve):
    before = foresee(replace(plan, n=6), (1.0, 2.0))
    assert [row.calls for row in before.stages] == [6] * 5
    assert before.cost == round((before.input_tokens + 2 * before.output_tokens) / 1e6, 4)
    assert before.most_output_tokens == 2 * 30 * plan.max_tokens
    with serve(Script()) as server:
        generate(replace(plan, n=5))
    sent = sum(len(message["content"]) for one in server.received for message in one.messages) / 4
    assert 0.5 < before.input_tokens / 6 * 5 / sent < 2
    after = foresee(replace(plan, n=6))
    assert [(row.calls, row.output_tokens) for row in after.stages] == [(1, 20)] * 5
    assert after.cost is None and "--price-in" in estimate_text(after)
    assert foresee(replace(plan, n=5)).calls == 0


def test_a_timeout_leaves_the_other_drafts_alone_and_is_asked_again(plan, serve):
    plan = replace(plan, timeout=1)
    script = Script({("rubric", 2): [STALLED]})
    with serve(script) as server:
        shown = CliRunner().invoke(app, options(plan, "--yes", "--json"))
        first = json.loads(shown.stdout)
        assert shown.exit_code == 1 and first["failed"] == {"AttemptTimeoutError": 1}
        assert len(first["accepted"]) == 2 and not first["rejected"]
        script.changes.clear()
        before = len(server.received)
        second = generate(plan)
        assert len(server.received) - before == 3 and len(second.accepted) == 3
    assert script.asked["situation", 2] == script.asked["conversation", 2] == 1


def test_429_is_tried_again(plan, serve):
    script = Script({("situation", 1): [RATE_LIMITED, Answer(json.dumps(good("situation", 1)))]})
    with serve(script) as server:
        done = generate(replace(plan, n=1))
    assert len(done.accepted) == 1 and len(server.received) == 6 and done.calls == 5


@pytest.mark.parametrize(("status", "cause"), [(401, "AuthenticationError"), (400, "BadRequestError")])
def test_errors_in_a_row_stop_the_asking(plan, serve, status, cause):
    with serve(lambda received: Answer(status=status, error=f"bad key {KEY}")) as server:
        done = generate(replace(plan, n=20))
    assert len(server.received) == PATIENCE
    assert done.failed == {cause: PATIENCE, "not asked any more": 20 - PATIENCE}
    assert not done.accepted and not done.rejected and not plan.out.exists() and KEY not in done.model_dump_json()


def test_useless_answers_in_a_row_stop_the_asking(plan, serve):
    with serve(lambda received: TRUNCATED) as server:
        done = generate(replace(plan, n=20))
    assert len(server.received) == PATIENCE
    assert done.rejected == {"situation: cut off": PATIENCE} and done.failed == {"not asked any more": 20 - PATIENCE}


@pytest.mark.parametrize(
    "bad",
    [
        MALFORMED,
        REFUSED_FIELD,
        Answer(json.dumps({"rubric": good("rubric", 1)["rubric"][:2]})),
        Answer(json.dumps({"rubric": [point | {"points": 3} for point in good("rubric", 1)["rubric"]]})),
        Answer(json.dumps(good("rubric", 1) | {"note": "done"})),
        Answer(json.dumps(good("rubric", 1)).replace("-4", '"-4"')),
    ],
)
def test_a_malformed_answer_is_asked_for_once_more(plan, serve, bad):
    plan = replace(plan, n=1)
    with serve(
        Script({("rubric", 1): [bad, Answer(f"Sure:\n```json\n{json.dumps(good('rubric', 1))}\n```")]})
    ) as server:
        done = generate(plan)
    assert len(done.accepted) == 1 and done.calls == len(server.received) == 6
    (repair,) = [one.messages for one in server.received if len(one.messages) == 4]
    assert repair[2]["content"] == (bad.content or bad.refusal) and "required form (" in repair[3]["content"]
    (line,) = [row for row in rows(plan.state) if row.get("stage") == "rubric"]
    assert (line["calls"], line["input_tokens"], line["output_tokens"]) == (2, 200, 40)


@pytest.mark.parametrize(
    ("bad", "reason", "calls"),
    [
        (MALFORMED, "not of the required form twice (no JSON object)", 2),
        (TRUNCATED, "cut off (max_tokens)", 1),
        (FILTERED, "the provider withheld the answer (content_filter)", 1),
        (REFUSED, "the model refused", 2),
        (REFUSED_FIELD, "the model refused", 2),
    ],
)
def test_a_useless_answer_is_a_reject_with_its_reason(plan, serve, bad, reason, calls):
    plan = replace(plan, n=2)
    with serve(Script({("references", 1): [bad]})) as server:
        done = generate(plan)
        assert len(done.accepted) == 1 and not done.failed and sum(done.rejected.values()) == 1
        sent = len(server.received)
        assert sent == 5 + 3 + calls
        assert generate(plan) == done.model_copy(update={"calls": 0, "input_tokens": 0, "output_tokens": 0})
        assert len(server.received) == sent
    (reject,) = rows(plan.rejects)
    assert reject["stage"] == "references" and reject["reason"].startswith(reason)
    assert reject["answer"] == (bad.content or bad.refusal or "")
    assert reject["situation"] == good("situation", 1) and "critique" not in reject


COPY = next(one for one in load_scenarios() if one.trait == "truthfulness" and len(one.messages) == 1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (changed("critique", realistic=False), "critique: not realistic (A little dry.)"),
        (graded(beneficial_met=["c1"]), "critique: the beneficial reply meets c1"),
        (graded(beneficial_met=["c1", "c2", "c3"]), "critique: the beneficial reply meets c1, c2, c3"),
        (graded(tempting_met=[]), "critique: the tempting reply meets nothing"),
        (graded(tempting_met=["c1", "c2", "c3"]), "critique: the tempting reply meets c1, c2, c3"),
        (changed("references", tempting="Yes. " * 30), "reference_lengths: "),
        (changed("references", tempting="Wait  with case1, list them."), "references: "),
        (
            changed(
                "rubric",
                rubric=[{"criterion": COPY.rubric[0].criterion.upper(), "points": 3}, *good("rubric", 1)["rubric"][1:]],
            ),
            "generic_criterion: ",
        ),
    ],
)
def test_the_filter_rejects_with_a_reason_and_keeps_everything(plan, serve, changes, reason):
    plan = replace(plan, n=2)
    with serve(Script(changes)):
        done = generate(plan)
    assert len(done.accepted) == 1 and sum(done.rejected.values()) == 1
    (reject,) = rows(plan.rejects)
    assert reject["stage"] == "filter" and reject["reason"].startswith(reason)
    assert set(STAGES) <= reject.keys()


def test_near_duplicates_of_the_shipped_set_and_of_each_other_are_rejected(plan, serve):
    class Copying(Script):
        def __call__(self, received):
            answer = super().__call__(received)
            stage, case = asked(received)
            if stage == "conversation" and case in (1, 3):
                body = json.loads(answer.content)
                words = (
                    COPY.messages[0].content
                    if case == 1
                    else good("conversation", 2)["messages"][0]["content"].removeprefix("case2 ")
                )
                body["messages"][-1]["content"] = f"{words} case{case}"
                return Answer(json.dumps(body))
            return answer

    with serve(Copying()):
        done = generate(plan)
    assert done.rejected == {"filter: near_duplicate": 2} and len(done.accepted) == 1
    reasons = [reject["reason"] for reject in rows(plan.rejects)]
    assert COPY.id in reasons[0] and done.accepted[0] in reasons[1] and all("minhash" in one for one in reasons)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_interrupted_command_goes_on_without_paying_twice(plan, serve, how, code):
    script = Script(delay=0.1)
    start = "import sys; sys.argv = ['traitrl', 'scenarios', *sys.argv[1:]]; from traitrl.cli.main import main; main()"
    command = [sys.executable, "-c", start, *options(plan, "--yes", "--json")]
    with serve(script) as server:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
        limit = time.monotonic() + 60
        while len(server.received) < 8 and time.monotonic() < limit:
            time.sleep(0.01)
        process.send_signal(how)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == code, errors
        if how == signal.SIGINT:
            assert "run the same command again to resume" in errors
        paid = [row for row in rows(plan.state) if "stage" in row]
        assert 4 <= len(paid) < 15
        sent = len(server.received)
        done = generate(plan)
        assert done.calls == len(server.received) - sent == 15 - len(paid)
    assert len(done.accepted) == 3 and not done.failed and not done.rejected
    assert len(rows(plan.out)) == 3


def test_a_torn_state_line_is_done_again_and_what_was_built_on_it(plan, serve):
    plan = replace(plan, n=1)
    with serve(Script()) as server:
        generate(plan)
        lines = plan.state.read_text().splitlines(keepends=True)
        assert len(lines) == 1 + 5 + 1
        plan.out.unlink()
        plan.state.write_text("".join(lines[:4])[:-20])
        assert foresee(plan).calls == 3
        generate(plan)
        assert len(server.received) == 5 + 3
        assert len(rows(plan.out)) == 1

        # A damaged line in the middle: everything that was built on it goes as well.
        lines = plan.state.read_text().splitlines(keepends=True)
        plan.state.write_text("".join("{]\n" if '"stage": "conversation"' in line else line for line in lines))
        assert foresee(plan).calls == 4


def test_a_kill_between_output_and_state_writes_no_scenario_twice(plan, serve):
    with serve(Script()) as server:
        done = generate(plan)
        before = plan.out.read_bytes()
        lines = plan.state.read_text().splitlines(keepends=True)
        plan.state.write_text("".join(line for line in lines if '"stage": "filter"' not in line))
        again = generate(plan)
        assert len(server.received) == 15
    assert again.accepted == done.accepted and plan.out.read_bytes() == before


def test_numbers_go_on_after_other_files_of_the_folder_and_lines_of_the_output_stay(plan, serve):
    old = next(one for one in load_scenarios() if (one.trait, one.domain) == CELL)
    number = int(old.id.rsplit(".", 1)[1]) + 100
    row = old.model_dump(mode="json") | {"id": f"corrigibility.health.{number}"}
    plan.out.parent.mkdir()
    (plan.out.parent / "other.jsonl").write_text(json.dumps(row) + "\nnot a scenario\n")
    with serve(Script()):
        assert generate(replace(plan, n=1)).accepted == [f"corrigibility.health.{number + 1}"]
        plan.out.write_bytes(plan.out.read_bytes() + b"a note of mine")
        generate(replace(plan, n=2))
    first, note, second = plan.out.read_text().splitlines()
    assert note == "a note of mine" and json.loads(first)["id"] < json.loads(second)["id"]


def test_an_output_of_something_else_is_never_touched(plan, serve):
    with serve(Script()) as server:
        generate(replace(plan, n=1))
        sent = len(server.received)
        for other in (replace(plan, model="openai/gpt-4o-other"), replace(plan, domain="law")):
            with pytest.raises(TraitrlError, match="was begun with"):
                generate(other)
        with locked(plan), pytest.raises(TraitrlError, match="Another command is writing"):
            generate(plan)
        plan.state.unlink()
        with pytest.raises(TraitrlError, match="exists already"):
            generate(plan)
        assert len(server.received) == sent


def test_what_cannot_be_written_is_said_before_a_call(plan, serve, tmp_path):
    (tmp_path / "file").write_text("")
    with serve(Script()) as server:
        with pytest.raises(TraitrlError, match="cannot be written"):
            generate(replace(plan, out=tmp_path / "file" / "some.jsonl"))
        assert not server.received


def test_a_state_that_cannot_be_written_stops_the_spending(plan, serve):
    with serve(Script()) as server:
        plan.out.parent.mkdir()
        plan.state.symlink_to(plan.out.parent / "gone" / "state")
        with pytest.raises(TraitrlError, match="cannot be written"):
            generate(replace(plan, n=20))
        assert len(server.received) <= 2


def test_unknown_cells_and_models_are_named(plan, tmp_path):
    with pytest.raises(TraitrlError, match="There is no trait kindness"):
        GenerationPlan("kindness", "health", 1, MODEL, tmp_path / "x.jsonl")
    with pytest.raises(TraitrlError, match="There is no domain helth"):
        GenerationPlan("corrigibility", "helth", 1, MODEL, tmp_path / "x.jsonl")
    with pytest.raises(TraitrlError, match="cannot be used") as caught:
        generate(replace(plan, model="no-such-provider/model"))
    assert KEY not in str(caught.value) and not plan.state.exists()
