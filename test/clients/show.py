"""Lets the official clients ask a service for all of exchanges.py, and compares their answers with POST /sample.

    python show.py URL                    one client of each kind for all exchanges
    python show.py URL --through ADDRESS  a client for each exchange, through a proxy that writes down what it sends

Prints a line of JSON for each thing shown: what, by which client, how, and what is wrong with it, null if nothing is;
through a proxy also what the exchange must equal. The first line names the clients, the last counts the things.
"""

import argparse
import asyncio
import json
import platform
import urllib.error
import urllib.request
from dataclasses import replace

import numpy as np

from exchanges import DRAWS, QUESTIONS, REFUSALS, Exchange, Question, Refusal
from official_clients import Answer, Refused, TritonAio, TritonAsync, clients

kinds = {"indices": np.int64, "top_indices": np.int64, "log_prob": np.float64}


class Wrong(Exception):
    """What a client got is not what it should be."""


def check(holds, text):
    if not holds:
        raise Wrong(text)


def fetch(url, body=None):
    """GETs, or POSTs a body as JSON, without any client."""
    data = None if body is None else json.dumps(body, allow_nan=False).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        raise Wrong(f"{url} says {error.read().decode()}") from None


def tensor(name, value):
    """An output of /sample as a tensor: null is -infinity, and the gradient of one temperature a tensor of one."""
    # Python reads decimals as float64; the shortest decimals of a float32 round from there to that float32.
    array = np.array(value, dtype=np.float64)
    if name == "grad_temperature":
        array = np.atleast_1d(array)
    array[np.isnan(array)] = -np.inf
    return array.astype(kinds.get(name, np.float32))


def outputs_of(exchange: Exchange):
    """The names of the outputs of the reply, in order."""
    return [name for name, _ in exchange.outputs or []] or list(exchange.defaults)


def bodies_of(exchange: Exchange):
    """The bodies of the same draw, each asking for the same outputs; top_indices come with top_k."""
    names = [name for name in outputs_of(exchange) if name != "top_indices"]
    return [{**body, "return": names} if exchange.path == "/sample" else body for body in exchange.bodies]


def compare(url, exchange: Exchange, answer: Answer):
    """Whether an answer is what POST /sample or /sample/vjp replies, bit for bit, and says which draw it was."""
    names = outputs_of(exchange)
    check(list(answer.outputs) == names, f"has the outputs {list(answer.outputs)}, not {names}")
    drawn = answer.parameters.get("seed")
    replies = [fetch(url + exchange.path, {"seed": drawn, **body}) for body in bodies_of(exchange)]
    for name in names:
        parts, got = [tensor(name, reply[name]) for reply in replies], answer.outputs[name]
        want = np.concatenate(parts) if len(parts) > 1 else parts[0]
        check(got.dtype == want.dtype, f"{name} is {got.dtype}, not {want.dtype}")
        check(got.shape == want.shape, f"{name} has the shape {got.shape}, not {want.shape}")
        check(got.tobytes() == want.tobytes(), f"{name} is {got.tolist()}, not {want.tolist()}")
    check(answer.id == exchange.id, f"id is {answer.id}")
    check(answer.model_name == exchange.model, f"model_name is {answer.model_name}")
    check(answer.model_version in ("1", None), f"model_version is {answer.model_version}")
    # One seed comes back as decimal digits; seeds of rows do not.
    seed = str(replies[0]["seed"]) if len(replies) == 1 else None
    check(drawn == seed, f"the seed is {drawn}, not {seed}")
    for name in ("noise_version", "provider"):
        check(answer.parameters[name] == replies[0][name], f"{name} is {answer.parameters[name]}")
    if answer.binary is not None:
        binary = {name for name, flag in exchange.outputs or [(name, True) for name in names] if flag}
        check(answer.binary == binary, f"{answer.binary} came in binary, not {binary}")


def compare_refusal(wanted: Refusal, refused: Refused):
    check(refused.status == wanted.status, f"the status is {refused.status}: {refused.text}")
    check(refused.text.startswith(f"{wanted.code}: "), f"the text is {refused.text}")
    check(wanted.text in refused.text, f"the text lacks {wanted.text!r}: {refused.text}")


async def infer(url, client, exchange: Exchange):
    try:
        answer = await client.infer(exchange)
    except Refused as refused:
        if exchange.refusal is None:
            raise Wrong(f"{refused.status}: {refused.text}") from None
        compare_refusal(exchange.refusal, refused)
        return f"refused, {refused.status}"
    check(exchange.refusal is None, "is not refused")
    compare(url, exchange, answer)
    return "same bits"


async def infer_at_once(url, client, exchange: Exchange):
    """Eight draws that wait for each other's replies in no order, each with a seed of its own."""
    exchanges = []
    for seed in range(8):
        bodies = [{**body, "seed": seed} for body in exchange.bodies]
        parameters = {**exchange.parameters, "seed": seed}
        exchanges.append(replace(exchange, id=f"draw-{seed}", bodies=bodies, parameters=parameters))
    for one, answer in zip(exchanges, await client.infer_all(exchanges), strict=True):
        compare(url, one, answer)
    return "same bits"


async def ask(url, client, question: Question):
    try:
        answer = await client.ask(question.method, *question.arguments)
    except Refused as refused:
        if not isinstance(question.answer, Refusal):
            raise Wrong(f"{refused.status}: {refused.text}") from None
        compare_refusal(question.answer, refused)
        return f"refused, {refused.status}"
    wanted = fetch(url + question.path) if question.answer is None else question.answer
    check(answer == wanted, f"the answer is {answer}, not {wanted}")
    return str(answer) if isinstance(answer, bool) else "as GET has it"


def must_equal(item):
    """What the reply to the recorded bytes must equal."""
    refusal = item.answer if isinstance(item, Question) else item.refusal
    if isinstance(refusal, Refusal):
        return {"status": refusal.status, "code": refusal.code}
    if refusal is False:
        return {"status": 404, "code": "unknown-model"}
    if isinstance(item, Question):
        return {"status": 200, "path": item.path}
    return {"status": 200, "path": item.path, "bodies": bodies_of(item), "outputs": outputs_of(item)}


def told(client, item, how, wrong=None, **more):
    what = item if isinstance(item, str) else item.what
    print(json.dumps({"what": what, "client": client.name, "how": how, "wrong": wrong, **more}), flush=True)


async def show(url, address, kind, client, item, way):
    """Shows one thing with a given client, or with one of its own through the proxy at `address`."""
    client = client or kind(address)
    recorded = {"version": kind.version, "equals": must_equal(item)} if address else {}
    try:
        told(kind, item, await way(url, client, item), **recorded)
    except Exception as error:  # A client that breaks is as wrong as a reply that differs.
        told(kind, item, "", f"{type(error).__name__}: {error}", **recorded)
    finally:
        if address:
            await client.close()


def ways(kind, recorded):
    """What to show with a client, and how."""
    items = [*((item, infer) for item in DRAWS + REFUSALS)]
    if kind is not TritonAsync:
        items = [*((item, ask) for item in QUESTIONS), *items]
    items = [(item, way) for item, way in items if kind.name.startswith(item.by)]
    if not recorded:
        return items
    items = [(item, way) for item, way in items if getattr(item, "recorded", True)]
    # The asyncio client sends the same bodies as the other, in its own headers: a few of each are enough.
    return items[:1] + items[len(QUESTIONS) : len(QUESTIONS) + 2] if kind is TritonAio else items


async def main(url, address):
    print(
        json.dumps({"python": platform.python_version(), "clients": {kind.name: kind.version for kind in clients}}),
        flush=True,
    )
    shown = 0
    for kind in clients:
        if address and kind is TritonAsync:
            continue
        client = None if address else kind(url)
        for item, way in ways(kind, bool(address)):
            await show(url, address, kind, client, item, way)
            shown += 1
        if client is None:
            continue
        if hasattr(client, "infer_all"):
            await show(url, None, kind, client, replace(DRAWS[0], what="eight draws at once"), infer_at_once)
            shown += 1
        await client.close()
    print(json.dumps({"shown": shown}))


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("url", help="the service")
    options.add_argument("--through", metavar="ADDRESS", help="a proxy in front of it, which the clients ask instead")
    arguments = options.parse_args()
    asyncio.run(main(arguments.url, arguments.through))
