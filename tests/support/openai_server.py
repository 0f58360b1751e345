"""A local server that speaks the OpenAI chat completions protocol and answers from a script."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One scripted answer: a completion, or with a `status` other than 200 an error."""

    content: str | None = ""
    finish_reason: str = "stop"
    refusal: str | None = None
    status: int = 200
    error: str = "scripted failure"
    delay: float = 0.0
    """Seconds before the server answers; longer than the client waits makes a timeout."""


@dataclass(frozen=True)
class Received:
    """One request as it came in."""

    payload: dict[str, Any]
    headers: dict[str, str]
    """Names in lower case."""

    @property
    def messages(self) -> list[dict[str, str]]:
        """The messages of the request."""
        return self.payload["messages"]


RATE_LIMITED = Answer(status=429, error="slow down")
STALLED = Answer(delay=30.0)
TRUNCATED = Answer('{"verdicts": [{"id": "c1", "rea', finish_reason="length")
FILTERED = Answer("", finish_reason="content_filter")
MALFORMED = Answer('{"verdicts": [{"id": "c1", "reason": "Yes.", "met": tru')
REFUSED = Answer("I'm sorry, but I can't help with grading this.")
REFUSED_FIELD = Answer(None, refusal="I'm sorry, I can't assist with that.")


def graded(met: Mapping[str, Any]) -> str:
    """Returns a well-formed judge answer."""
    return json.dumps({"verdicts": [{"id": key, "reason": "Because.", "met": value} for key, value in met.items()]})


class OpenAIServer:
    """Serves on a free local port while the `with` block runs.

    Args:
        script: Answers in order, the last one for ever; or a function of the request that returns the answer.
    """

    def __init__(self, script: Sequence[Answer] | Callable[[Received], Answer]) -> None:
        self.received: list[Received] = []
        self.peak = 0
        """Most requests that were under way at once."""
        self._script = script
        self._open = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> "OpenAIServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: Received) -> Answer:
        with self._lock:
            place = len(self.received)
            self.received.append(request)
            self._open += 1
            self.peak = max(self.peak, self._open)
        try:
            script = self._script
            answer = script(request) if callable(script) else script[min(place, len(script) - 1)]
            self._stop.wait(answer.delay)
        finally:
            with self._lock:
                self._open -= 1
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        serve = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path != "/v1/chat/completions":
                    self._send(404, {"error": {"message": f"no route {self.path}"}})
                    return
                answer = serve(Received(payload, {key.lower(): value for key, value in self.headers.items()}))
                if answer.status == 200:
                    self._send(200, completion(payload["model"], answer))
                else:
                    self._send(answer.status, {"error": {"message": answer.error, "type": "scripted", "code": None}})

            def _send(self, status: int, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(data)))
                    if status == 429:
                        self.send_header("Retry-After-Ms", "20")
                    self.end_headers()
                    self.wfile.write(data)
                except ConnectionError:
                    self.close_connection = True  # the client gave up, as in the timeout test

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def completion(model: str, answer: Answer) -> dict[str, Any]:
    """Returns the body of a chat completion of 100 prompt and 20 completion tokens."""
    message = {"role": "assistant", "content": answer.content, "refusal": answer.refusal}
    return {
        "id": "chatcmpl-test",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": answer.finish_reason, "logprobs": None}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
