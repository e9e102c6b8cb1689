"""Draws in binary tensors through the Open Inference Protocol, with tritonclient, Triton Inference Server's client.

Needs tritonclient[http] and numpy. All tensors and parameters are in docs/open-inference-protocol.md.
"""

import argparse
import sys
from urllib.parse import urlsplit

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype


def tensor(name, values):
    """An input, in binary as the client has it by default."""
    made = InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
    made.set_data_from_numpy(values)
    return made


def draw_and_replay(client, logits):
    """No outputs by name: samples and indices, in binary. The service draws a seed, and the reply says which."""
    temperature = tensor("temperature", np.linspace(0.5, 2, len(logits), dtype=np.float32))
    drawn = client.infer("gumbel_softmax", [tensor("logits", logits), temperature])
    samples, indices = drawn.as_numpy("samples"), drawn.as_numpy("indices")
    print(f"samples {samples.shape} {samples.dtype}, indices {indices.shape} {indices.dtype}")

    seed = drawn.get_response()["parameters"]["seed"]
    again = client.infer("gumbel_softmax", [tensor("logits", logits), temperature], parameters={"seed": seed})
    print("replayed by its seed, bit for bit:", np.array_equal(samples, again.as_numpy("samples")))

    row = client.infer(
        "gumbel_softmax",
        [tensor("logits", logits[7:8])],
        outputs=[InferRequestedOutput("indices")],
        parameters={"seed": seed, "row_offset": 7},
    )
    print("row 7 alone, by its number:", row.as_numpy("indices")[0] == indices[7])


def count(client):
    """-infinity masks a category. Only indices are asked for, so nothing else is computed."""
    with np.errstate(divide="ignore"):
        logits = np.log(np.array([[0.7, 0.2, 0.1, 0]], dtype=np.float32))
    counted = client.infer(
        "gumbel_softmax",
        [tensor("logits", logits)],
        outputs=[InferRequestedOutput("indices")],
        parameters={"seed": 1, "num_samples": 100_000},
    )
    frequencies = np.bincount(counted.as_numpy("indices").ravel(), minlength=4) / 100_000
    print("frequencies for 0.7 0.2 0.1 0:", *np.round(frequencies, 2))


def differentiate(client):
    """Some outputs in binary, some in JSON; then the gradient of the same draw for the cotangent of its samples."""
    logits = tensor("logits", np.array([[1, 0.5, -1]], dtype=np.float16))
    draw = {"seed": "18446744073709551615", "temperature": 2.0, "hard": True}
    drawn = client.infer(
        "gumbel_softmax",
        [logits],
        outputs=[
            InferRequestedOutput("samples", binary_data=True),
            InferRequestedOutput("log_prob", binary_data=False),
        ],
        parameters=draw,
    )
    print(
        "hard sample:",
        *drawn.as_numpy("samples")[0],
        "log-density of the soft one: %.3f" % drawn.as_numpy("log_prob")[0],
    )
    cotangent = tensor("cotangent", np.array([[1, 0, 0]], dtype=np.float32))
    gradient = client.infer("gumbel_softmax_vjp", [logits, cotangent], parameters=draw)
    print("gradient of its first element:", *np.round(gradient.as_numpy("grad_logits")[0], 3))


def be_refused(client, logits):
    try:
        client.infer("gumbel_softmax", [tensor("logits", logits)], parameters={"temperature": 0.0})
    except InferenceServerException as error:
        print("refused:", error.status(), error.message())


def main(url):
    address = urlsplit(url)
    client = InferenceServerClient(address.netloc, ssl=address.scheme == "https")
    print("ready:", client.is_server_ready() and client.is_model_ready("gumbel_softmax"))
    logits = np.random.default_rng(0).normal(size=(64, 1000)).astype(np.float32)
    draw_and_replay(client, logits)
    count(client)
    differentiate(client)
    be_refused(client, logits)
    client.close()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", default="http://localhost:8080", help="the service")
    arguments = options.parse_args()
    try:
        main(arguments.url)
    except ConnectionError:
        sys.exit(f"No service answers at {arguments.url}. Start one with npm start, or name one with --url.")
