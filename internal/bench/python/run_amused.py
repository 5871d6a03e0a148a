"""Times diffusers' aMUSEd on the CPU; prints a line of JSON per measurement. The twin of src/runAmused.mjs.

python run_amused.py MODEL DTYPE BATCH STEPS
"""

import json
import os
import resource
import sys
import time

import torch
from diffusers import AmusedPipeline

model, dtype, batch, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
WARM_RUNS = 3
FIRST_STEPS = 2


def report(measure: str, start: float) -> None:
    peak_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps({"measure": measure, "ms": (time.perf_counter() - start) * 1000, "peakMb": peak_mb}), flush=True)


def measure(name: str, run) -> None:
    """A first run apart: it makes what later ones reuse."""
    run()
    for _ in range(WARM_RUNS):
        start = time.perf_counter()
        run()
        report(name, start)


torch.set_num_threads(os.cpu_count())
start = time.perf_counter()
pipe = AmusedPipeline.from_pretrained(model, torch_dtype={"f32": torch.float32, "bf16": torch.bfloat16}[dtype])
pipe.set_progress_bar_config(disable=True)
report("load", start)

side, rows = pipe.transformer.config.sample_size, 2 * batch
with torch.inference_mode():
    tokens = torch.full((rows, side, side), pipe.scheduler.config.mask_token_id)
    conditions = {
        "encoder_hidden_states": torch.randn(rows, 77, pipe.transformer.config.encoder_hidden_size, dtype=pipe.dtype),
        "pooled_text_emb": torch.randn(rows, pipe.transformer.config.cond_embed_dim, dtype=pipe.dtype),
        "micro_conds": torch.tensor([[512, 512, 0, 0, 6.0]] * rows, dtype=pipe.dtype),
    }
    measure("forward", lambda: pipe.transformer(tokens, **conditions))
    codes = torch.zeros((batch, side, side), dtype=torch.long)
    shape = (batch, side, side, pipe.vqvae.config.latent_channels)
    measure("decode", lambda: pipe.vqvae.decode(codes, force_not_quantize=True, shape=shape).sample.clip(0, 1))


def generate(name: str, num_steps: int) -> None:
    start = time.perf_counter()
    pipe(
        "a photo of a red cat", num_inference_steps=num_steps, num_images_per_prompt=batch,
        generator=torch.manual_seed(1), callback=lambda step, *_: print(json.dumps({"step": step}), flush=True),
    )
    report(name, start)


generate("first pipeline", FIRST_STEPS)
generate("pipeline", steps)
