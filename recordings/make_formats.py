"""Makes the recordings in `formats/`, each with the tool whose format it is, against the reference server.

Start `chatcontract serve --listen 127.0.0.1:8799`, then run `python recordings/make_formats.py TOOL` with the Python
of an environment that has the tool. Each recording `NAME` comes with `NAME.seen`: what the client sent and received, in
order, as JSON lines of path, status and both bodies (base64, content encoding undone).

    vcrpy         pip install vcrpy requests brotli
    mitmproxy     pip install mitmproxy
    chromium      npm install playwright-core (in the folder that NODE_PATH names), and Chromium at CHROMIUM
    schemathesis  pip install schemathesis; a document from `chatcontract spec export` at SPEC
    batch         nothing: the form is OpenAI's, the answers are the reference server's
"""

import base64
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "formats"
SERVER = "http://127.0.0.1:8799"
CHAT = "/v1/chat/completions"
KEY = "sk-none-0123456789"
ASKED: list[dict[str, Any]] = [
    {"model": "reference-1", "messages": [{"role": "user", "content": "Größe? ✓ 𝄞"}]},
    {"model": "reference-1", "messages": [{"role": "user", "content": "Hi"}], "stream": True,
     "max_completion_tokens": 6, "stream_options": {"include_usage": True}},
    {"model": "reference-1", "messages": []},
]  # fmt: skip
Seen = list[dict[str, Any]]


def seen(body: bytes, status: int, answer: bytes, path: str = CHAT) -> dict[str, Any]:
    """One exchange as the client saw it."""
    coded = (base64.b64encode(data).decode() for data in (body, answer))
    return {"path": path, "status": status, **dict(zip(("sent", "received"), coded, strict=True))}


def write(name: str, exchanges: Seen) -> None:
    """Write what the client saw beside the recording."""
    lines = "".join(json.dumps(exchange) + "\n" for exchange in exchanges)
    (HERE / f"{name}.seen").write_text(lines, encoding="utf-8")


def asked(base: str, encoding: str = "identity") -> Seen:
    """Ask everything with the standard library."""
    return [_asked(base, json.dumps(body, ensure_ascii=False).encode(), encoding) for body in ASKED]


def _asked(base: str, body: bytes, encoding: str) -> dict[str, Any]:
    headers = {"content-type": "application/json", "accept-encoding": encoding, "authorization": f"Bearer {KEY}"}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(base + CHAT, body, headers))  # noqa: S310 - loopback
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return seen(body, answer.status, decoded(answer.read(), answer.headers.get("content-encoding", "")))


def encoded(data: bytes, encoding: str) -> bytes:
    """The bytes in a content encoding."""
    return _brotli().compress(data) if encoding == "br" else _ZIPPED[encoding][0](data)


def decoded(data: bytes, encoding: str) -> bytes:
    """The bytes without it."""
    if not encoding:
        return data
    return _brotli().decompress(data) if encoding == "br" else _ZIPPED[encoding][1](data)


_ZIPPED: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "gzip": (gzip.compress, gzip.decompress), "deflate": (zlib.compress, zlib.decompress)
}  # fmt: skip


def _brotli() -> Any:
    from importlib import import_module

    return import_module("brotli")


@contextmanager
def encoding_front() -> Iterator[str]:
    """A server before the reference server that answers in the content encoding that was asked for."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got = _asked(SERVER, body, "identity")
            wanted = self.headers["accept-encoding"]
            data = encoded(base64.b64decode(got["received"]), wanted)
            self.send_response(got["status"])
            is_stream = got["status"] == 200 and b'"stream": true' in body
            self.send_header("content-type", "text/event-stream" if is_stream else "application/json")
            self.send_header("content-encoding", wanted)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 8797), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "http://127.0.0.1:8797"
        server.shutdown()


def vcrpy() -> None:
    """Cassettes in YAML and JSON, in plain and in every content encoding."""
    import vcr

    for kind in ("yaml", "json"):
        path = HERE / f"vcrpy.{kind}"
        with vcr.use_cassette(_new(path), serializer=kind, filter_headers=["authorization"]):
            write(path.name, _with_requests(SERVER, "identity"))
    with encoding_front() as front:
        for encoding in ("gzip", "deflate", "br"):
            path = HERE / f"vcrpy-{encoding}.yaml"
            with vcr.use_cassette(_new(path), before_record_request=_of_front):
                write(path.name, _with_requests(front, encoding))


def _of_front(request: Any) -> Any:
    return request if request.port == 8797 else None


def _with_requests(base: str, encoding: str) -> Seen:
    import requests

    headers = {"content-type": "application/json", "accept-encoding": encoding}
    requests.get(f"{SERVER}/v1/models", headers=headers, timeout=10)
    made = []
    for body in ASKED:
        data = json.dumps(body, ensure_ascii=False).encode()
        answer = requests.post(base + CHAT, data=data, headers=headers, timeout=10, stream="stream" in body)
        made.append(seen(data, answer.status_code, answer.content))
    return made


def _new(path: Path) -> str:
    path.unlink(missing_ok=True)
    return str(path)


def mitmproxy() -> None:
    """A flow file and the HAR that mitmproxy makes of it."""
    flows, har = HERE / "mitmproxy.flows", HERE / "mitmproxy.har"
    _new(flows)
    with encoding_front() as front:
        _dump([f"--mode=reverse:{front}", "-w", str(flows)], lambda base: write(flows.name, asked(base, "gzip")))
    subprocess.run([_beside("mitmdump"), "-nr", str(flows), "--set", f"hardump={har}"], check=True)
    shutil.copy(HERE / "mitmproxy.flows.seen", HERE / "mitmproxy.har.seen")


def _dump(arguments: list[str], use: Callable[[str], object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [_beside("mitmdump"), "-p", "8798", "--listen-host=127.0.0.1", f"--set=confdir={folder}", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            while "listening" not in (process.stdout.readline() if process.stdout else ""):
                pass
            use("http://127.0.0.1:8798")
        finally:
            process.terminate()
            process.communicate()


def _beside(program: str) -> str:
    return str(Path(sys.executable).parent / program)


_BROWSER = """
const { chromium } = require('playwright-core');
(async () => {
  const [server, path, har, bodies] = process.argv.slice(2);
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
                '--disable-component-update', '--disable-sync'];
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args });
  const context = await browser.newContext({ recordHar: { path: har, content: 'embed' } });
  const page = await context.newPage();
  await page.goto(server + '/v1/models');
  const seen = await page.evaluate(async ([path, bodies]) => {
    const made = [];
    for (const body of bodies) {
      const answer = await fetch(path, { method: 'POST', body, headers: {
        'content-type': 'application/json', authorization: 'Bearer sk-none-0123456789' } });
      made.push([body, answer.status, await answer.text()]);
    }
    return made;
  }, [path, JSON.parse(bodies)]);
  await context.close();
  await browser.close();
  console.log(JSON.stringify(seen));
})();
"""


def chromium() -> None:
    """The HAR that Playwright writes of a page in headless Chromium."""
    har = HERE / "chromium.har"
    bodies = json.dumps([json.dumps(body, ensure_ascii=False) for body in ASKED])
    command = ["node", "-e", _BROWSER, "-", SERVER, CHAT, str(har), bodies]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    write(har.name, [seen(body.encode(), status, text.encode()) for body, status, text in json.loads(told)])
    har.write_text(har.read_text(encoding="utf-8").replace("sk-none-0123456789", "[Filtered]"), encoding="utf-8")


def schemathesis() -> None:
    """The three reports of one run, which tell the same exchanges."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.environ["SPEC"], Path(folder, "openapi.json"))
        command = [
            _beside("schemathesis"), "run", "openapi.json", "--url", f"{SERVER}/v1", "-n", "2", "--seed", "1",
            "--phases", "examples,fuzzing", "--report", "vcr,har,ndjson", "--report-dir", "reports",
        ]  # fmt: skip
        subprocess.run(command, cwd=folder, check=False)
        for found in Path(folder, "reports").iterdir():
            kind = found.name.partition("-")[0]
            shutil.copy(found, HERE / f"schemathesis.{ {'vcr': 'yaml'}.get(kind, kind) }")


def batch() -> None:
    """An input file and its output file, in another order, with an error and another endpoint."""
    exchanges = [one for one, body in zip(asked(SERVER), ASKED, strict=True) if "stream" not in body]
    lines, answers = [], []
    for number, one in enumerate(exchanges):
        body, answer = (json.loads(base64.b64decode(one[name])) for name in ("sent", "received"))
        lines.append({"custom_id": f"request-{number}", "method": "POST", "url": CHAT, "body": body})
        response = {"status_code": one["status"], "request_id": f"req_{number}", "body": answer}
        about = {"id": f"batch_req_{number}", "custom_id": f"request-{number}"}
        answers.append({**about, "response": response, "error": None})
    embedding = {"model": "m", "input": "x"}
    lines.append({"custom_id": "embedding", "method": "POST", "url": "/v1/embeddings", "body": embedding})
    lines.append({"custom_id": "late", "method": "POST", "url": CHAT, "body": ASKED[0]})
    expired = {"code": "batch_expired", "message": "This request could not be executed in time."}
    answers.append({"id": "batch_req_late", "custom_id": "late", "response": None, "error": expired})
    for name, made in (("batch-input.jsonl", lines), ("batch-output.jsonl", answers[::-1])):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in made)
        (HERE / name).write_text(text, encoding="utf-8")
    write("batch-output.jsonl", exchanges)


TOOLS = {made.__name__: made for made in (vcrpy, mitmproxy, chromium, schemathesis, batch)}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in TOOLS:
        sys.exit(f"usage: make_formats.py {'|'.join(TOOLS)}")
    HERE.mkdir(exist_ok=True)
    TOOLS[sys.argv[1]]()
