"""What the DAGs share; pure, but for `operators` and `alerts`."""
