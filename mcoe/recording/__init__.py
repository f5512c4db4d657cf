"""What is kept of a session: the AEDAT4 file, its sidecar, the table of predictions, and folders of them."""
