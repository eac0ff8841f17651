"""Airflow DAGs; nothing here imports TensorFlow."""
