"""The network on a stream: engine, threads, and jobs over whole recordings."""
