"""Invariants: one quantity a file, found by file stem, each returning an Estimate with its error."""
