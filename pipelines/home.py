"""Where runs keep what they make: `UPCYCLE_HOME`/DETECTOR/..., and the metadata store's address."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "UPCYCLE_HOME"


def upcycle_home() -> Path:
    """The directory of all runs: UPCYCLE_HOME, or `runs` in the working directory."""
    return Path(os.environ.get(HOME_VARIABLE) or "runs").absolute()


@dataclass(frozen=True)
class DetectorHome:
    """One detector's folder."""

    root: Path

    @classmethod
    def of(cls, detector: str, home: Path | None = None) -> DetectorHome:
        """The folder of the detector named `detector`."""
        return cls((home or upcycle_home()).absolute() / detector)

    @property
    def plans(self) -> Path:
        """One directory a run: plan.json, pipeline.json, nodes/, logs/."""
        return self.root / "plans"

    @property
    def artifacts(self) -> Path:
        """TFX's pipeline root."""
        return self.root / "artifacts"

    @property
    def metadata(self) -> Path:
        """The SQLite metadata store, where UPCYCLE_METADATA_URL names no server."""
        return self.root / "metadata.sqlite"

    @property
    def serving(self) -> Path:
        """Where versions are published unless the detector's YAML says otherwise."""
        return self.root / "serving"

    @property
    def summary(self) -> Path:
        """The last finished run in numbers."""
        return self.root / "summary.json"

    @property
    def report(self) -> Path:
        """The last evaluated run's report."""
        return self.root / "report.html"

    @property
    def proof_images(self) -> Path:
        """Copies of the images that conversions are proved on, where the data set has no files for them."""
        return self.root / "proof_images"

    def plan_dir(self, run_id: str) -> Path:
        """The directory of the run `run_id`, whose characters may be any."""
        return self.plans / re.sub(r"[^A-Za-z0-9._~-]", "_", run_id)
