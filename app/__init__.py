"""The Qt application. Start it with ``main.py`` or the command ``mcoe-live``."""
