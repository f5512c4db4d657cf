"""Events and frames: the packet types every source speaks, and the voxel grid of A.7."""
