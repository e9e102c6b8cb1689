"""The real service, built by `npm run build` in the root of the repository, on a free port of the loopback address."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stub import Stub, forward_to

from gumbel_sampler import Client

ROOT = Path(os.environ.get("GUMBEL_SAMPLER_ROOT", Path(__file__).parents[3]))
ENTRY = ROOT / "dist" / "src" / "server.js"


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class Service:
    """A process of the service that can be killed and started again on the same port."""

    def __init__(self, **environment: str) -> None:
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self.url = ""

    def start(self) -> Service:
        environment = {"HOST": "127.0.0.1", "PROCESSES": "1", "WORKERS": "1", "LOG_LEVEL": "info", **self._environment}
        self._process = subprocess.Popen(
            ["node", str(ENTRY)],
            env={**os.environ, **environment, "PORT": str(self._port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        seen = []
        for line in self._process.stdout:
            seen.append(line)
            message = json.loads(line).get("msg", "") if line.startswith("{") else ""
            if "serving at " in message:
                self.url = message.split("serving at ")[1].split()[0]
                self._port = int(self.url.rsplit(":", 1)[1])
                return self
        raise RuntimeError(f"the service ended: {''.join(seen)}")

    def kill(self) -> None:
        """Ends it at once, as a lost machine would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    running = Service().start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def client(service: Service) -> Iterator[Client]:
    with Client(service.url) as made:
        yield made


@pytest.fixture
def recorded(service: Service) -> Iterator[Stub]:
    """A proxy in front of the service that records requests: `recorded.url`, `recorded.requests`."""
    with Stub(forward_to(service.url)) as proxy:
        yield proxy
