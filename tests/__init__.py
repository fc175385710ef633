"""The tests; a package, so that they share helpers as ``from tests.helpers import ...``."""
