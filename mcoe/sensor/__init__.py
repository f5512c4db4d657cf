"""What a sensor makes of light: frames (APS), events (DVS), and the light itself."""
