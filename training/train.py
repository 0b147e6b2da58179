"""Train nano from scratch on generated worlds, and write checkpoints that can be resumed.

    python -m training.train --minutes 200 --out runs/nano        # CPU, or a GPU when there is one

The schedule (`training.recipe`) follows the clock (or `--tokens`), so a slow machine ends with fewer tokens, never with
a half-done schedule. Progress is printed and appended to `<out>/log.jsonl`. Run again, it goes on from
`<out>/checkpoint.pt`; weights on the way are kept beside it as `part-NNN.pt`, by percent of the run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from sleeptime.lab.worlds import Split
from sleeptime.nano.tokenizer import Tokenizer
from training.model import Decoder, Shape
from training.recipe import STAGES, stage_at
from training.rows import Group, Row, Rows

Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


class RowStream(IterableDataset[Row]):
    """Endless rows; the progress of the run is in shared memory, so that they follow it while workers run."""

    def __init__(self, seed: int, length: int, stages: int, progress: Tensor) -> None:
        self.seed, self.length, self.stages, self.progress = seed, length, stages, progress

    def __iter__(self) -> Iterator[Row]:
        worker = get_worker_info()
        seed = self.seed * 1_000 + (worker.id if worker else 0)
        rows = Rows(Tokenizer.load(), Split.TRAIN, seed, self.length)
        while True:
            rows.stage, progress = stage_at(self.progress.item(), self.stages)
            drills, lookups = rows.stage.easy_shares(progress)
            drawn = rows.rng.random()
            yield rows.drills() if drawn < drills else rows.lookups() if drawn < drills + lookups else rows.world()


def collate(rows: list[Row]) -> Batch:
    """Stack rows: tokens, positions, previous, mask (B, 1, T, T), targets, weights."""
    names = ("tokens", "positions", "previous", "mask", "targets", "weights")
    columns = [[getattr(row, name) for row in rows] for name in names]
    tokens, positions, previous, mask, targets, weights = (torch.from_numpy(np.stack(column)) for column in columns)
    return tokens, positions, previous, mask[:, None], targets, weights


def optimisers(model: Decoder, muon_lr: float, adam_lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices, AdamW for embeddings, norms and mixes."""
    linear = {"wq", "wk", "wv", "wo", "w1", "w2", "w3"}
    matrices = [p for name, p in model.named_parameters() if name.split(".")[-1] in linear]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(matrices, lr=muon_lr, weight_decay=0.01, momentum=0.95),
        torch.optim.AdamW(rest, lr=adam_lr, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def loss_of(model: torch.nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Weighted cross-entropy of a batch, and its logits."""
    tokens, positions, previous, mask, targets, weights = batch
    logits = model(tokens, positions, previous, mask).float()
    losses = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1, reduction="none")
    return (losses * weights.flatten()).sum() / weights.sum(), logits


@torch.no_grad()
def exact_match(model: torch.nn.Module, rows: list[Row], device: str, batch_size: int = 16) -> dict[str, float]:
    """Share of branches whose every scored token is the arg-max, by group (teacher-forced)."""
    hits: defaultdict[str, list[float]] = defaultdict(list)
    for at in range(0, len(rows), batch_size):
        part = rows[at : at + batch_size]
        batch = tuple(x.to(device) for x in collate(part))
        with torch.autocast(device, torch.bfloat16):
            guess = model(*batch[:4]).argmax(-1).cpu().numpy()
        for row, predicted in zip(part, guess, strict=True):
            right = predicted == row.targets
            for index, group in enumerate(row.groups):
                scored = right[row.branch == index]
                hits[group.name].append(float(scored.mean() if group is Group.NOTES else scored.all()))
    return {name: round(float(np.mean(values)), 4) for name, values in sorted(hits.items())}


def train(options: argparse.Namespace) -> None:
    """The loop: until the clock or the token count says that the schedule is done."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    shape = Shape(len(Tokenizer.load()), options.width, options.layers, options.heads, options.ffn)
    model = Decoder(shape).to(device)
    updates = optimisers(model, options.muon_lr, options.adam_lr)
    step, tokens, spent = _resume(options.out / "checkpoint.pt", model, updates)
    shared = torch.tensor(0.0).share_memory_()
    stream = RowStream(options.seed + step, options.length, options.stages, shared)
    loader = DataLoader(stream, options.batch, collate_fn=collate, num_workers=options.workers, prefetch_factor=4)
    checks = Rows(Tokenizer.load(), Split.VALIDATION, options.seed, options.length)
    validation = (
        [checks.world() for _ in range(48)] + [checks.drills() for _ in range(4)] + [checks.lookups() for _ in range(4)]
    )
    compiled = torch.compile(model)
    began, saved, running = time.monotonic() - spent, time.monotonic(), 0.0
    kept = int(_progress(options, tokens, spent) * options.milestones)
    for batch in loader:
        elapsed = time.monotonic() - began
        progress = _progress(options, tokens, elapsed)
        if progress >= 1:
            break
        shared.fill_(progress)
        stage, within = stage_at(progress, options.stages)
        for update, lr in zip(updates, (options.muon_lr, options.adam_lr), strict=True):
            for group in update.param_groups:
                group["lr"] = lr * stage.rate(within)
        with torch.autocast(device, torch.bfloat16):
            loss, _ = loss_of(compiled, tuple(x.to(device, non_blocking=True) for x in batch))
        loss.backward()
        for update in updates:
            update.step()
            update.zero_grad(set_to_none=True)
        step, tokens = step + 1, tokens + batch[0].numel()
        running = 0.98 * running + 0.02 * loss.item() if running else loss.item()
        if step % options.log_every == 0:
            figures = {"step": step, "tokens": tokens, "minutes": round(elapsed / 60, 1), "loss": round(running, 4)}
            if step % (options.log_every * 5) == 0:
                figures |= exact_match(compiled, validation, device)
            print(json.dumps(figures), flush=True)
            with (options.out / "log.jsonl").open("a") as log:
                log.write(json.dumps(figures) + "\n")
        if time.monotonic() - saved > 240:
            saved = time.monotonic()
            _save(options.out / "checkpoint.pt", _state(model, step, tokens, saved - began, within), updates)
        if options.milestones and int(progress * options.milestones) > kept:
            kept = int(progress * options.milestones)
            part = options.out / f"part-{100 * kept // options.milestones:03d}.pt"
            _save(part, _state(model, step, tokens, elapsed, within))
    _save(options.out / "checkpoint.pt", _state(model, step, tokens, time.monotonic() - began, 1.0), updates)


def _progress(options: argparse.Namespace, tokens: int, elapsed_s: float) -> float:
    """Share of the schedule that is done."""
    return tokens / options.tokens if options.tokens else elapsed_s / (60 * options.minutes)


def _state(model: Decoder, step: int, tokens: int, spent: float, progress: float) -> dict[str, Any]:
    """What is saved of a model; `progress` in its stage tells how far the learning rate has fallen."""
    return {
        "model": model.state_dict(),
        "shape": {name: getattr(model.shape, name) for name in model.shape.__slots__},
        "step": step,
        "tokens": tokens,
        "spent_s": spent,
        "progress": progress,
    }


def _save(path: Path, state: dict[str, Any], updates: Sequence[torch.optim.Optimizer] = ()) -> None:
    state |= {"updates": [update.state_dict() for update in updates]}
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def _resume(path: Path, model: Decoder, updates: list[torch.optim.Optimizer]) -> tuple[int, int, float]:
    if not path.exists():
        return 0, 0, 0.0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    for update, saved in zip(updates, state["updates"], strict=True):
        update.load_state_dict(saved)
    print(f"resumed from {path} at step {state['step']}", flush=True)
    return state["step"], state["tokens"], state["spent_s"]


def main() -> None:
    """Parse options and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/nano"), help="folder of checkpoint and log")
    parser.add_argument("--minutes", type=float, default=200, help="length of the schedule by the clock")
    parser.add_argument("--tokens", type=int, default=0, help="length of the schedule in tokens; overrides --minutes")
    parser.add_argument("--stages", type=int, default=len(STAGES), help="how many stages of the recipe")
    parser.add_argument("--milestones", type=int, default=12, help="weights to keep on the way, evenly spread")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=16, help="rows per step")
    parser.add_argument("--length", type=int, default=512, help="tokens per row")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--ffn", type=int, default=704)
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--adam-lr", type=float, default=0.004)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--log-every", type=int, default=20)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
