"""Object detectors in Keras 3 that compute what their TensorFlow 1 originals computed."""
