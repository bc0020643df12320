"""Selection models; start with `fit`."""
