"""Pictures to the bytes of a film: GIF by Pillow, MP4 by the program ffmpeg."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tinygrad_mlp.errors import GraphError, MissingDependencyError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["check_ffmpeg", "gif", "mp4"]

UNKNOWN: Final = 255
"""In the place of the palette's place of a color that was not met yet."""

FRAMES_PER_SECOND: Final = 25
"""Of an MP4, whose pictures stay for several of them."""

SETTINGS: Final = (
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p"),
    *("-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"),
    *("-movflags", "+faststart"),
)
"""What every player shows, and the same bytes each time."""


def gif(pictures: Iterable[Image], colors: Sequence[str], seconds: Sequence[float]) -> bytes:
    """The bytes of a GIF that begins again at its end.

    Args:
        pictures: the frames, in RGB.
        colors: those of the film, the most important first; of more than 255 the rest is left out.
        seconds: how long each frame stays.

    >>> from PIL import Image
    >>> colors = ["#ff0000", "#0000ff"]
    >>> pictures = [Image.new("RGB", (4, 4), color) for color in colors]
    >>> film = Image.open(io.BytesIO(gif(pictures, colors, [0.5, 1.0])))
    >>> film.n_frames, film.info["duration"]
    (2, 500)
    """
    palette = _Palette(colors)
    first, *others = map(palette.reduced, pictures)
    content = io.BytesIO()
    first.save(
        content,
        format="GIF",
        save_all=True,
        append_images=others,
        duration=[10 * round(100.0 * each) for each in seconds],  # of hundredths of a second
        loop=0,
        optimize=True,  # what does not change is left out
        disposal=1,
    )
    return content.getvalue()


class _Palette:
    """The colors of a film, which stay as they are; every other color is the nearest of them.

    Pillow's own would shift colors by up to three levels, so that a white ground turned gray.
    """

    def __init__(self, colors: Sequence[str]) -> None:
        numbers = [int(color[1:], 16) for color in colors][:UNKNOWN]
        self.colors = np.array([_parts(number) for number in numbers])
        self.places = np.full(2**24, UNKNOWN, dtype=np.uint8)
        self.places[numbers] = range(len(numbers))

    def reduced(self, picture: Image) -> Image:
        """The picture in colors of the palette."""
        from PIL import Image

        numbers = _color_numbers(picture)
        places = self.places[numbers]
        unknown = np.unique(numbers[places == UNKNOWN])
        if len(unknown):
            parts = np.stack(_parts(unknown), axis=1)
            apart = ((parts[:, None] - self.colors[None]) ** 2).sum(axis=2)
            self.places[unknown] = apart.argmin(axis=1)
            places = self.places[numbers]
        result = Image.frombytes("P", picture.size, places.tobytes())
        result.putpalette(self.colors.astype(np.uint8).tobytes())
        return result


def _color_numbers(picture: Image) -> Any:
    red, green, blue = np.moveaxis(np.asarray(picture, dtype=np.int32), -1, 0)
    return (red << 16) | (green << 8) | blue


def _parts(color: Any) -> tuple[Any, Any, Any]:
    return color >> 16, (color >> 8) & 255, color & 255


def check_ffmpeg() -> str:
    """The path of the program ffmpeg.

    Raises:
        MissingDependencyError: if there is none.

    >>> bool(shutil.which("ffmpeg") is None or check_ffmpeg())
    True
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise MissingDependencyError(
            "an MP4 needs the program 'ffmpeg', which is not on the PATH; install it "
            "(https://ffmpeg.org/download.html, or your system's package 'ffmpeg'), or write a "
            "GIF: viz.animate(loss, 'backprop.gif')"
        )
    return program


def mp4(pictures: Iterable[Image], size: tuple[int, int], seconds: Sequence[float]) -> bytes:
    """The bytes of an MP4.

    Args:
        pictures: the frames, in RGB.
        size: their width and height, which are even.
        seconds: how long each frame stays.

    Raises:
        MissingDependencyError: where there is no ffmpeg.
        GraphError: if ffmpeg cannot write it; the message has its own.

    >>> from PIL import Image
    >>> if shutil.which("ffmpeg"):
    ...     film = mp4([Image.new("RGB", (16, 16), "#ff0000")], (16, 16), [1.0])
    ...     assert film[4:8] == b"ftyp"
    """
    with tempfile.TemporaryDirectory() as folder:
        film, complaints = Path(folder) / "film.mp4", Path(folder) / "complaints.txt"
        command = _command(check_ffmpeg(), film, size)
        with complaints.open("wb") as errors:
            try:
                with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=errors) as process:
                    _hand_over(process, pictures, seconds)
                succeeded = process.returncode == 0 and film.exists()
            except BrokenPipeError:  # it ended before it had read all
                succeeded = False
        if not succeeded:
            message = complaints.read_text("utf-8", errors="replace").strip()
            raise GraphError(f"ffmpeg cannot write this film: {message or 'no reason given'}")
        return film.read_bytes()


def _hand_over(
    process: subprocess.Popen[bytes], pictures: Iterable[Image], seconds: Sequence[float]
) -> None:
    """Write the pictures to ffmpeg, each as often as it stays; stop it where that fails."""
    assert process.stdin is not None
    try:
        shown, n_written = 0.0, 0
        for picture, each in zip(pictures, seconds, strict=True):
            shown += each
            content = picture.tobytes()
            while n_written < round(shown * FRAMES_PER_SECOND):
                process.stdin.write(content)
                n_written += 1
    except BaseException:
        process.kill()
        raise


def _command(program: str, film: Path, size: tuple[int, int]) -> list[str]:
    pictures = (
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}"),
        *("-r", str(FRAMES_PER_SECOND), "-i", "-"),
    )
    return [program, "-v", "error", "-y", *pictures, *SETTINGS, str(film)]
