"""The pages of a report; start with `site`, then `render`."""
