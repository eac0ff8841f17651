"""Publishes a blessed model for serving in one atomic step, and rolls back in one."""
