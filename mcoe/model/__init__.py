"""MCO-E Net: backbones, MCO-Mamba, MCIB, HCE-MoE, and the files its weights live in."""
