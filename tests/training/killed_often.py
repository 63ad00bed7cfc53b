"""A run that is killed again and again: `killed_often.py DATA RUN KILLS SEED SETTINGS`, for test_killed.py.

torch is imported once, then each part of the run is a fork of this process, which has no other threads yet. Each is
ended by SIGKILL after a random time; the last one may finish.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"


def main() -> None:
    import torch

    from napari_medssl.training import find_recipe, train

    # What torch and the recipe import when they are first used takes seconds, which every part would pay anew.
    find_recipe("sli2vol")
    torch.optim.AdamW([torch.zeros(1, requires_grad=True)]).zero_grad()
    data, run, kills, seed, settings = sys.argv[1:]
    run_folder, chance = Path(run), random.Random(int(seed))
    killed_at = []
    for number in range(int(kills) + 1):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                train("sli2vol", data, run, resume=(run_folder / "settings.json").exists(), **json.loads(settings))
                code = 0
            finally:
                os._exit(code)
        if number == int(kills):
            break
        time.sleep(chance.uniform(0.1, 1.5))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            killed_at.append((run_folder / "checkpoint.safetensors").exists())
        elif os.WEXITSTATUS(status):
            sys.exit(f"part {number} failed")
        else:
            break  # it had finished
    else:
        _, status = os.waitpid(child, 0)
    print(json.dumps({"killed": len(killed_at), "with_checkpoint": sum(killed_at)}))


if __name__ == "__main__":
    main()
