"""Trains the tokenizer (VQGAN), the base model (transformer and text encoder together) or the super-resolution model, on one
GPU, many, or none.

    python train.py tokenizer --config tokenizer.json --data images/ --model model/ --run-folder runs/tokenizer
    torchrun --nproc_per_node 8 train.py base --config base.json --data images/ --model model/ --run-folder runs/base
    torchrun --nproc_per_node 8 train.py super-res --config super-res.json --data images/ --model model/ --run-folder runs/super-res

`model` is the model folder of the TypeScript packages: vqgan/, text_encoder/, transformer/ with config.json and
model.safetensors each; of a cascade also super_res_vqgan/ and super_res_transformer/. What is there is trained on; what is missing starts from the config. `run-folder` holds state.pt (from which
an interrupted run goes on, by the same command) and metrics.jsonl.
"""
import argparse
import json
import math
import os
import pathlib
import time

import torch

from base_task import BaseTask
from optimization import RunSettings, learning_rate_at
from processes import Processes
from super_res_task import SuperResTask
from tokenizer_task import TokenizerTask

TASKS = {"tokenizer": TokenizerTask, "base": BaseTask, "super-res": SuperResTask}


def train(task, s: RunSettings, run: pathlib.Path, processes: Processes, log_every: int) -> dict:
    """Steps from the last state to num_steps; returns the last metrics. Stops at a loss that is no number, state kept."""
    run.mkdir(parents=True, exist_ok=True)
    start = load_state(task, run / "state.pt", processes)
    metrics, saved, since = {}, start, time.monotonic()
    for step in range(start + 1, s.num_steps + 1):
        rate = learning_rate_at(s, step)
        for optimizer in task.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate * group.get("rate_scale", 1.0)
        values = task.step(step)
        is_saved = step % s.checkpoint_every == 0 or step == s.num_steps
        if step % log_every == 0 or is_saved:
            metrics = processes.mean(values)
            if not all(math.isfinite(value) for value in metrics.values()):
                raise RuntimeError(f"step {step}: expected finite numbers, got {metrics}; {run / 'state.pt'} is of step {saved}")
            if processes.is_first:
                seconds, since = time.monotonic() - since, time.monotonic()
                report(run, {"step": step, **metrics, "learning_rate": rate, "seconds": round(seconds, 3)}, s.num_steps)
        if is_saved:
            save_state(task, run / "state.pt", step, processes)
            saved = step
    return metrics


def report(run: pathlib.Path, row: dict, num_steps: int) -> None:
    with open(run / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(f"step {row['step']}/{num_steps}  " + "  ".join(f"{k} {v:.4g}" for k, v in row.items() if k != "step"), flush=True)


def save_state(task, path: pathlib.Path, step: int, processes: Processes) -> None:
    """Whole or not at all: written under another name, then renamed."""
    processes.check_same([module.state_dict() for module in task.modules.values()])
    if processes.is_first:
        temporary = path.with_suffix(".tmp")
        state = {
            "step": step,
            "modules": {name: module.state_dict() for name, module in task.modules.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in task.optimizers.items()},
            "means": {name: mean.state_dict() for name, mean in task.means.items()},
            "extra": task.extra_state(),
        }
        torch.save(state, temporary)
        os.replace(temporary, path)
    processes.wait()


def load_state(task, path: pathlib.Path, processes: Processes) -> int:
    """Restores a task; returns the steps done, 0 without a state."""
    if not path.exists():
        return 0
    state = torch.load(path, map_location=processes.device, weights_only=True)
    for kind in ("modules", "optimizers", "means"):
        for name, target in getattr(task, kind).items():
            target.load_state_dict(state[kind][name])
    task.load_extra_state(state["extra"])
    return state["step"]


def export(task, model: pathlib.Path, processes: Processes) -> None:
    """Writes the components (their running means, if there are any), and a model_index.json once all are there."""
    if processes.is_first:
        for name, mean in task.means.items():
            mean.swap(task.modules[name])
        task.save(model)
        for name, mean in task.means.items():
            mean.swap(task.modules[name])
        write_index(model)
    processes.wait()


SAMPLING = {
    "numSteps": 16, "guidanceScale": 2, "guidanceSchedule": "linear", "sampleTemperature": 1,
    "choiceTemperature": [2, 0], "order": "confidence", "maskSchedule": "cosine",
}  # fmt: skip


def write_index(model: pathlib.Path) -> None:
    """Of the base once its components are there, and of the second stage once its are; what is written stays."""
    path = model / "model_index.json"
    base = {"vqgan": "VQGAN", "text_encoder": "T5Encoder", "transformer": "MaskedTransformer"}
    super_res = {"super_res_transformer": "SuperResTransformer", "super_res_vqgan": "VQGAN"}
    has = lambda components: all((model / name / "model.safetensors").exists() for name in components)

    def image_size(vqgan: str) -> list[int]:
        return [json.loads((model / vqgan / "config.json").read_text())["imageSize"]] * 2

    if not has(base):
        return
    if path.exists():
        index = json.loads(path.read_text())
    else:
        index = {
            "format": "muse", "formatVersion": 1, "name": model.resolve().name, "license": "unknown",
            "components": base, "sampling": SAMPLING, "imageSize": image_size("vqgan"),
        }  # fmt: skip
    if has(super_res) and not super_res.keys() <= index["components"].keys():
        index["components"] |= super_res
        index["superResSampling"] = {**SAMPLING, "numSteps": 8, "guidanceScale": 1}
        index["superResImageSize"] = image_size("super_res_vqgan")
    path.write_text(json.dumps(index, indent=2) + "\n")


def main(arguments: list[str] | None = None) -> dict:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("kind", choices=TASKS)
    ap.add_argument("--config", type=pathlib.Path, required=True, help="run.json: settings, and the configs of new components")
    ap.add_argument("--data", type=pathlib.Path, required=True, help="folder of PNG files and metadata.jsonl")
    ap.add_argument("--model", type=pathlib.Path, required=True, help="model folder, read and written")
    ap.add_argument("--run-folder", type=pathlib.Path, required=True, help="folder of state.pt and metrics.jsonl")
    ap.add_argument("--precision", choices=["f32", "bf16"], default="f32", help="of the forward pass; weights stay f32")
    ap.add_argument("--workers", type=int, default=4, help="processes that read images, per GPU")
    ap.add_argument("--log-every", type=int, default=10)
    ap.add_argument("--coarse-data", type=pathlib.Path, help="super-res: the same images, drawn at the coarse size (default: --data, scaled)")
    ap.add_argument("--features", type=pathlib.Path, help="tokenizer: TorchScript network of the perceptual loss, [B, 3, H, W] → activations")
    ap.add_argument("--freeze-text-encoder", action="store_true", help="base: train the transformer alone, as in the paper")
    a = ap.parse_args(arguments)
    config = json.loads(a.config.read_text())
    settings = RunSettings.from_json(config["settings"])
    with Processes() as processes:
        task = TASKS[a.kind](config.get("model", {}), settings, processes, a)
        metrics = train(task, settings, a.run_folder, processes, a.log_every)
        export(task, a.model, processes)
    return metrics


if __name__ == "__main__":
    main()
