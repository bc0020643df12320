"""Models that pool effects: start with `pool` and `pooled`; each folder is a family, `core` what they share."""
