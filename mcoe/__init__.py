"""MCO-E Net: single-eye expression recognition from RGB frames and events."""
