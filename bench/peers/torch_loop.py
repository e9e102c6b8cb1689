"""What one element costs with torch in process: no HTTP, no JSON, one thread, one call after another.

Nanoseconds per element of torch.nn.functional.gumbel_softmax, soft and hard, and of argmax(logits + Gumbel noise), which is
the least that draws an index. Logits and temperature are ready as tensors before the clock starts. Prints JSON, one entry a
shape and variant, with the least and the median of many runs; `npm run bench:kernel` starts it and shows it beside the
service's own kernel.
"""

import json
import statistics
import sys
import time

import torch

TEMPERATURE = 0.5
SECONDS_PER_CASE = 1.0
RUNS_MIN = 20
RUN_SECONDS_MIN = 0.001  # A run repeats the call until it takes this long: the clock and the loop then cost nothing.

torch.set_num_threads(1)
torch.set_grad_enabled(False)


def indices(logits):
    uniform = torch.rand_like(logits)
    return (logits - torch.log(-torch.log(uniform))).argmax(dim=-1)


VARIANTS = {
    "soft": lambda logits: torch.nn.functional.gumbel_softmax(logits, tau=TEMPERATURE),
    "hard": lambda logits: torch.nn.functional.gumbel_softmax(logits, tau=TEMPERATURE, hard=True),
    "indices": indices,
}


def seconds_of(work, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def measure(work):
    once = min(seconds_of(work, 1) for _ in range(5))
    repeats = max(1, int(RUN_SECONDS_MIN / once))
    seconds_of(work, repeats)
    runs = []
    end = time.perf_counter() + SECONDS_PER_CASE
    while len(runs) < RUNS_MIN or time.perf_counter() < end:
        runs.append(seconds_of(work, repeats))
    return runs


def main(shapes):
    figures = []
    for shape in shapes:
        rows, categories = map(int, shape.split("x"))
        logits = 2 * torch.randn(rows, categories)
        for wanted, draw in VARIANTS.items():
            runs = [seconds * 1e9 / (rows * categories) for seconds in measure(lambda: draw(logits))]
            figures.append({"shape": shape, "wanted": wanted, "least": min(runs), "median": statistics.median(runs)})
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1:] or ["1x10", "64x10", "64x1000", "1024x64", "32x50257"])
