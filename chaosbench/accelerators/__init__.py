"""Ensembles of trajectories on a GPU: batched torch operations, or a kernel with one trajectory a thread. Loaded only when asked for."""
