"""Training an offline judge replaces the old one whole or not at all."""

import json
from types import SimpleNamespace

import pytest

from traitrl.errors import TraitrlError
from traitrl.judges import build, calibration, decoder, feature, states


class Part:
    """Something trained that writes one file, or breaks at it."""

    def __init__(self, name, breaks=False):
        self.name, self.breaks = name, breaks

    def save(self, folder):
        if self.breaks:
            raise KeyboardInterrupt
        (folder / self.name).write_text("new")


class Unmoved:
    """Gives every criterion an even chance."""

    def grade(self, requests):
        return [{row.id: 0.5 for row in request.rubric} for request in requests]


@pytest.fixture
def place(tmp_path, monkeypatch):
    folder = tmp_path / "judge"
    folder.mkdir()
    for name in ("one", "two", "settings.json"):
        (folder / name).write_text("old")
    judge = lambda name, role: Unmoved()  # noqa: E731
    judge.cache_clear = lambda: None
    monkeypatch.setattr(build, "adapter_folder", lambda name: folder)
    monkeypatch.setattr(build, "material", lambda name: [])
    monkeypatch.setattr(build, "load_judge", judge)
    return folder


def train(monkeypatch, name, *parts):
    monkeypatch.setattr(feature, "train_feature", lambda *_, **__: parts)
    monkeypatch.setattr("traitrl.models.warm.warm_policy", lambda: SimpleNamespace(name="warm"))
    monkeypatch.setattr(decoder, "train_decoder", lambda *_, **__: parts[0])
    monkeypatch.setattr(decoder, "decoder_rows", lambda *_: None)
    monkeypatch.setattr(feature, "training_requests", lambda _: (None, None))
    monkeypatch.setattr(feature, "fit_network", lambda *_, **__: parts[1])
    build.build_judge(name, 0, lambda text: None)


@pytest.mark.parametrize("name", ["offline:feature", "offline:decoder"])
def test_a_training_that_is_killed_leaves_the_old_judge_as_it_was(place, monkeypatch, name):
    with pytest.raises(KeyboardInterrupt):
        train(monkeypatch, name, Part("one"), Part("two", breaks=True))
    assert {path.name: path.read_text() for path in place.iterdir()} == dict.fromkeys(
        ("one", "two", "settings.json"), "old"
    )


@pytest.mark.parametrize(("name", "layers"), [("offline:feature", states.LAYERS), ("offline:decoder", build.LAYERS)])
def test_a_training_that_ends_takes_the_place_and_names_the_layers_that_are_read(place, monkeypatch, name, layers):
    train(monkeypatch, name, Part("one"), Part("three"))
    assert {path.name for path in place.iterdir()} == {"one", "three", "settings.json"}
    assert json.loads((place / "settings.json").read_text())["layers"] == layers
    assert [path.name for path in place.parent.iterdir()] == ["judge"]


def test_a_judge_that_fails_on_everything_is_an_error_with_the_count(monkeypatch):
    dead = SimpleNamespace(protocol="dead", grade=lambda requests: [None for _ in requests])
    monkeypatch.setattr(calibration, "load_judge", lambda name, role: dead)
    with pytest.raises(TraitrlError, match=r"The judge some/judge failed on all \d+ replies"):
        calibration.calibrate("some/judge", per_source=2)
