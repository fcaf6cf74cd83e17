"""Metrics: one a file, found by file stem."""
