"""What panels, dialogs and features know of the program: the context, jobs, settings."""
