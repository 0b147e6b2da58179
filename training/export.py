"""Turn a checkpoint into the released weights: fp16 safetensors and their configuration.

python -m training.export runs/nano/checkpoint.pt
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

RELEASE = Path(__file__).parents[1] / "src/sleeptime/nano/weights"
LIMIT_BYTES = 24_000_000


def export(checkpoint: Path, target: Path, max_length: int) -> dict[str, object]:
    """Write `nano.safetensors` and `config.json` into `target`; returns the configuration.

    Raises:
        ValueError: the weights would be larger than the repository allows.
    """
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    tensors = {name: tensor.to(torch.float16).contiguous() for name, tensor in state["model"].items()}
    size = sum(tensor.numel() * 2 for tensor in tensors.values())
    if size > LIMIT_BYTES:
        raise ValueError(f"the weights take {size} bytes; the repository allows {LIMIT_BYTES}")
    target.mkdir(parents=True, exist_ok=True)
    save_file(tensors, target / "nano.safetensors")
    (target / "nano.safetensors").chmod(0o644)
    digest = hashlib.sha256((target / "nano.safetensors").read_bytes()).hexdigest()
    config: dict[str, object] = {
        **state["shape"],
        "max_length": max_length,
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
        "trained_tokens": state["tokens"],
        "trained_steps": state["step"],
        "trained_minutes": round(state["spent_s"] / 60, 1),
        "stage_progress": round(state["progress"], 3),
        "sha256": digest,
    }
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return config


def main() -> None:
    """Parse options and export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, nargs="?", default=Path("runs/nano/checkpoint.pt"))
    parser.add_argument("--target", type=Path, default=RELEASE)
    parser.add_argument("--max-length", type=int, default=1024, help="longest sequence that the engine accepts")
    options = parser.parse_args()
    print(json.dumps(export(options.checkpoint, options.target, options.max_length), indent=2))


if __name__ == "__main__":
    main()
