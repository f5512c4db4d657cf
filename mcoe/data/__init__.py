"""Data sets: the single-eye layout, packs and clips of it, augmentation, and the virtual eye."""
