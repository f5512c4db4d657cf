"""The commands of ``mcoe``, one a file: options in, text out, the work done by the packages below."""
