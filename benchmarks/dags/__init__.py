"""Benchmarks of the Airflow side, run with the Airflow environment's Python."""
