"""One file a case: what is run, and the table it prints."""
