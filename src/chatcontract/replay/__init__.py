"""Recorded requests sent again: what is to be sent, the run, its journal, and what came of it."""

NAME = "replay.jsonl"
"""The journal's file."""
