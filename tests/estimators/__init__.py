"""Tests of ``tinygrad_mlp.estimators``, most of them beside scikit-learn's own in the same run."""
