"""pipeline.config and label maps of the TF1 Object Detection API, as protos and without TensorFlow."""
