"""Running notebooks: what is planned, executed, cached and recorded; start with `plan` and `execute`."""
