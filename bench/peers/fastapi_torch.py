"""The service a user would otherwise write: FastAPI and torch.nn.functional.gumbel_softmax, one process.

Takes and gives the JSON of POST /sample as far as the benchmark needs it: logits [B][K], temperature, hard, seed, return.
Two routes, so that the comparison hides nothing:

- POST /sample is written as FastAPI's documentation does: a pydantic model in, a pydantic model out.
- POST /tuned/sample is what a profile leads to: pydantic reads the bytes itself instead of the objects of `json.loads`, and
  orjson prints the numpy arrays, float32 as such, so no float ever becomes a Python object on the way out.

Both are `async def`, on the event loop: torch's global generator, the only one that gumbel_softmax draws from, must not be
seeded by two requests at once, as the thread pool of a `def` route would. One torch thread: a second gains next to nothing
even at 64x1000, since most of the time goes into drawing random numbers, and it takes the core that HTTP needs.

Start: uvicorn fastapi_torch:app --host 127.0.0.1 --port 8000 --no-access-log
"""

from typing import Literal

import orjson
import torch
from fastapi import FastAPI, Request, Response
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


class SampleReply(BaseModel):
    samples: list[list[float]] | None = None
    indices: list[int] | None = None
    seed: int
    temperature: float
    hard: bool


def draw(request: SampleRequest) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(request.seed)
    logits = torch.tensor(request.logits, dtype=torch.float32)
    samples = torch.nn.functional.gumbel_softmax(logits, tau=request.temperature, hard=request.hard)
    return samples, samples.argmax(dim=-1)


@app.post("/sample", response_model_exclude_none=True)
async def sample(request: SampleRequest) -> SampleReply:
    samples, indices = draw(request)
    return SampleReply(
        samples=samples.tolist() if "samples" in request.outputs else None,
        indices=indices.tolist() if "indices" in request.outputs else None,
        seed=request.seed,
        temperature=request.temperature,
        hard=request.hard,
    )


@app.post("/tuned/sample")
async def tuned_sample(http_request: Request) -> Response:
    request = SampleRequest.model_validate_json(await http_request.body())
    samples, indices = draw(request)
    reply = {"seed": request.seed, "temperature": request.temperature, "hard": request.hard}
    if "samples" in request.outputs:
        reply["samples"] = samples.numpy()
    if "indices" in request.outputs:
        reply["indices"] = indices.numpy()
    return Response(orjson.dumps(reply, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
