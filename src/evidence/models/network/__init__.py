"""Network meta-analysis; start with `fit` and `result`, then `contrasts` and `least_squares`."""
