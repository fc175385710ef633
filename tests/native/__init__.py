"""The C library alone: each kernel beside NumPy."""
