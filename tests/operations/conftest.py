"""Projects to operate on: those of the pipeline's tests."""

from __future__ import annotations

from tests.pipeline.conftest import idle_project, project

__all__ = ["idle_project", "project"]
