"""Compares a new detector with the one it would replace, decides, and reports."""
