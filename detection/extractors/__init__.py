"""From an `SsdFeatureExtractor` proto to the network of its type, one module a family."""
