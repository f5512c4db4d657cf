"""Where packets come from: files in a guarded child process, cameras, network; synchronised and aligned."""
