"""Which tests belong to which modules. ``running`` sorts the files by the time that they take."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["PACKAGES", "sources", "test_files"]

PACKAGES: Final[dict[str, tuple[str, str]]] = {
    "core": (
        "tinygrad_mlp/*.py tinygrad_mlp/ops/*.py",
        "tests/test_arguments.py tests/test_derivatives.py tests/test_drop_in*.py "
        "tests/test_own_ops.py tests/test_edge_cases.py tests/test_engine*.py "
        "tests/test_functional.py "
        "tests/test_ops*.py tests/test_random_graphs.py tests/test_weights.py "
        "tests/test_debug_nonfinite.py tests/test_debug_networks.py tests/test_layering.py "
        "tests/test_compiler_networks.py "
        "tests/test_limits_and_types.py tests/test_loss*.py tests/test_extremes.py "
        "tests/test_node_checks.py tests/test_forking.py tests/test_files.py "
        "tests/test_registry.py tests/test_words.py "
        "tests/test_interrupted_steps.py tests/test_schema.py tests/test_text.py "
        "tests/test_graph.py tests/test_recording.py tests/test_freezing.py tests/test_threads.py "
        "tests/test_nn_batch_norm.py tests/test_nn_dropout.py",
    ),
    "compiler": (
        "tinygrad_mlp/compiler/*.py tinygrad_mlp/compiler/_backends/*.py",
        "tests/test_compiler*.py tests/test_forking.py tests/test_freezing.py "
        "tests/test_remedies.py tests/test_own_ops.py tests/test_nn_batch_norm.py "
        "tests/test_nn_dropout.py",
    ),
    "native": (
        "tinygrad_mlp/_native/*.py tinygrad_mlp/compiler/_backends/native*.py "
        "tinygrad_mlp/compiler/_backends/tape_*.py tinygrad_mlp/compiler/_backends/choice.py "
        "tinygrad_mlp/compiler/_backends/draws.py tinygrad_mlp/compiler/_backends/scalar_walk.py "
        "tinygrad_mlp/training/_steps_in_pieces.py tinygrad_mlp/training/_epoch_memory.py "
        "tinygrad_mlp/training/_rule_of_steps.py tinygrad_mlp/training/_epoch_totals.py "
        "tinygrad_mlp/optim/_rule_passes.py tinygrad_mlp/estimators/_penalized_rule.py",
        "tests/native/test_*.py tests/test_compiler_[abcdflmno]*.py tests/test_nn_batch_norm.py "
        "tests/test_nn_dropout.py tests/test_training_engines.py tests/test_optimizers.py "
        "tests/test_training_trajectories.py tests/test_training_weighting.py "
        "tests/estimators/test_estimator_rules.py tests/estimators/test_estimator_faults.py "
        "tests/estimators/test_estimator_loss_curves.py",
    ),
    "optim": (
        "tinygrad_mlp/optim/*.py",
        "tests/test_clipping.py tests/test_optim*.py tests/test_schedule*.py "
        "tests/test_training_callbacks.py tests/test_training_trajectories.py "
        "tests/test_training_schedules.py tests/test_interrupted_steps.py tests/test_freezing.py "
        "tests/test_registry.py tests/test_words.py tests/test_training_rates.py "
        "tests/test_remedies.py",
    ),
    "losses": (
        "tinygrad_mlp/losses/*.py",
        "tests/test_loss*.py tests/test_training.py tests/test_training_errors.py "
        "tests/test_training_engines.py tests/test_additions.py tests/test_remedies.py "
        "tests/test_registry.py tests/test_words.py tests/test_command_line_losses.py "
        "tests/test_scores.py tests/test_training_several_outputs.py "
        "tests/test_training_weighting.py",
    ),
    "training": (
        "tinygrad_mlp/training/*.py",
        "tests/test_training*.py tests/test_scores.py tests/test_weights*.py "
        "tests/test_interrupted_steps.py tests/test_one_or_many.py tests/test_load_model.py "
        "tests/test_nn_batch_norm.py tests/test_nn_sequential.py tests/test_losses_settings.py "
        "tests/test_debug_health_in_fit.py",
    ),
    "debug": ("tinygrad_mlp/debug/*.py", "tests/test_debug*.py tests/test_freezing.py"),
    "data": (
        "tinygrad_mlp/data/*.py",
        "tests/data/test_*.py tests/test_masked_data.py tests/test_command_line_text.py "
        "tests/test_training_augmentation.py tests/test_words.py tests/test_remedies.py "
        "tests/estimators/test_estimator_frames.py tests/test_command_line_clean.py",
    ),
    "search": ("tinygrad_mlp/search/*.py", "tests/test_search_*.py"),
    "nn": (
        "tinygrad_mlp/nn/*.py",
        "tests/test_nn*.py tests/test_init.py tests/test_weights.py tests/test_debug_steps.py "
        "tests/test_summary.py tests/test_registry.py tests/test_load_model.py "
        "tests/test_module_contents.py tests/test_freezing.py tests/test_graph.py "
        "tests/test_viz_beside.py tests/test_own_ops.py tests/test_remedies.py",
    ),
    "derivatives": (
        "tinygrad_mlp/derivatives/*.py",
        "tests/test_derivatives.py tests/test_gradient_checking.py tests/test_random_graphs.py "
        "tests/test_compiler_detached.py",
    ),
    "estimators": ("tinygrad_mlp/estimators/*.py", "tests/estimators/test_*.py"),
    "interchange": (
        "tinygrad_mlp/interchange/*.py",
        "tests/interchange/test_interchange_*.py",
    ),
    "interpret": ("tinygrad_mlp/interpret/*.py", "tests/test_interpret_*.py"),
    "course": (
        "tinygrad_mlp/_course/*.py tinygrad_mlp/_cli/course.py viz/_scene/darkening.py",
        "tests/course/test_book.py tests/course/test_reference.py tests/test_viz_darkening.py "
        "tests/test_course_chapters.py",
    ),
    "viz": (
        "viz/*.py viz/*/*.py",
        "tests/test_viz*.py tests/replay/test_*.py tests/play/test_*.py",
    ),
    "run": ("viz/_run/*.py", "tests/play/test_run_*.py"),
    "cli": ("tinygrad_mlp/_cli/*.py", "tests/test_command_line*.py tests/test_debug_console.py"),
}
"""By the name for the command line: the modules, and the files of tests; both as patterns."""


def sources(root: Path, package: str) -> list[str]:
    """The files of a package, relative to the root."""
    return _found(root, PACKAGES[package][0].split())


def test_files(root: Path, package: str) -> list[str]:
    """The files of its tests, likewise."""
    return _found(root, PACKAGES[package][1].split())


def _found(root: Path, patterns: Iterable[str]) -> list[str]:
    return sorted({str(f.relative_to(root)) for pattern in patterns for f in root.glob(pattern)})
