"""From packets to frozen results: windows, threads, the playback clock."""
