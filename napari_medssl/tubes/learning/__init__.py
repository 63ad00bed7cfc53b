"""How a network learns to see tubes: made trees, rendering, losses, the task and its recipe."""
