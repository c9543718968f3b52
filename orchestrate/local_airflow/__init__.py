"""Airflow on this machine, with its data in `.airflow/`: what `make airflow` starts."""
