"""Tests of the C library: its kernels against NumPy, how it is found, and how it is built."""
