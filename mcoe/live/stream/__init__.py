"""A source through the network as it comes: reader, windower and inference, a thread each, and the pipeline over them.

:mod:`~mcoe.live.stream.pipeline` is what others use; :mod:`~mcoe.live.stream.reader`,
:mod:`~mcoe.live.stream.windower` and :mod:`~mcoe.live.stream.inference` are its stages, in the order in which data
flows.
"""
