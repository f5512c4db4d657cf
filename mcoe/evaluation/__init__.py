"""How well a network does: predictions of clips, scores with intervals, figures."""
