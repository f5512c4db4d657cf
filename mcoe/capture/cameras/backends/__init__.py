"""The kinds of camera: one module each, found by looking; a module with an underscore is a helper of another.

To add a kind, add a module here. It states ``KIND``, a :class:`~mcoe.capture.cameras.base.CameraKind`: from there on
it is listed, opened by name and offered in the window. The program imports every module to know what there is, so a
module imports its driver's library only where it looks for cameras or opens one.
"""
