"""A model that says what a test tells it to: OpenAI's two ways to ask one, on the loopback.

The agents under test run all of their own code, the client of OpenAI included; only the
model's answers are made up. What it answers is looked up by the last message that is no
system message, so that agents who share it do not depend on each other's order.
"""

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Message = dict[str, Any]
Request = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A tool call that the model asks for; arguments that are text are sent as they are."""

    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True)
class Says:
    """Words with the calls that the model asks for, and why it stopped there."""

    words: str
    calls: list[Call] = field(default_factory=list)
    stop_reason: str | None = None


@dataclass(frozen=True)
class Fails:
    """The model answers with this HTTP status."""

    status: int = 400


Answer = str | list[Call] | Says | Fails
Model = Callable[[Request], Answer]

USAGE: dict[str, Any] = {
    "prompt_tokens": 7,
    "completion_tokens": 3,
    "total_tokens": 10,
    "prompt_tokens_details": {"cached_tokens": 5},
}
"""Of each answer."""


class ChatServer(ThreadingHTTPServer):
    """Answers every request with what `model` returns for it; `requests` has them all."""

    daemon_threads = True

    def __init__(self, model: Model) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = model
        self.requests: list[Request] = []
        self.numbers = itertools.count(1)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@contextmanager
def serving(model: Model) -> Iterator[ChatServer]:
    """A server that answers in threads of its own until it is left."""
    server = ChatServer(model)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def last(request: Request) -> Message:
    """The message that the model is to answer."""
    if "input" not in request:
        found: Message = request["messages"][-1]
        return found
    item = request["input"][-1]
    if item.get("type") == "function_call_output":
        return {"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]}
    parts = item["content"]
    text = parts if isinstance(parts, str) else "".join(part["text"] for part in parts)
    return {"role": item["role"], "content": text}


class _Handler(BaseHTTPRequestHandler):
    server: ChatServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        answer = self.server.model(request)
        if isinstance(answer, Fails):
            error = {"error": {"message": "made to fail", "type": "test", "code": None}}
            self._send(answer.status, "application/json", json.dumps(error).encode())
        elif self.path.endswith("/responses"):
            body = json.dumps(self._response(_says(answer))).encode()
            self._send(200, "application/json", body)
        elif request.get("stream"):
            chunks = [*self._chunks(_says(answer))]
            if (request.get("stream_options") or {}).get("include_usage"):
                chunks.append({**_HEAD, **_CHUNK, "choices": [], "usage": USAGE})
            body = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks)
            self._send(200, "text/event-stream", body + b"data: [DONE]\n\n")
        else:
            body = json.dumps(self._completion(_says(answer))).encode()
            self._send(200, "application/json", body)

    def log_message(self, *args: object) -> None:
        """Nothing on standard error."""

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _completion(self, answer: Says) -> dict[str, Any]:
        message: Message = {"role": "assistant", "content": answer.words or None}
        if answer.calls:
            message["tool_calls"] = [self._call(call) for call in answer.calls]
        choice = {"index": 0, "message": message, "finish_reason": _reason(answer)}
        return {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}

    def _response(self, answer: Says) -> dict[str, Any]:
        """In the form of OpenAI's responses."""
        text = {"type": "output_text", "text": answer.words, "annotations": []}
        output: list[dict[str, Any]] = []
        if answer.words:
            said = {"type": "message", "id": "m-1", "role": "assistant", "content": [text]}
            output.append({**said, "status": "completed"})
        output += [
            {"type": "function_call", "call_id": call["id"], **call["function"]}
            for call in map(self._call, answer.calls)
        ]
        usage = {
            "input_tokens": USAGE["prompt_tokens"],
            "output_tokens": USAGE["completion_tokens"],
            "total_tokens": USAGE["total_tokens"],
            "input_tokens_details": USAGE["prompt_tokens_details"],
            "output_tokens_details": {"reasoning_tokens": 0},
        }
        return {
            "id": "response-1",
            "object": "response",
            "created_at": _HEAD["created"],
            "model": _HEAD["model"],
            "status": answer.stop_reason or "completed",
            "output": output,
            "usage": usage,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        }

    def _chunks(self, answer: Says) -> Iterator[dict[str, Any]]:
        """A word at a time, then each call in two pieces; then the end."""
        for word in answer.words.split(" ") if answer.words else ():
            yield self._chunk({"content": f"{word} "}, None)
        for index, call in enumerate(map(self._call, answer.calls)):
            arguments = call["function"].pop("arguments")
            yield self._chunk(
                {"role": "assistant", "tool_calls": [{"index": index, **call}]}, None
            )
            rest = {"index": index, "function": {"arguments": arguments}}
            yield self._chunk({"tool_calls": [rest]}, None)
        yield self._chunk({}, _reason(answer))

    def _chunk(self, delta: Message, reason: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return {**_HEAD, **_CHUNK, "choices": [choice]}

    def _call(self, call: Call) -> dict[str, Any]:
        call_id = call.id if call.id is not None else f"c-{next(self.server.numbers)}"
        given = call.arguments
        arguments = given if isinstance(given, str) else json.dumps(given)
        function = {"name": call.name, "arguments": arguments}
        return {"id": call_id, "type": "function", "function": function}


_HEAD: dict[str, Any] = {"id": "completion-1", "created": 1_800_000_000, "model": "stub"}
_CHUNK = {"object": "chat.completion.chunk"}


def _says(answer: str | list[Call] | Says) -> Says:
    if isinstance(answer, str):
        return Says(answer)
    return answer if isinstance(answer, Says) else Says("", answer)


def _reason(answer: Says) -> str:
    return answer.stop_reason or ("tool_calls" if answer.calls else "stop")
