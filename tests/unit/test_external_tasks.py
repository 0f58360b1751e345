"""Names of tasks of other packages."""

from importlib.metadata import PackageNotFoundError

import pytest

from traitrl.errors import TraitrlError
from traitrl.evals import external
from traitrl.evals.external import find_task


@pytest.mark.parametrize("label", ["inspect:", "olmes:arc", "arc", ":arc"])
def test_a_name_of_another_form_is_refused(label):
    with pytest.raises(TraitrlError, match="There is no task"):
        find_task(label)


def test_the_versions_of_the_packages_are_part_of_a_task():
    found = find_task("inspect:some_package/task")
    assert (found.kind, found.name) == ("inspect", "some_package/task") and found.version.startswith("inspect-ai=")


@pytest.mark.parametrize(("label", "package"), [("inspect:gpqa", "inspect-evals"), ("lm_eval:arc_easy", "lm-eval")])
def test_a_package_that_is_not_installed_is_named_with_its_extra(label, package, monkeypatch):
    def version(name):
        if name == package:
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(external, "version", version)
    with pytest.raises(TraitrlError) as problem:
        find_task(label)
    assert str(problem.value) == (f"The package {package} is not installed. Run `pip install 'traitrl[{package}]'`.")


def test_a_task_in_a_file_is_known_by_its_content_and_a_missing_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(external, "version", lambda package: "1")
    file = tmp_path / "mine.yaml"
    with pytest.raises(TraitrlError, match=r"There is no file .*mine\.yaml"):
        find_task(f"lm_eval:{file}")
    file.write_text("task: one\n")
    first = find_task(f"lm_eval:{file}").version
    file.write_text("task: two\n")
    assert find_task(f"lm_eval:{file}").version != first


def test_only_an_api_judge_is_the_grader_of_a_task_and_only_where_tasks_have_graders(monkeypatch):
    monkeypatch.setattr(external, "version", lambda package: "1")
    found = find_task("inspect:some_package/task")
    assert found.grader("openai/judge") == "openai/judge" and found.grader("offline:decoder") is None
    assert find_task("lm_eval:arc_easy").grader("openai/judge") is None
