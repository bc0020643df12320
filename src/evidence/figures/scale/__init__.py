"""Figures of very many fits: what a batch says together, and how intervals do in simulations."""
