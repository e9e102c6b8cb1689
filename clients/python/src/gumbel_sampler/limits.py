"""How a large draw is split into requests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one request may have at most; a larger draw is split into several, with the same bits.

    The defaults stay below those of the service, with room for its deadline. A service with lower limits refuses a
    request that is too large with 413: the client then halves its requests until they fit.
    """

    rows: int = 65_536
    samples: int = 1_000_000
    elements_drawn: int = 1 << 26
    """rows x categories x samples."""
    elements_returned: int = 1 << 23
    """Numbers in one reply."""
    body_bytes: int = 48 << 20
    """Bytes of logits, and of the cotangent of a gradient."""
