"""What a page sees in a real browser: served here, it posts what it has found to /found."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import threading
from typing import Any

from chromium_flags import FLAGS

# By browser: how it is started without a window, in a profile of its own
OPTIONS = {
    "chromium": (*FLAGS, "--user-data-dir={profile}"),
    "firefox-esr": ("--headless", "--no-remote", "--profile", "{profile}"),
}


class Server(http.server.ThreadingHTTPServer):
    """Serves one page, and takes what it tells."""

    def __init__(self, page: str, headers: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.page, self.headers = page, headers
        self.found: Any = None
        self.told = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path != "/":
            return self.send_error(404)
        self._answer(self.server.page.encode())

    def do_POST(self) -> None:
        self.server.found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(b"")
        self.server.told.set()

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        headers = {"Content-Type": "text/html", "Content-Length": str(len(body))}
        for name, value in {**headers, **self.server.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def look(browser: str, page: str, *options: str, limit: float = 50, **headers: str) -> Any:
    """Open a page in a browser, and return what it has found within `limit` seconds.

    Headers of the page are given with underscores: `Content_Security_Policy="..."`.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    server = Server(page, named)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    profile = f"{os.environ['WORK']}/{browser}"
    os.mkdir(profile)
    started = subprocess.Popen(
        [
            shutil.which(browser),
            *(option.format(profile=profile) for option in OPTIONS[browser]),
            *options,
            f"http://127.0.0.1:{server.server_port}/",
        ],
        env={**os.environ, "HOME": os.environ["WORK"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert server.told.wait(limit), f"the page has told nothing in {browser}"
    finally:
        started.terminate()
        started.wait()
    return server.found
