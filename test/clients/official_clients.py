"""The official clients, unchanged, each asked in its own words for an Exchange."""

import asyncio
from importlib.metadata import version
from typing import Any, NamedTuple

import httpx
import numpy as np
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from tritonclient.utils import InferenceServerException

from exchanges import Exchange


class Answer(NamedTuple):
    """What a client makes of a reply. Whatever it does not tell is None."""

    outputs: dict[str, np.ndarray]
    parameters: dict[str, Any]
    id: str
    model_name: str
    model_version: str | None
    # Names of the outputs that came in binary.
    binary: set[str] | None


class Refused(Exception):
    """The client raised its own error for a reply with this status and text."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status, self.text = status, text


def _triton_arguments(exchange: Exchange, module) -> dict[str, Any]:
    inputs = []
    for tensor in exchange.inputs:
        inputs.append(module.InferInput(tensor.name, list(tensor.values.shape), tensor.datatype))
        inputs[-1].set_data_from_numpy(tensor.values, binary_data=tensor.binary)
    outputs = exchange.outputs and [
        module.InferRequestedOutput(name, binary_data=flag) for name, flag in exchange.outputs
    ]
    return {
        "model_name": exchange.model,
        "inputs": inputs,
        "model_version": exchange.version,
        "outputs": outputs,
        "request_id": exchange.id,
        "parameters": exchange.parameters or None,
        **exchange.triton,
    }


def _triton_answer(result: triton.InferResult) -> Answer:
    head = result.get_response()
    outputs = {output["name"]: result.as_numpy(output["name"]) for output in head["outputs"]}
    binary = {output["name"] for output in head["outputs"] if "data" not in output}
    return Answer(outputs, head["parameters"], head["id"], head["model_name"], head["model_version"], binary)


def _triton_refused(error: InferenceServerException) -> Refused:
    return Refused(int(error.status()), error.message())


class Triton:
    """tritonclient.http.InferenceServerClient: infer."""

    name = "tritonclient.http"
    version = version("tritonclient")

    def __init__(self, url: str):
        self._client = triton.InferenceServerClient(url.removeprefix("http://"), concurrency=4)

    async def infer(self, exchange: Exchange) -> Answer:
        try:
            return _triton_answer(self._infer(exchange))
        except InferenceServerException as error:
            raise _triton_refused(error) from None

    def _infer(self, exchange: Exchange) -> triton.InferResult:
        return self._client.infer(**_triton_arguments(exchange, triton))

    async def ask(self, question: str, *arguments: str) -> Any:
        """Calls one of the client's methods that ask for something else than a draw."""
        try:
            return getattr(self._client, question)(*arguments)
        except InferenceServerException as error:
            raise _triton_refused(error) from None

    async def close(self):
        self._client.close()


class TritonAsync(Triton):
    """The same client: async_infer, whose requests wait in greenlets."""

    name = "tritonclient.http async_infer"

    def _infer(self, exchange: Exchange) -> triton.InferResult:
        return self._client.async_infer(**_triton_arguments(exchange, triton)).get_result()

    async def infer_all(self, exchanges: list[Exchange]) -> list[Answer]:
        waiting = [self._client.async_infer(**_triton_arguments(exchange, triton)) for exchange in exchanges]
        return [_triton_answer(one.get_result()) for one in waiting]


class TritonAio:
    """tritonclient.http.aio.InferenceServerClient."""

    name = "tritonclient.http.aio"
    version = version("tritonclient")

    def __init__(self, url: str):
        self._client = triton_aio.InferenceServerClient(url.removeprefix("http://"))

    async def infer(self, exchange: Exchange) -> Answer:
        try:
            return _triton_answer(await self._client.infer(**_triton_arguments(exchange, triton_aio)))
        except InferenceServerException as error:
            raise _triton_refused(error) from None

    async def infer_all(self, exchanges: list[Exchange]) -> list[Answer]:
        return await asyncio.gather(*map(self.infer, exchanges))

    async def ask(self, question: str, *arguments: str) -> Any:
        try:
            return await getattr(self._client, question)(*arguments)
        except InferenceServerException as error:
            raise _triton_refused(error) from None

    async def close(self):
        await self._client.close()


class KServe:
    """kserve.InferenceRESTClient."""

    name = "kserve InferenceRESTClient"
    version = version("kserve")

    def __init__(self, url: str):
        self._url = url
        self._client = InferenceRESTClient(RESTConfig(protocol="v2"))

    async def infer(self, exchange: Exchange) -> Answer:
        inputs = []
        for tensor in exchange.inputs:
            inputs.append(InferInput(tensor.name, list(tensor.values.shape), tensor.datatype))
            inputs[-1].set_data_from_numpy(tensor.values, binary_data=tensor.binary)
        outputs = exchange.outputs and [RequestedOutput(name, {"binary_data": flag}) for name, flag in exchange.outputs]
        # tritonclient asks for binary outputs by itself where none is named; here a parameter does.
        whole = {} if outputs or not exchange.inputs[0].binary else {"binary_data_output": True}
        request = InferRequest(
            exchange.model,
            inputs,
            request_id=exchange.id,
            parameters={**exchange.parameters, **whole},
            request_outputs=outputs,
        )
        try:
            response = await self._client.infer(self._url, request, model_name=exchange.model)
        except httpx.HTTPStatusError as error:
            raise Refused(error.response.status_code, str(error)) from None
        tensors = {output.name: output.as_numpy() for output in response.outputs}
        return Answer(tensors, response.parameters, response.id, response.model_name, response.model_version, None)

    async def infer_all(self, exchanges: list[Exchange]) -> list[Answer]:
        return await asyncio.gather(*map(self.infer, exchanges))

    async def ask(self, question: str, *arguments: str) -> Any:
        return await getattr(self._client, question)(self._url, *arguments)

    async def close(self):
        await self._client.close()


clients = (Triton, TritonAsync, TritonAio, KServe)
