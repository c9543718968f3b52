"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How fast examples are made and run depends on what else the machine does.
settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("default")
