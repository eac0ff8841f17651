"""One module a command of `upcycle`; the heavy imports are inside the functions."""
