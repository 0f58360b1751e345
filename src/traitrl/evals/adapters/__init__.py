"""Readers: from a benchmark's published files to items. One short function per format, grouped by family of data."""

from traitrl.evals.adapters import bigbench, ethics, fairness, open_ended, pairs, perez, refusals, trustllm, truthful
from traitrl.evals.adapters.base import OpenReader, Reader

READERS: dict[str, Reader] = {
    "own": pairs.own,
    "truthfulqa": truthful.truthfulqa,
    "truthfulqa_suggested": truthful.truthfulqa_suggested,
    "sharma_answer": truthful.sharma_answer,
    "repe_facts": truthful.repe_facts,
    "bigbench_options": bigbench.options,
    "bigbench_labels": bigbench.labels,
    "bigbench_two_labels": bigbench.two_labels,
    "bigbench_answers": bigbench.answers,
    "bigbench_questions": bigbench.questions,
    "bbq_ambiguous": bigbench.bbq_ambiguous,
    "blimp": bigbench.blimp,
    "perez_yes_no": perez.yes_no,
    "perez_choices": perez.choices,
    "moralchoice": ethics.moralchoice,
    "ethics_commonsense": ethics.commonsense,
    "ethics_justice": ethics.justice,
    "ethics_deontology": ethics.deontology,
    "winobias": fairness.winobias,
    "winogender": fairness.winogender,
    "decoding_trust_stereotypes": fairness.stereotype_agreement,
    "stereotype_recognition": fairness.stereotype_recognition,
    "trustllm_evidence": trustllm.evidence,
    "trustllm_persona": trustllm.persona_sycophancy,
    "trustllm_mission": trustllm.mission,
    "trustllm_emotion": trustllm.emotion,
    "trustllm_privacy": trustllm.privacy,
    "coconot_pref": pairs.coconot_pref,
    "model_spec": pairs.model_spec,
    "reward_hacks": pairs.reward_hacks,
    "harmful_requests": refusals.harmful_requests,
    "xstest": refusals.xstest,
}
"""Readers of benchmarks that are scored by likelihood."""

OPEN_READERS: dict[str, OpenReader] = {
    "healthbench": open_ended.healthbench,
    "mask": open_ended.mask,
    "deceptionbench": open_ended.deceptionbench,
    "emergent_misalignment": open_ended.emergent_misalignment,
    "persistbench": open_ended.persistbench,
    "advfactuality": open_ended.advfactuality,
    "truthfulqa_open": open_ended.truthfulqa_open,
    "coconot_eval": open_ended.coconot_eval,
    "ifeval": open_ended.ifeval,
    "gsm8k": open_ended.gsm8k,
    "eq_bench": open_ended.eq_bench,
}
"""Readers of benchmarks that are scored on generated replies."""

__all__ = ["OPEN_READERS", "READERS"]
