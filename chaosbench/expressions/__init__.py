"""Expressions as data: parse, hold, differentiate and print equations without ever evaluating text."""
