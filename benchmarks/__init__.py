"""One file a question; each prints a ratio against a named peer."""
