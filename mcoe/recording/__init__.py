"""What is kept of a session: the packets in an AEDAT4 file, labels and settings in a sidecar, and the predictions.

``recorder`` writes all three as they come, ``sidecar`` reads and edits labels, ``table`` says what a row of predictions
is, ``session`` keeps the newest ones to be saved later, and ``preview`` looks into folders of recordings.
"""
