"""Networks of trials with few events, from the counts themselves; start with `fit`."""
