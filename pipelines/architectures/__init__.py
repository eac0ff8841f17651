"""The TF1 architectures: which zoo model is which, and what was proved of each."""
