"""Methods for two-by-two tables of events; start with `tables`, then `mantel_haenszel`."""
