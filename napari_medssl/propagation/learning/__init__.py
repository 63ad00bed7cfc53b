"""How propagation is learnt: samples from scans, made volumes and regions; the task and the recipe `sli2vol`."""
