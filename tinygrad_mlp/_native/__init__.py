"""Programs run by a small C library: the instructions of the compiler as records, interpreted."""
