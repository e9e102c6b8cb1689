"""``python -m gumbel_sampler``: a draw from the command line, and a check of a service."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

import numpy as np

from .client import Client
from .errors import GumbelSamplerError
from .noise import NOISE_VERSION
from .seeds import random_seed

_DEFAULT_URL = "http://localhost:8080"
_CHECKED_ROWS, _CHECKED_CATEGORIES = 64, 1000
_LATENCY_DRAWS = 20


def _logits(text: str) -> list[list[float]]:
    """Rows separated by semicolons, numbers by commas; null masks a category."""
    try:
        return [[-np.inf if one.strip() == "null" else float(one) for one in row.split(",")] for row in text.split(";")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not numbers with commas between them, such as 1,0.5,-1"
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gumbel_sampler", description="Draws from a gumbel-sampler service."
    )
    url = os.environ.get("GUMBEL_SAMPLER_URL", _DEFAULT_URL)
    key = os.environ.get("GUMBEL_SAMPLER_API_KEY")
    parser.add_argument("--api-key", default=key, help="where the service asks for one; or GUMBEL_SAMPLER_API_KEY")
    commands = parser.add_subparsers(dest="command", required=True)
    sample = commands.add_parser("sample", help="draw, and print samples, indices and seed as JSON")
    sample.add_argument("--logits", type=_logits, required=True, help="1,0.5,-1; rows with ; between; null masks")
    sample.add_argument("--temperature", type=float, default=1.0, help="1 unless told")
    sample.add_argument("--seed", type=int, help="0 to 2^64 - 1; random unless told")
    sample.add_argument("--hard", action="store_true", help="one-hot samples")
    sample.add_argument("--num-samples", type=int, help="of each row")
    sample.add_argument("--url", default=url, help="%(default)s unless told; or GUMBEL_SAMPLER_URL")
    check = commands.add_parser("check", help="draw, replay and verify with numpy; print version, provider, latency")
    check.add_argument("url", nargs="?", default=url, help="%(default)s unless told; or GUMBEL_SAMPLER_URL")
    return parser


def _sample(client: Client, arguments: argparse.Namespace) -> None:
    if len({len(row) for row in arguments.logits}) > 1:
        raise SystemExit("--logits: rows must have the same number of categories; pad the shorter ones with null")
    logits: Any = arguments.logits if len(arguments.logits) > 1 else arguments.logits[0]
    draw = client.sample(
        logits,
        temperature=arguments.temperature,
        hard=arguments.hard,
        seed=arguments.seed,
        num_samples=arguments.num_samples,
    )
    # float32 as the shortest decimal that reads back to the same float32, as the service writes it.
    samples = np.array([float(str(x)) for x in draw.samples.ravel()]).reshape(draw.samples.shape).tolist()
    reply = {
        "samples": samples,
        "indices": draw.indices.tolist(),
        "seed": draw.seed,
        "noise_version": draw.noise_version,
        "provider": draw.provider,
    }
    print(json.dumps(reply))


def _check(client: Client) -> None:
    server = client.server()
    print(f"{server['name']} {server['version']} at {client.url}")
    own = "" if server["parameters"]["noise_version"] == NOISE_VERSION else f"; this client computes {NOISE_VERSION}"
    print(f"noise {server['parameters']['noise_version']}{own}")
    device = server["parameters"].get("device", "")
    print(f"provider {server['parameters']['provider']}{f' on {device}' if device else ''}")

    seed = random_seed()
    logits = 4 * np.random.default_rng(seed).standard_normal((_CHECKED_ROWS, _CHECKED_CATEGORIES)).astype(np.float32)
    fields: dict[str, Any] = {"temperature": 0.5, "seed": seed, "outputs": ("samples", "indices", "noise")}
    draw, again = client.sample(logits, **fields), client.sample(logits, **fields)
    same = all(draw.outputs[name].tobytes() == again.outputs[name].tobytes() for name in draw.outputs)
    if not same:
        raise GumbelSamplerError(f"the draw of seed {seed} is not replayed by it")
    print(f"replayed by seed {seed}: the same bits")
    verified = client.verify(draw)
    print(
        f"verified with numpy: {verified.values} values of noise and {_CHECKED_ROWS} indices bit for bit, "
        f"samples within {verified.soft_sample_error:.1e}"
    )

    for what, array in (("1 x 10", logits[0, :10]), (f"{_CHECKED_ROWS} x {_CHECKED_CATEGORIES}", logits)):
        times = []
        for _ in range(_LATENCY_DRAWS):
            start = time.perf_counter()
            client.sample(array)
            times.append(1000 * (time.perf_counter() - start))
        print(f"latency of {what}: median {np.median(times):.2f} ms, largest of {_LATENCY_DRAWS} {max(times):.2f} ms")


def _joined(words: list[str]) -> list[str]:
    """`--logits -1,2` with =, or argparse takes the numbers for an option."""
    if "--logits" in words[:-1]:
        at = words.index("--logits")
        return [*words[:at], f"--logits={words[at + 1]}", *words[at + 2 :]]
    return words


def main(words: list[str] | None = None) -> int:
    """Exit codes: 0 when all is right, 1 when not."""
    arguments = _parser().parse_args(_joined(sys.argv[1:] if words is None else words))
    try:
        with Client(arguments.url, arguments.api_key, retry_seconds=0) as client:
            if arguments.command == "sample":
                _sample(client, arguments)
            else:
                _check(client)
    except (GumbelSamplerError, ValueError) as error:
        print(f"{arguments.url}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
