"""A server of canned replies, for what the real service does only under stress; or a proxy that records requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

Canned = tuple[int, dict[str, str], bytes]


class Stub:
    """Passes each request to `answer(method, path, headers, body)`; None closes the connection without a reply."""

    def __init__(self, answer: Callable[[str, str, dict[str, str], bytes], Canned | None]) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                stub.requests.append((self.command, self.path, headers, body))
                canned = answer(self.command, self.path, headers, body)
                if canned is None:
                    self.close_connection = True
                    return
                status, extra, content = canned
                self.send_response(status)
                for name, value in {**extra, "content-length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = handle_request

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Stub:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def forward_to(url):
    """Answers as the service at `url` does."""

    def forward(method, path, headers, body):
        passed = {name: value for name, value in headers.items() if name not in ("host", "content-length")}
        reply = httpx.request(method, url + path, content=body, headers=passed)
        kept = ("content-type", "inference-header-content-length", "retry-after")
        return reply.status_code, {name: reply.headers[name] for name in kept if name in reply.headers}, reply.content

    return forward
