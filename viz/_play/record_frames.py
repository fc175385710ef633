"""The weights of a training, moment by moment: which moments are kept, and how they are packed.

Numbers are kept as floats of 32 bits, without any loss beyond that. The bits of a float, read as a
whole number that grows with it, change little from one moment to the next; what is packed is the
change, or the change of the change where that is shorter, byte by byte, compressed.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from viz._style.web_page import harmless

__all__ = ["MOST_FRAMES", "default_frames", "kept_epochs", "packed_weights"]

MOST_FRAMES: Final = 600
"""So many moments are kept unless another number is asked for."""

MOST_NUMBERS: Final = 500_000
"""Of a large network so many numbers are kept unless asked: a page of about two megabytes."""

FEWEST_FRAMES: Final = 25


def default_frames(n_numbers: int) -> int:
    """How many moments are kept of a model of so many numbers.

    >>> default_frames(105), default_frames(2410), default_frames(10**6)
    (600, 207, 25)
    """
    return max(FEWEST_FRAMES, min(MOST_FRAMES, MOST_NUMBERS // max(n_numbers, 1)))


def kept_epochs(epochs: int, frames: int) -> list[int]:
    """After which epochs the weights are kept, 0 for before the first one; always after the last.

    All of them where there are no more than ``frames``. Else half of the frames are the first
    epochs, one after the other, and the gaps between the others grow in proportion to the epoch.

    >>> kept_epochs(4, 600), kept_epochs(100, 10)
    ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 8, 14, 28, 53, 100])
    """
    if epochs < frames:
        return list(range(epochs + 1))
    first = frames // 2
    kept = list(range(first))
    growing = np.geomspace(max(first - 1, 1), epochs, frames - first + 1)
    for epoch in growing[1:].round().astype(int).tolist():
        kept.append(max(epoch, kept[-1] + 1))
    return kept


def packed_weights(frames: NDArray[np.float64]) -> dict[str, Any]:
    """The numbers of all moments, (n_frames, n_numbers), for recorded_channel.js to unpack.

    Returns:
        The number of frames, and the packed changes in base 85: for each number its changes over
        the frames, those of order 1 or 2; first the lowest byte of all of them, then the next one.

    >>> packed = packed_weights(np.zeros((3, 2)))
    >>> packed["n_frames"], packed["n_numbers"], packed["order"]
    (3, 2, 1)
    """
    with np.errstate(over="ignore"):
        bits = frames.astype("<f4").view("<i4").astype(np.int64)
    ordered = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    of_order_1 = np.diff(ordered, axis=0, prepend=0)
    of_order_2 = np.diff(of_order_1, axis=0, prepend=0)
    packed = [_compressed(changes) for changes in (of_order_1, of_order_2)]
    order = 1 if len(packed[0]) <= len(packed[1]) else 2
    n_frames, n_numbers = frames.shape
    return {
        "n_frames": n_frames,
        "n_numbers": n_numbers,
        "order": order,
        "changes": harmless(packed[order - 1]),
    }


def _compressed(changes: NDArray[np.int64]) -> bytes:
    """Whole numbers modulo 2^32, small ones of both signs in few bytes."""
    small = changes.astype(np.uint32).view(np.int32)  # modulo 2^32
    folded = ((small << 1) ^ (small >> 31)).view(np.uint32).T  # 0, -1, 1, -2, ...
    layers = [((folded >> (8 * place)) & 255).astype(np.uint8).tobytes() for place in range(4)]
    packing = zlib.compressobj(level=9, wbits=-zlib.MAX_WBITS)
    return packing.compress(b"".join(layers)) + packing.flush()
