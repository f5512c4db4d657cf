"""The network as the live view runs it: streaming features, backbones in the fastest engine there is.

``build`` makes an engine from options; ``stepper`` is the protocol that others know it by, without torch.
"""
