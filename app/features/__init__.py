"""What the window can do, one feature a file; each is given the context and nothing else."""
