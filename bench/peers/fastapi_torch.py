"""The service a user would otherwise write: FastAPI and torch.nn.functional.gumbel_softmax, one process.

Takes and gives the JSON of POST /sample as far as the benchmark needs it: logits [B][K], temperature, hard, seed, return.
Written to be fast where its users would make it fast, so that the comparison is with its best:

- `async def`, on the event loop: a `def` endpoint would go through a thread pool, which costs more than a small draw takes,
  and torch's global generator, the only one that gumbel_softmax draws from, must not be seeded by two requests at once.
- One torch thread: draws of these sizes take less time than waking threads up does, and the HTTP side needs the core.
- The reply goes to orjson as numpy arrays, which prints float32 several times faster than FastAPI's own encoder or json.

Start: uvicorn fastapi_torch:app --host 127.0.0.1 --port 8000 --no-access-log
"""

from typing import Literal

import orjson
import torch
from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field

torch.set_num_threads(1)
torch.set_grad_enabled(False)

app = FastAPI()


class SampleRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    logits: list[list[float]] = Field(min_length=1)
    temperature: float = Field(default=1.0, ge=1e-6, le=1e6)
    hard: bool = False
    seed: int = Field(ge=0, lt=2**53)
    # `return` is a keyword of Python.
    outputs: list[Literal["samples", "indices"]] = Field(default=["samples", "indices"], alias="return", min_length=1)


@app.post("/sample")
async def sample(request: SampleRequest) -> Response:
    torch.manual_seed(request.seed)
    logits = torch.tensor(request.logits, dtype=torch.float32)
    samples = torch.nn.functional.gumbel_softmax(logits, tau=request.temperature, hard=request.hard)
    reply = {"seed": request.seed, "temperature": request.temperature, "hard": request.hard}
    if "samples" in request.outputs:
        reply["samples"] = samples.numpy()
    if "indices" in request.outputs:
        reply["indices"] = samples.argmax(dim=-1).numpy()
    return Response(orjson.dumps(reply, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
