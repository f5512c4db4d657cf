"""The network on a stream of packets.

``engine`` runs it, one window at a time; ``stream`` feeds it from a camera or a recording as time passes; ``jobs`` read
a recording once more, from start to end; ``library`` is the front door for scripts.
"""
