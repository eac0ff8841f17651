"""Carries a TF1 checkpoint or frozen graph into a TF2 model and proves that it is still the same model."""
