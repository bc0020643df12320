"""What all figures share; start with `canvas` and `plot`, for rows of estimates with `layout` and `rows`."""
