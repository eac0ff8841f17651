"""The TF1 Object Detection API beside TensorFlow 2: frozen graphs, and graphs that prove a conversion."""
