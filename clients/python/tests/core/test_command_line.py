"""python -m gumbel_sampler."""

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import free_port

from gumbel_sampler import Client, __version__
from gumbel_sampler.__main__ import main


def run(*words):
    return subprocess.run([sys.executable, "-m", "gumbel_sampler", *words], capture_output=True, text=True)


def test_sample(client: Client):
    done = run("sample", "--logits", "1,0.5,-1", "--temperature", "0.5", "--seed", "42", "--url", client.url)
    assert done.returncode == 0, done.stderr
    # As the README of the service has them.
    assert json.loads(done.stdout) == {
        "samples": [0.21355721, 0.17710482, 0.609338],
        "indices": 2,
        "seed": 42,
        "noise_version": "philox4x32-10/1",
        "provider": "cpu",
    }


def test_rows_masks_and_samples(client: Client, capsys):
    words = ["sample", "--logits", "-1,2;0,null", "--hard", "--num-samples", "3", "--url", client.url]
    assert main(words) == 0
    reply = json.loads(capsys.readouterr().out)
    assert np.shape(reply["samples"]) == (3, 2, 2)
    assert all(row == [1, 0] for row in np.array(reply["samples"])[:, 1].tolist())


def test_the_environment_names_the_service(client: Client, capsys, monkeypatch):
    monkeypatch.setenv("GUMBEL_SAMPLER_URL", client.url)
    assert main(["sample", "--logits", "1,2", "--seed", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["seed"] == 1
    assert main(["check"]) == 0
    assert client.url in capsys.readouterr().out


def test_check(client: Client):
    done = run("check", client.url)
    assert done.returncode == 0, done.stderr
    assert "noise philox4x32-10/1\n" in done.stdout
    assert "verified with numpy: 64000 values of noise and 64 indices bit for bit" in done.stdout
    assert "provider cpu" in done.stdout and "latency of 64 x 1000" in done.stdout


def test_failures_have_exit_code_1(client: Client, capsys):
    assert main(["sample", "--logits", "1,2", "--temperature", "0", "--url", client.url]) == 1
    assert "temperature-out-of-range" in capsys.readouterr().err
    assert main(["check", f"http://127.0.0.1:{free_port()}"]) == 1
    assert "no reply" in capsys.readouterr().err


def test_wrong_words_have_exit_code_2():
    with pytest.raises(SystemExit) as wrong:
        main(["sample", "--logits", "a,b"])
    assert wrong.value.code == 2
    with pytest.raises(SystemExit):
        main(["sample", "--logits", "1,2;3"])


def test_the_version_is_that_of_the_wheel():
    from importlib.metadata import version

    assert version("gumbel-sampler-client") == __version__
