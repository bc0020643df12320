"""Models for dependent effects; start with `fit` and `structure`."""
