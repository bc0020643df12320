"""Meta-regression; start with `fit` and `result`, then `subgroups` and `permutation`."""
