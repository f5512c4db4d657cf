"""Events and frames as NumPy arrays: packets, voxel grids, noise filter, the network's input."""
