"""The analyses of a protocol, pooled, and set beside published results."""
