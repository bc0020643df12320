"""Is the evidence enough? Start with `analysis`, then `boundaries`."""
