"""Read the project's dependencies from runtime.in, so that they are named in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Dependencies(MetadataHookInterface):
    """Fills `project.dependencies` at build time."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set metadata["dependencies"] to the lines of requirements/runtime.in."""
        lines = (Path(self.root) / "requirements" / "runtime.in").read_text(encoding="utf-8").splitlines()
        metadata["dependencies"] = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
