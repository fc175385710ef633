"""Scikit-learn's own tests of its MLP and of estimators, with ours; they run when they are named."""
