"""Lies beside the notebooks."""

VALUE = "helper"
