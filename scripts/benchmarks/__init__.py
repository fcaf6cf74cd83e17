"""What `scripts/benchmark` measures: the systems, the reference, the translation for each peer, the clock and the cases."""
