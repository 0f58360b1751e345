"""Fetching against a real HTTP server on this machine: pinned content arrives, everything else is named."""

import hashlib
import io
import json
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from traitrl.errors import TraitrlError
from traitrl.evals.fetch import fetch_benchmarks
from traitrl.evals.registry import Benchmark, DataFile

CONTENT = b'{"id": "1"}\n'


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and remembers what was asked for."""

    asked: ClassVar[list[str]] = []

    def log_message(self, *_):
        self.asked.append(self.path)


@pytest.fixture
def server(tmp_path):
    pytest.importorskip("pooch")
    published = tmp_path / "published"
    published.mkdir()
    (published / "items.jsonl").write_bytes(CONTENT)
    Quiet.asked.clear()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(published)))
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}/", published
    httpd.shutdown()
    httpd.server_close()


def sha(content):
    return hashlib.sha256(content).hexdigest()


def declared(**file):
    fields = {"name": "n", "family": "deception", "source": "local", "adapter": "own", "scoring": "per_byte"}
    return Benchmark(files=(DataFile(path="o__r/data/items.jsonl", **file),), **fields)


def outcomes(results):
    return [result.outcome for result in results]


def test_a_pinned_file_arrives_once(server, tmp_path):
    one = declared(sha256=sha(CONTENT), url=f"{server[0]}items.jsonl")
    assert outcomes(fetch_benchmarks([one], tmp_path / "data")) == ["fetched"]
    assert (tmp_path / "data/o__r/data/items.jsonl").read_bytes() == CONTENT
    assert outcomes(fetch_benchmarks([one], tmp_path / "data")) == ["present"]
    assert Quiet.asked == ["/items.jsonl"]


def test_a_file_that_two_benchmarks_share_is_fetched_once(server, tmp_path):
    one = declared(sha256=sha(CONTENT), url=f"{server[0]}items.jsonl")
    assert outcomes(fetch_benchmarks([one, one.model_copy(update={"name": "m"})], tmp_path)) == ["fetched"]


def test_content_with_another_hash_never_gets_the_name(server, tmp_path):
    one = declared(sha256=sha(b"other"), url=f"{server[0]}items.jsonl")
    (result,) = fetch_benchmarks([one], tmp_path / "data")
    assert result.outcome == "failed" and "hash" in result.detail
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []


def test_a_missing_page_and_a_dead_server_fail_alone(server, tmp_path):
    good = declared(sha256=sha(CONTENT), url=f"{server[0]}items.jsonl")
    gone = good.model_copy(
        update={
            "files": (
                DataFile(path="a", sha256=sha(CONTENT), url=f"{server[0]}gone"),
                DataFile(path="b", sha256=sha(CONTENT), url="http://127.0.0.1:9/x"),
            )
        }
    )
    assert outcomes(fetch_benchmarks([gone, good], tmp_path / "data")) == ["failed", "failed", "fetched"]


def test_changed_files_are_kept_until_replacing_is_asked_for(server, tmp_path):
    one = declared(sha256=sha(CONTENT), url=f"{server[0]}items.jsonl")
    target = tmp_path / "o__r/data/items.jsonl"
    target.parent.mkdir(parents=True)
    target.write_text("mine")
    assert outcomes(fetch_benchmarks([one], tmp_path)) == ["changed"] and target.read_text() == "mine"
    assert outcomes(fetch_benchmarks([one], tmp_path, replace=True)) == ["fetched"] and target.read_bytes() == CONTENT


def test_a_member_of_an_archive_is_found_by_name_and_hash(server, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("__MACOSX/data/items.jsonl", b"fork")
        archive.writestr("set/data/items.jsonl", CONTENT)
    (server[1] / "all.zip").write_bytes(packed.getvalue())
    pin = {"url": f"{server[0]}all.zip", "member": "data/items.jsonl", "archive_sha256": sha(packed.getvalue())}
    assert outcomes(fetch_benchmarks([declared(sha256=sha(CONTENT), **pin)], tmp_path / "d")) == ["fetched"]
    assert (tmp_path / "d/o__r/data/items.jsonl").read_bytes() == CONTENT
    (wrong,) = fetch_benchmarks([declared(sha256=sha(b"x"), **pin)], tmp_path / "e")
    assert wrong.outcome == "failed" and "no data/items.jsonl" in wrong.detail


def test_what_cannot_be_fetched_is_named_with_the_reason(server, tmp_path):
    unpinned, homeless = declared(url=f"{server[0]}items.jsonl"), declared(sha256=sha(CONTENT))
    results = [fetch_benchmarks([one], tmp_path)[0] for one in (unpinned, homeless)]
    assert outcomes(results) == ["unpinned", "no address"] and all(result.detail for result in results)
    assert Quiet.asked == []


def test_without_pooch_the_remedy_is_named(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(TraitrlError, match=r"needs the package pooch.*traitrl\[fetch\]"):
        fetch_benchmarks([declared()], tmp_path)


def run_cli(*arguments):
    from typer.testing import CliRunner

    from traitrl.cli.evals import app

    return CliRunner().invoke(app, list(arguments))


def test_the_list_marks_a_changed_file_and_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("TRAITRL_DATA", str(tmp_path))
    target = tmp_path / "koppula__TruthfulQA/data/mc_task.json"
    target.parent.mkdir(parents=True)
    target.write_text("[]")
    rows = [json.loads(line) for line in run_cli("list", "--json").stdout.splitlines()]
    by_name = {row["name"]: row for row in rows}
    assert by_name["truthfulqa_binary"]["status"] == "changed" and not by_name["truthfulqa_binary"]["present"]
    assert by_name["metric_gaming"]["status"] == "present" and by_name["metric_gaming"]["items"] == 44
    assert by_name["repe_facts"]["status"] == "absent" and by_name["repe_facts"]["items"] == 612
    assert {"name", "family", "source", "items", "chance", "licence", "scoring", "status"} <= set(rows[0])
    table = run_cli("list", "--family", "metacognition").stdout
    assert "own_reasoning" in table and "metric_gaming" not in table and "count as alignment benchmarks" in table


def test_the_suites_can_be_listed():
    names = [json.loads(line)["name"] for line in run_cli("list", "--suite", "default", "--json").stdout.splitlines()]
    assert names[0] == "metric_gaming" and "gsm8k" not in names
    assert isinstance(run_cli("list", "--suite", "some").exception, TraitrlError)


def test_fetching_needs_a_folder(monkeypatch):
    monkeypatch.delenv("TRAITRL_DATA", raising=False)
    assert "Set TRAITRL_DATA" in str(run_cli("fetch").exception)
