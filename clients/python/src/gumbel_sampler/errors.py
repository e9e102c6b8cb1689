"""What can go wrong, as exceptions. All of them are `GumbelSamplerError`."""

from __future__ import annotations

from typing import Any, NamedTuple


class FieldError(NamedTuple):
    """A value that the service refused."""

    pointer: str
    """Where it stands in the request: a JSON pointer, such as /parameters/temperature."""
    message: str


class GumbelSamplerError(Exception):
    """Base of every error that this package raises about a draw."""


class ServiceError(GumbelSamplerError):
    """The service answered with an error.

    `code` is stable, and GET /problems/{code} explains it. `errors` points at the values that are wrong, and `remedy`
    says what to send instead.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        errors: list[FieldError],
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.errors = errors
        self.request_id = request_id
        self.retry_after = retry_after
        """Seconds after which the service expects to answer; None if it did not say."""
        self.remedy: str | None = None
        self.part: str | None = None
        """Which part of a draw in several requests was refused; None for a draw in one request."""

    def __str__(self) -> str:
        text = f"{self.status} {self.args[0]}"
        if self.part is not None:
            text += f"\n(the request for {self.part})"
        return text if self.remedy is None else f"{text}\n{self.remedy}"

    def __reduce__(self) -> Any:
        # BaseException would call __init__ with the message alone.
        arguments = (self.status, self.code, self.args[0], self.errors, self.request_id, self.retry_after)
        return (type(self), arguments, {"remedy": self.remedy, "part": self.part})


class Unreachable(GumbelSamplerError):
    """No reply came: no connection, or it was lost or too slow, and no retry helped. __cause__ is httpx's error."""


class NoiseVersionError(GumbelSamplerError):
    """Noise of another version than the draw's, or than this package computes: another draw altogether."""


class VerificationError(GumbelSamplerError):
    """A draw is not the one that its seed gives."""
