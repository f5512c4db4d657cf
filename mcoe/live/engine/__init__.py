"""The network as the live view runs it: streaming features, backbones in the fastest engine there is."""
