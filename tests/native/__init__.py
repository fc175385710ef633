"""The C library and the back ends that use it."""
