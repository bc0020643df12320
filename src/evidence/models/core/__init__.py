"""Numerical cores that the models share: arrays in, arrays out; start with `studies`."""
