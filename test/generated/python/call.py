"""Calls the service through the client that openapi-python-client generates."""

import sys

from gumbel_sampler_client import Client
from gumbel_sampler_client.api.open_inference_protocol import infer_gumbel_softmax
from gumbel_sampler_client.api.sampling import log_prob, sample, sample_vjp
from gumbel_sampler_client.models import (
    Datatype,
    ExponentialSchedule,
    ExponentialScheduleSchedule,
    InferParameters,
    InferRequest,
    LogProbRequest,
    Problem,
    SampleReply,
    SampleRequest,
    Tensor,
    VjpRequest,
)

client = Client(base_url=sys.argv[1])

exponential = ExponentialScheduleSchedule.EXPONENTIAL
schedule = ExponentialSchedule(schedule=exponential, initial=1, minimum=0.5, rate=1e-4, step=3000)
request = SampleRequest(logits=[[1, 0.5, -1], [0, None, 0]], temperature=schedule, seed="18446744073709551615")
reply = sample.sync(client=client, body=request)
assert isinstance(reply, SampleReply), reply
assert reply.seed == "18446744073709551615" and len(reply.samples) == 2, reply

refused = sample.sync(client=client, body=SampleRequest(logits=[1, 2], seed=-1))
assert isinstance(refused, Problem) and refused.type_ == "/problems/invalid-seed", refused

gradient = sample_vjp.sync(client=client, body=VjpRequest(logits=[1, 2], seed=42, cotangent=[1, 0]))
assert gradient.estimator == "straight_through", gradient

density = log_prob.sync(client=client, body=LogProbRequest(logits=[0, 0], samples=[0.5, 0.5]))
assert density.log_prob == 0, density

tensor = Tensor(name="logits", shape=[1, 3], datatype=Datatype.FP32, data=[1, 0.5, -1])
inferred = infer_gumbel_softmax.sync(client=client, body=InferRequest(inputs=[tensor], parameters=InferParameters(seed=42)))
assert inferred.outputs[1].datatype == Datatype.INT64, inferred
