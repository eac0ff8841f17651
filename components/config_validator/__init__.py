"""ConfigValidator: pipeline.config in, resolved pipeline.config and findings out."""
