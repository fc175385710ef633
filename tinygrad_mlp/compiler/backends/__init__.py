"""Ways to run a lowered program: as NumPy text, or as plain arithmetic.

``protocol`` says what a back end is; ``choice`` is the one place where it is chosen.
"""

__all__: list[str] = []
