"""Renderers: each turns the canonical report into one format, from its JSON alone."""
