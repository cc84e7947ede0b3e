"""The proxy's configuration, in a real nginx: TLS, and what it passes on."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.docs.papers import ROOT
from tests.peers.certificates import Authority
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.programs import program, run, stop

pytestmark = pytest.mark.system
CONFIGURATION = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text("utf-8")


class Feed(BaseHTTPRequestHandler):
    """Answers with what it was asked, and sends an event before the next one has happened."""

    protocol_version = "HTTP/1.1"
    events = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._piece(str(sorted(self.headers.items())))
        if self.path == "/api/v1/events":
            self.events.wait(10)
        self._piece("")

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        left = length
        while left:
            left -= len(self.rfile.read(min(left, 65536)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(str(length))))
        self.end_headers()
        self.wfile.write(str(length).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _piece(self, text: str) -> None:
        self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())


@contextmanager
def running_feed() -> Iterator[int]:
    server = ThreadingHTTPServer((LOOPBACK, 0), Feed)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        Feed.events.set()
        server.shutdown()
        server.server_close()


def in_a_folder(folder: Path, authority: Authority, *, port: int = 8443, feed: int = 8080) -> Path:
    """Write the configuration as it is shipped, with the paths, ports and names of a container replaced."""
    own = authority.issue("proxy")
    text = CONFIGURATION
    for shipped, here in (
        ("/tmp/", f"{folder}/"),  # noqa: S108 - the container's
        ("/run/secrets/https_certificate", str(own.certificate)),
        ("/run/secrets/https_key", str(own.key)),
        ("listen 8443", f"listen {LOOPBACK}:{port}"),
        ("http://api:8080", f"http://{LOOPBACK}:{feed}"),
    ):
        assert shipped in text, shipped
        text = text.replace(shipped, here)
    file = folder / "nginx.conf"
    file.write_text(text, "utf-8")
    return file


def test_nginx_accepts_the_configuration_and_would_not_accept_a_spoilt_one(tmp_path: Path) -> None:
    file = in_a_folder(tmp_path, Authority(tmp_path, "hospital"))
    done = run(["nginx", "-t", "-c", file])
    assert (done.returncode, "successful" in done.stderr, "warn" in done.stderr) == (0, True, False), done.stderr
    file.write_text(file.read_text("utf-8").replace("proxy_buffering", "proxy_bufering"), "utf-8")
    assert "unknown directive" in run(["nginx", "-t", "-c", file]).stderr


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[httpx.Client]:
    authority, port = Authority(tmp_path, "hospital"), free_port()
    with running_feed() as feed:
        file = in_a_folder(tmp_path, authority, port=port, feed=feed)
        nginx = subprocess.Popen([program("nginx"), "-g", "daemon off;", "-c", str(file)])
        context = ssl.create_default_context(cafile=str(authority.certificate))
        try:
            with httpx.Client(base_url=f"https://localhost:{port}", verify=context, trust_env=False) as client:
                deadline = time.monotonic() + 20
                while True:
                    try:
                        client.get("/healthz")
                        break
                    except httpx.ConnectError:
                        assert nginx.poll() is None
                        assert time.monotonic() < deadline
                        time.sleep(0.05)
                yield client
        finally:
            stop(nginx)


def test_over_tls_the_feed_hears_the_host_and_the_real_address_of_the_client(proxy: httpx.Client) -> None:
    answer = proxy.get("/api/v1/studies", headers={"X-Forwarded-For": "203.0.113.9", "Host": "reports.hospital"})
    assert "('Host', 'reports.hospital')" in answer.text
    assert "('X-Forwarded-For', '127.0.0.1')" in answer.text
    assert "203.0.113.9" not in answer.text
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "nginx/" not in answer.headers["Server"]


def test_figures_for_prometheus_are_not_shown_outside(proxy: httpx.Client) -> None:
    assert proxy.get("/metrics").status_code == 404


def test_an_event_arrives_before_the_next_one_and_an_upload_of_any_size_goes_through(proxy: httpx.Client) -> None:
    Feed.events.clear()
    with proxy.stream("GET", "/api/v1/events") as answer:
        assert "Host" in next(answer.iter_text())  # the feed waits meanwhile
        Feed.events.set()
    size = 20 * 2**20
    assert proxy.post("/dicom-web/studies", content=bytes(size)).text == str(size)
