"""Drawings of boxes and arrows: by operation, neuron and layer, and of a compiled program.

``operations``, ``neurons``, ``layer_boxes`` and ``programs`` say what stands in the boxes
(``cards``); ``placement`` asks Graphviz where they stand, and ``box_scene`` makes the scene.
"""

from __future__ import annotations

__all__: list[str] = []
