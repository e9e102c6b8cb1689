"""What the client costs beside a bare httpx POST of the same bytes.

    python bench.py --url http://localhost:8080

Prints the CPU time of a 64 x 1000 draw in binary tensors, and the rate of small draws in a loop, of the client and of
`httpx.Client.post` with the body made in advance and the reply not read further than its bytes. The two take turns, so
that a machine that is busy with something else slows both. With --check the exit code is 1 where the client takes more
than twice the CPU, or reaches less than 80 % of the rate.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import httpx
import numpy as np

from gumbel_sampler import Client
from gumbel_sampler._rows import rows_of
from gumbel_sampler._wire import inference

OUTPUTS = ("samples", "indices")


def bare_post(url: str, logits: np.ndarray) -> Callable[[], bytes]:
    """The same bytes as the client sends, without the client."""
    rows = rows_of(logits, 0.5, False, 42, None, -1, {})
    everything = slice(0, rows.count)
    request = inference("gumbel_softmax", rows.scalars(everything), rows.tensors(everything), OUTPUTS)
    http = httpx.Client()
    address = url + request.path

    def post() -> bytes:
        return http.post(address, content=request.content, headers=request.headers).content

    return post


def measure(call: Callable[[], object], calls: int) -> tuple[float, float]:
    """CPU seconds of this process and wall seconds, of one call."""
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - cpu) / calls, (time.perf_counter() - start) / calls


def compare(url: str, shape: tuple[int, int], rounds: int, calls: int) -> tuple[float, float]:
    """Medians over the rounds: CPU of the client by that of the bare POST, and the same of their rates."""
    logits = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    client, bare = Client(url), bare_post(url, logits)

    def draw() -> object:
        return client.sample(logits, temperature=0.5, seed=42, outputs=OUTPUTS)

    measure(draw, 3 * calls), measure(bare, 3 * calls)
    pairs = [(measure(draw, calls), measure(bare, calls)) for _ in range(rounds)]
    own = [statistics.median(one[0][i] for one in pairs) for i in (0, 1)]
    other = [statistics.median(one[1][i] for one in pairs) for i in (0, 1)]
    cpu = statistics.median(a[0] / b[0] for a, b in pairs)
    rate = statistics.median(b[1] / a[1] for a, b in pairs)
    print(
        f"{shape[0]} x {shape[1]}: client {1e6 * own[0]:.0f} us of CPU, {1 / own[1]:.0f} draws a second; "
        f"bare POST {1e6 * other[0]:.0f} us, {1 / other[1]:.0f} a second; CPU x {cpu:.2f}, rate x {rate:.2f}"
    )
    return cpu, rate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://localhost:8080", help="the service")
    parser.add_argument("--rounds", type=int, default=60, help="turns of each, 60 unless told")
    parser.add_argument("--check", action="store_true", help="fail where the client costs too much")
    arguments = parser.parse_args()
    large_cpu, _ = compare(arguments.url, (64, 1000), arguments.rounds, calls=10)
    _, small_rate = compare(arguments.url, (1, 10), arguments.rounds, calls=40)
    return 1 if arguments.check and (large_cpu > 2 or small_rate < 0.8) else 0


if __name__ == "__main__":
    sys.exit(main())
