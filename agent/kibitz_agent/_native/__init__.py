"""The native sampler: a C extension that reads stacks without the GIL; optional."""
