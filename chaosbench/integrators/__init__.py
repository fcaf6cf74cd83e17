"""Integrators: one method a file, found by file stem."""
