"""Small-study effects: tests and corrections for funnel asymmetry; start with `egger`."""
