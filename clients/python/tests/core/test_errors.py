"""Errors of the service as exceptions, and when a request is sent again."""

import json
import pickle
import time

import httpx
import numpy as np
import pytest
from conftest import Service, free_port
from stub import Stub, forward_to

from gumbel_sampler import Client, GumbelSamplerError, Limits, ServiceError, Unreachable


def test_code_pointers_and_remedy(client: Client):
    with pytest.raises(ServiceError) as refused:
        client.sample([1, 2], temperature=0.0, seed=1)
    error = refused.value
    assert (error.status, error.code) == (422, "temperature-out-of-range")
    assert error.errors[0].pointer == "/parameters/temperature"
    assert "1e-6 to 1e6" in error.errors[0].message
    assert error.remedy is not None and "hard: true" in error.remedy
    assert error.request_id
    assert error.part is None
    assert str(error).startswith("422 temperature-out-of-range: /parameters/temperature must be")
    assert isinstance(error, GumbelSamplerError)


def test_an_error_of_log_prob_names_the_tensor_and_the_place(client: Client):
    with pytest.raises(ServiceError) as refused:
        client.log_prob([1, 2], [0, 1], temperature=0.5)
    assert refused.value.code == "zero-sample"
    assert refused.value.errors[0].pointer == "/inputs/1"
    assert refused.value.errors[0].message.startswith("at row 0, column 0: ")


def test_an_error_can_be_pickled(client: Client):
    with pytest.raises(ServiceError) as refused:
        client.sample([1, np.nan], seed=1)
    copy = pickle.loads(pickle.dumps(refused.value))
    assert str(copy) == str(refused.value) and copy.errors == refused.value.errors


def test_an_error_of_a_part_says_which(client: Client):
    logits = np.zeros((10, 3))
    logits[7, 1] = np.nan
    with Client(client.url, limits=Limits(rows=4)) as small, pytest.raises(ServiceError) as refused:
        small.sample(logits, seed=1)
    assert refused.value.part == "rows 4 to 7"
    assert "row 3, column 1" in str(refused.value) and "rows 4 to 7" in str(refused.value)


def test_a_proxy_that_answers_with_html(client: Client):
    with (
        Stub(lambda *_: (502, {"content-type": "text/html"}, b"<h1>Bad gateway</h1>")) as proxy,
        Client(proxy.url) as c,
    ):
        with pytest.raises(ServiceError) as refused:
            c.sample([1, 2])
    assert (refused.value.status, refused.value.code, refused.value.remedy) == (502, "unknown", None)


def test_503_is_sent_again_after_retry_after(client: Client, monkeypatch):
    """The pause is at least what Retry-After says; time.sleep is a parameter of the test."""
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    forward, busy = forward_to(client.url), [3, 1]
    body = json.dumps({"error": "overloaded: wait", "code": "overloaded"}).encode()

    def answer(*request):
        return (503, {"retry-after": str(busy.pop(0))}, body) if busy else forward(*request)

    with Stub(answer) as stub, Client(stub.url) as c:
        draw = c.sample([1, 2, 3])
    assert 3 <= pauses[0] <= 3.75 and 1 <= pauses[1] <= 1.25 and len(pauses) == 2
    sent = [body for _, path, _, body in stub.requests]
    assert len(sent) == 3 and len(set(sent)) == 1, "the very same request, seed and all"
    assert (draw.samples == client.sample([1, 2, 3], seed=draw.seed).samples).all()


def test_503_beyond_retry_seconds_is_raised(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)
    body = json.dumps({"error": "draining: bye", "code": "draining"}).encode()
    with Stub(lambda *_: (503, {"retry-after": "5"}, body)) as stub, Client(stub.url, retry_seconds=2) as c:
        with pytest.raises(ServiceError) as refused:
            c.sample([1, 2, 3])
    assert refused.value.code == "draining" and refused.value.retry_after == 5


def test_other_errors_are_not_sent_again(client: Client):
    with Stub(forward_to(client.url)) as stub, Client(stub.url) as c, pytest.raises(ServiceError):
        c.sample([1, 2], temperature=0.0)
    assert [path for _, path, _, _ in stub.requests] == [
        "/v2/models/gumbel_softmax/infer",
        "/problems/temperature-out-of-range",
    ]


def test_a_connection_that_is_lost_is_no_lost_draw(client: Client):
    forward, lost = forward_to(client.url), [None, None]

    def answer(*request):
        return lost.pop() if lost else forward(*request)

    with Stub(answer) as stub, Client(stub.url) as c:
        draw = c.sample([1, 2, 3])
    assert len({body for _, _, _, body in stub.requests}) == 1 and len(stub.requests) == 3
    client.verify(draw)


def test_nobody_listens():
    with Client(f"http://127.0.0.1:{free_port()}", retry_seconds=0.2) as c, pytest.raises(Unreachable) as failed:
        c.sample([1, 2])
    assert isinstance(failed.value.__cause__, httpx.ConnectError)


def test_a_reply_that_is_too_slow_is_not_asked_for_again(client: Client):
    forward = forward_to(client.url)

    def answer(*request):
        time.sleep(5)
        return forward(*request)

    with Stub(answer) as stub, Client(stub.url, timeout=2) as c, pytest.raises(Unreachable):
        c.sample([1, 2])
    assert len(stub.requests) == 1


def test_a_killed_service_that_comes_back():
    """Draws go on across a kill and a restart, and are those of an undisturbed run."""
    running = Service().start()
    try:
        with Client(running.url) as c:
            before = [c.sample(np.arange(5.0), seed=step).samples for step in range(4)]
            running.kill()
            running.start()
            after = [c.sample(np.arange(5.0), seed=step).samples for step in range(4)]
        assert all(a.tobytes() == b.tobytes() for a, b in zip(before, after))
    finally:
        running.stop()


@pytest.fixture(scope="module")
def strict():
    """Limits far below those that the client expects."""
    running = Service(
        ROWS_MAX="16",
        SAMPLES_MAX="8",
        BINARY_ELEMENTS_RETURNED_MAX="200",
        JSON_BODY_BYTES_MAX="4096",
        BINARY_BODY_BYTES_MAX="4096",
    ).start()
    yield running
    running.stop()


@pytest.mark.parametrize("shape", [(100, 4), (3, 50), (1, 20)])
@pytest.mark.parametrize("num_samples", [None, 30])
def test_a_service_with_lower_limits_gets_smaller_requests(client: Client, strict, shape, num_samples):
    logits = np.random.default_rng(0).normal(size=shape)
    fields = {"seed": 3, "num_samples": num_samples, "outputs": ("samples", "indices")}
    with Client(strict.url) as c:
        parts = c.sample(logits, **fields)
    whole = client.sample(logits, **fields)
    assert parts.samples.tobytes() == whole.samples.tobytes() and parts.samples.shape == whole.samples.shape
    assert parts.indices.tobytes() == whole.indices.tobytes()


def test_what_no_split_makes_small_enough_is_refused(strict):
    with Client(strict.url) as c, pytest.raises(ServiceError) as refused:
        c.sample(np.zeros((2, 300)))
    assert refused.value.status == 413


def test_key_and_deadline_are_sent(client: Client):
    with Stub(forward_to(client.url)) as stub, Client(stub.url, "secret", deadline_ms=250) as c:
        c.sample([1, 2])
    headers = stub.requests[0][2]
    assert headers["authorization"] == "Bearer secret" and headers["x-deadline-ms"] == "250"


def test_a_connection_is_used_again(service: Service):
    with Client(service.url) as c:
        for _ in range(5):
            c.sample([1, 2])
        metrics = httpx.get(f"{service.url}/metrics").text
        pool = c._http._transport._pool
        assert len(pool.connections) == 1
    assert "gumbel" in metrics
