"""A film of a whole pass: ``animate`` writes it as GIF, or as MP4 where there is ffmpeg.

Each frame is a scene of the same layout; matplotlib draws it, and Pillow, which comes with it,
writes the GIF.
"""

from __future__ import annotations
