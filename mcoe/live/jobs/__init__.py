"""A recording read once more, from start to end, each in a call that tells its progress and can be stopped.

``headless`` writes the table of predictions, ``sweep`` reads it under other light, ``film`` makes a video, ``moments``
gives the windows themselves.
"""
