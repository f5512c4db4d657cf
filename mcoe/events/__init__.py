"""Events and frames as NumPy arrays: packets, voxel grids, the noise filter, and the network's input made of them."""
