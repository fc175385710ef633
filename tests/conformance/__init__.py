"""Scikit-learn's own tests of its MLP and of estimators, with ours; to be named."""
