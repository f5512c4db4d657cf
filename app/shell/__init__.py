"""The window itself: board, menus, transport, status line, notices."""
