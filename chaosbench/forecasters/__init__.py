"""Forecasters: one a file, found by file stem; shared cores start with an underscore."""
