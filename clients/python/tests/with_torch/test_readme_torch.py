"""The torch examples of the README run as they stand, against the real service."""

import re
from pathlib import Path

import numpy as np

README = (Path(__file__).parents[2] / "README.md").read_text()
SECTION = {"torch": "## PyTorch", "jax": "## JAX"}["torch"]


def test_the_examples(client):
    section = README.split(SECTION)[1].split("\n## ")[0]
    found = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names = {"client": client, "np": np}
    for block in found:
        exec(block, names)
    assert len(found) >= 1
