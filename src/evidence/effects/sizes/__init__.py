"""Effect sizes and their sampling variances from summary statistics; start with `effect_size`, then `recover`."""
