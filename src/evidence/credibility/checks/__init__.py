"""Plausibility checks: one small module for each family of rules."""
