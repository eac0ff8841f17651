"""Fine-tuning of a converted detector: resumable, deterministic in its data, on GPU or CPU."""
