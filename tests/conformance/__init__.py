"""Scikit-learn's own tests with our estimators, and shap's values of them; to be named."""
