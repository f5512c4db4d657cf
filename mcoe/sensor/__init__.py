"""What a sensor makes of light: frames (APS), events (DVS), and the light itself.

One sensor model for everyone: ``aps`` and ``dvs`` hold its constants and its pixels, with which the virtual eye is
recorded, ``emulator`` makes events of a video, and ``lighting`` puts a recording under another light.
"""
