"""What every recipe lets one set. Command-line options and the form in the viewer are both made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

# Shown first in a form; the rest lies under "More settings".
BASIC: dict[str, Any] = {"basic": True}

# Settings of which recipes have their own defaults: `seconds: Seconds = 1800`.
Seconds = Annotated[
    float,
    Field(
        ge=0,
        title="Time limit (s)",
        description="Stop after this many seconds of training; 0 means no limit.",
        json_schema_extra=BASIC,
    ),
]
Batch = Annotated[
    int, Field(ge=1, le=4096, title="Samples per step", description="Samples in a step, over all devices.")
]
LearningRate = Annotated[
    float, Field(gt=0, le=1, title="Learning rate", description="Peak learning rate of the optimiser (AdamW).")
]
NetworkSize = Annotated[
    Literal["small", "medium"],
    Field(title="Network", description="small: for CPUs and few scans; medium: for graphics cards."),
]
Judged = Annotated[
    int, Field(ge=1, le=10000, title="Scans in a validation", description="At most so many scans are validated on.")
]


class RunSettings(BaseModel):
    """What every recipe lets one set; `title` is the name in forms."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        "my-model",
        title="Model name",
        pattern=r"^[a-z0-9][a-z0-9._-]*$",
        max_length=60,
        description="Name of the model that comes out: small letters, digits, dots and dashes.",
        json_schema_extra=BASIC,
    )
    start: str = Field(
        "", title="Start from", description="A model to begin with instead of a new network; empty for a new network."
    )
    seconds: Seconds = 600
    steps: int = Field(0, ge=0, title="Step limit", description="Stop after this many steps; 0 means no limit.")
    batch: Batch = 4
    learning_rate: LearningRate = 1e-3
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine", title="Schedule", description="How the learning rate falls from its peak to the end of the run."
    )
    warm_up: int = Field(50, ge=0, title="Warm-up steps", description="Steps over which the learning rate rises.")
    weight_decay: float = Field(1e-4, ge=0, le=1, title="Weight decay", description="Pull of the weights towards 0.")
    clip: float = Field(5.0, ge=0, title="Gradient limit", description="Longer gradients are shortened; 0 for none.")
    average: float = Field(
        0.995,
        ge=0,
        lt=1,
        title="Weight averaging",
        description="Decay of the running average of the weights (EMA), which becomes the model; 0 for none.",
    )
    validation: float = Field(
        0.1,
        ge=0,
        le=0.5,
        title="Kept for validation",
        description="Share of the patients that is not trained on but used to see how training goes; 0 for none.",
    )
    validate_every: int = Field(
        250, ge=1, title="Validate every (steps)", description="Steps between two validations."
    )
    patience: int = Field(
        0,
        ge=0,
        title="Stop early after",
        description="Stop after so many validations without a better one; 0 to go on to the end.",
    )
    seed: int = Field(0, ge=0, title="Seed", description="Another seed gives another run; the same seed the same one.")
    device: str = Field("auto", title="Device", description="auto, cpu, cuda or mps.", json_schema_extra=BASIC)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        title="Precision",
        description="auto computes with 16 bits where the hardware is quicker with them (bfloat16; float16 on older"
        " NVIDIA GPUs).",
    )
    threads: int = Field(
        0, ge=0, le=512, title="CPU threads", description="Threads to compute with on the CPU; 0 leaves the choice."
    )
    workers: int = Field(
        -1,
        ge=-1,
        le=64,
        title="Loading processes",
        description="Processes that prepare samples; 0 prepares them in the training process, -1 chooses.",
    )
    memory_gb: float = Field(
        0,
        ge=0,
        title="Memory for scans (GB)",
        description="Scans beyond this much memory are kept on disk, in the run folder; 0 chooses.",
    )
    checkpoint_seconds: float = Field(
        60, gt=0, title="Checkpoint every (s)", description="A checkpoint is written this often."
    )
    leave_out_unusable: bool = Field(
        False,
        title="Leave out unusable scans",
        description="Train without scans that cannot be read, instead of refusing to start.",
    )
    tensorboard: bool = Field(
        True, title="TensorBoard log", description="Write a TensorBoard log too, where TensorBoard is installed."
    )


@dataclass(frozen=True)
class Preset:
    """A choice of settings for a situation that people know: which, in a word and a sentence."""

    title: str
    help: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def quick_check(**settings: Any) -> Preset:
    """The preset that every recipe has, for a first look at a folder: a minute, with the recipe's own `settings`."""
    words = "A minute, to see whether the scans can be used; the model is not meant for work."
    return Preset("Quick check", words, {"seconds": 60, **settings})
