"""How a detector learns to find nodules: targets, losses, MixUp, the task and its recipes."""
