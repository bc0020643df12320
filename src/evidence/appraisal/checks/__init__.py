"""Plausibility checks of the tables; start with `registry` and `findings`, then one file for each kind of rule."""
