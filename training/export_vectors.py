"""Write what torch makes of the released weights, for the test that checks the numpy engine against it.

    python -m training.export_vectors

Each vector is a prompt with its greedy completion and the log-probability of each of its tokens, computed in fp32 by
the training framework, without caches or batches.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file

from sleeptime.lab.worlds import FAMILIES, generate_world, language
from sleeptime.nano.tokenizer import Tokenizer
from training.export import RELEASE
from training.model import Decoder, Shape, chain_inputs

TARGET = Path(__file__).parents[1] / "tests/data/nano_vectors.json"
MAX_TOKENS = 96
MIN_MARGIN = 1e-3
"""A completion ends where its best two logits are closer than this: rounding may decide there, and proves nothing."""


def prompts(seed: int) -> Iterator[str]:
    """Two worlds of different families, each slept on and asked, with and without notes, at every verbosity."""
    rng = random.Random(seed)
    for family in (FAMILIES[0], FAMILIES[-1]):
        world = generate_world(family, rng)
        context = f"<|context|> {world.text}"
        notes = " ".join(language.notes(world, language.MAX_EFFORT, rng))
        for effort in range(1, language.MAX_EFFORT + 1):
            yield f"{context} <|sleep{effort}|>"
        for verbosity, query in enumerate(rng.sample(world.queries, 5)):
            asked = f"<|query|> {query.text} <|v{verbosity}|>"
            yield f"{context} {asked}"
            yield f"{context} <|notes|> {notes} {asked}"


@torch.inference_mode()
def greedy(model: Decoder, prompt: list[int], stop: int) -> tuple[list[int], list[float]]:
    """Greedy completion, stop token included, and its natural log-probabilities; reads everything anew each time."""
    ids, logprobs = list(prompt), []
    while len(ids) < len(prompt) + MAX_TOKENS and ids[-1] != stop:
        positions, previous, mask = chain_inputs(len(ids))
        logits = model(torch.tensor([ids]), positions, previous, mask)[0, -1]
        best = logits.topk(2)
        if best.values[0] - best.values[1] < MIN_MARGIN:
            break
        ids.append(int(best.indices[0]))
        logprobs.append(float(logits.log_softmax(-1)[ids[-1]]))
    return ids[len(prompt) :], logprobs


def vectors(weights: Path, seed: int) -> dict[str, object]:
    """All vectors of the weights in a folder, with the digest of the weights that made them."""
    config = json.loads((weights / "config.json").read_text())
    tensors = load_file(weights / "nano.safetensors")
    model = Decoder(Shape(**{name: config[name] for name in Shape.__slots__})).eval()
    model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    tokenizer = Tokenizer.load()
    entries = []
    for text in prompts(seed):
        prompt = tokenizer.encode(text, allow_control=True)
        completion, logprobs = greedy(model, prompt, tokenizer.id("<|end|>"))
        entries.append(
            {"text": text, "prompt": prompt, "greedy": completion, "logprobs": [round(value, 5) for value in logprobs]}
        )
    return {"sha256": config["sha256"], "vectors": entries}


def main() -> None:
    """Parse options and write the vectors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=RELEASE)
    parser.add_argument("--target", type=Path, default=TARGET)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    made = vectors(options.weights, options.seed)
    lines = ",\n".join(json.dumps(entry) for entry in made["vectors"])
    options.target.parent.mkdir(parents=True, exist_ok=True)
    options.target.write_text(f'{{"sha256": "{made["sha256"]}", "vectors": [\n{lines}\n]}}\n')
    print(f"{len(made['vectors'])} vectors -> {options.target}")


if __name__ == "__main__":
    main()
