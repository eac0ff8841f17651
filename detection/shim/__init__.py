"""TF1 detectors without a native model: the OD API's own code, run in TF2 behind the same interface."""
