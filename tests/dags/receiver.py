"""A server that keeps what alerts and lineage events send to it."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "hook-token-0123456789"


class Receiver:
    """Takes JSON by POST on loopback; `delay` seconds and `status` are its answer."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.paths: list[str] = []
        self.delay, self.status = 0.0, 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802 (http.server's name)
                receiver.paths.append(self.path)
                receiver.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                time.sleep(receiver.delay)
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"json://127.0.0.1:{self.port}/{TOKEN}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
