"""TFX components of the retraining pipeline, one folder each."""
