"""One file a peer: how it is given a system, and which of its methods take part. Only what is installed does."""
