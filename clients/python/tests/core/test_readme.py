"""The Python of the README runs as it stands, against the real service; that of torch and JAX in their own suites."""

import re
from pathlib import Path

import gumbel_sampler
from gumbel_sampler import Client

README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks():
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_numpy_examples(client: Client):
    names: dict[str, object] = {}
    ran = 0
    for block in blocks():
        if "import torch" in block or "jax." in block or "gumbel_softmax(" in block:
            continue
        exec(block.replace("http://localhost:8080", client.url), names)
        ran += 1
    names["client"].close()
    assert ran == 3
    assert names["z"].argmax(-1)[0] == client.sample([1, 0.5, -1], seed=42).indices


def test_the_table_of_versions_has_this_one():
    version = gumbel_sampler.__version__.rsplit(".", 1)[0]
    assert f"| {version} | {version} | `{gumbel_sampler.noise.NOISE_VERSION}` |" in README


def test_the_service_is_of_a_version_in_the_table(client: Client):
    server = client.server()
    assert server["version"].startswith("0.")
    assert server["parameters"]["noise_version"] == gumbel_sampler.noise.NOISE_VERSION
