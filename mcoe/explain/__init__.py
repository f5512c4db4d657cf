"""Why the network says what it says: Grad-CAM, the experts' votes, their map."""
