"""Where packets come from, behind one protocol (``source``): recordings (``files``, ``replay``) and live ``cameras``.

Whatever may hang or crash runs in a child process (``guarded``); two cameras become one source by their clocks
(``sync``) and their geometry (``align``).
"""
