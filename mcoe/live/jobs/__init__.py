"""A recording read once more, from start to end: table, sweep, film, map."""
