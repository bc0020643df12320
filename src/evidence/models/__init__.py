"""Models that pool effects."""
