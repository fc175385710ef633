"""A film of a whole pass: ``animate`` writes it as GIF, or as MP4 where there is ffmpeg.

Each frame is a scene of the same layout; matplotlib draws it, and Pillow, which comes with it,
writes the GIF.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tinygrad_mlp._arguments import check_within
from tinygrad_mlp._files import write_whole
from tinygrad_mlp._text import described, shortened
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, MissingDependencyError, NotANumberError
from tinygrad_mlp.graph import Run
from viz import _markup as markup
from viz._fitting import SLIDE, fitted, smallest_letters
from viz._moments import Moment, moments_of, scene_at
from viz._raster import Canvas
from viz._render import format_of
from viz._scene import Group, Line, Scene, Words, plain, width_of
from viz._themes import Theme, known_name
