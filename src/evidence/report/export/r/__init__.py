"""The analyses and networks of a review as scripts for R with their data."""
