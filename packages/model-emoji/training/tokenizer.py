"""Trains the tokenizer of the bundled model: how version 0.1's weights were made, in 25 minutes of one CPU core.

    node packages/emoji-scenes/scripts/exportScenes.mjs --count 30000 --seed 1 --out scenes
    python packages/model-emoji/training/tokenizer.py codes   --data scenes --model model --steps 1750
    python packages/model-emoji/training/tokenizer.py decoder --data scenes --model model --minutes 43

`codes` trains everything. For its first 300 steps the encoder's outputs reach the decoder as they are; then the codebook starts
as the k-means of the outputs of 40 batches, and moves as their running mean. Starting with codes at once left 130 of 1024 in use.
`decoder` goes on with the decoder alone, as the paper finetunes its own: the codes, and a transformer trained on them, stay.
Loss: L1 + 2·L2 (decoder: 4·L2) + 0.25 commitment, bfloat16 convolutions; no perceptual and no adversarial term yet.
"""
import argparse
import math
import pathlib
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "reference/pytorch"))
from image_folder import ImageFolder, to_float  # noqa: E402
from vqgan import VQGAN, VQGANConfig  # noqa: E402

CONFIG = VQGANConfig.from_json(
    {
        "imageSize": 64, "blockOutChannels": [16, 32, 64, 128], "layersPerBlock": 1, "decoderBlockOutChannels": [16, 32, 64, 128],
        "decoderLayersPerBlock": 1, "normNumGroups": 8, "codebookSize": 1024, "codebookDim": 16,
    }
)  # fmt: skip
BATCH, LEARNING_RATE, QUANTIZER_START, KMEANS_BATCHES = 32, 1e-3, 300, 40


class Codebook:
    """Running means of the latents of each code (van den Oord et al. 2017, appendix A), decay 0.99."""

    def __init__(self, model: VQGAN, latents: Tensor):
        rows = latents[torch.randperm(len(latents))[:60_000]]
        self.weight = model.quantize.embedding.weight
        size = len(self.weight)
        codes = rows[torch.randperm(len(rows))[:size]].clone()
        for _ in range(12):
            ids = torch.cat([(codes.square().sum(1) - 2 * part @ codes.T).argmin(1) for part in rows.split(8192)])
            count = torch.bincount(ids, minlength=size).float()
            codes = torch.zeros_like(codes).index_add_(0, ids, rows) / count.clamp(min=1)[:, None]
            codes[count == 0] = rows[torch.randint(len(rows), (int((count == 0).sum()),))]
        self.count = count.clamp(min=0.5) * (BATCH * 64 / len(rows))
        self.sum = codes * self.count[:, None]
        self.weight.data = codes

    def update(self, rows: Tensor, ids: Tensor, revives: bool) -> None:
        size = len(self.weight)
        self.count.lerp_(torch.bincount(ids, minlength=size).float(), 0.01)
        self.sum.lerp_(torch.zeros_like(self.sum).index_add_(0, ids, rows), 0.01)
        total = self.count.sum()
        self.weight.data = self.sum / ((self.count + 1e-5) / (total + size * 1e-5) * total)[:, None]
        dead = (self.count < 0.03 * total / size).nonzero()[:, 0] if revives else []
        if len(dead):
            self.weight.data[dead] = rows[torch.randint(len(rows), (len(dead),))]
            self.count[dead] = total / size * 0.2
            self.sum[dead] = self.weight.data[dead] * self.count[dead, None]


def train(arguments: argparse.Namespace) -> None:
    torch.manual_seed(0)
    random, is_whole = np.random.default_rng(0), arguments.part == "codes"
    folder = arguments.model / "vqgan"
    model = (VQGAN(CONFIG) if is_whole else VQGAN.load(folder)).to(memory_format=torch.channels_last)
    images = ImageFolder(arguments.data, CONFIG.image_size)
    pixels = torch.stack([images[i] for i in range(len(images))])
    model.quantize.requires_grad_(False)
    if not is_whole:
        model.encoder.requires_grad_(False)
        model.quant_conv.requires_grad_(False)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    mean = {name: p.detach().clone() for name, p in trained.items()}
    optimizer = torch.optim.Adam(trained.values(), LEARNING_RATE, betas=(0.9, 0.99))
    codebook, pool, start, step, error = None, [], time.monotonic(), 0, 0.0
    progress = lambda: step / arguments.steps if is_whole else (time.monotonic() - start) / (60 * arguments.minutes)
    while progress() < 1:
        rate = LEARNING_RATE * min(1, (step + 1) / 100) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress())))
        for group in optimizer.param_groups:
            group["lr"] = rate
        x = to_float(pixels[random.integers(len(pixels), size=BATCH)]).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16), torch.set_grad_enabled(is_whole):
            z = model.encode_latents(x)
        z = z.float()
        rows = z.detach().movedim(1, -1).flatten(0, -2)
        if is_whole and QUANTIZER_START - KMEANS_BATCHES <= step < QUANTIZER_START:
            pool.append(rows)
        if is_whole and step == QUANTIZER_START:
            codebook = Codebook(model, torch.cat(pool))
        if is_whole and codebook is None:
            passed, commitment = z, 0.01 * z.square().mean()
        else:
            ids = model.quantize(z)
            quantized = model.quantize.lookup(ids)
            passed, commitment = z + (quantized - z).detach(), F.mse_loss(z, quantized)
        with torch.autocast("cpu", torch.bfloat16):
            y = model.decode_latents(passed.contiguous(memory_format=torch.channels_last))
        y = y.float()
        squared = F.mse_loss(y, x)
        ((y - x).abs().mean() + (2 if is_whole else 4) * squared + (0.25 * commitment if is_whole else 0)).backward()
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            if codebook is not None:
                codebook.update(rows, ids.flatten(), revives=step % 20 == 0 and progress() < 0.8)
            for name, p in trained.items():
                mean[name].lerp_(p, 0.005 if step > 300 else 0.1)
        step, error = step + 1, error + float(squared.detach())
        if step % 50 == 0:
            per_second = step * BATCH / (time.monotonic() - start)
            print(f"step {step}  psnr {-10 * math.log10(error / 50):.2f}  {per_second:.0f} images/s  {100 * progress():.0f}%", flush=True)
            error = 0.0
    model.load_state_dict(mean, strict=False)
    model.save(folder)


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("part", choices=["codes", "decoder"])
    ap.add_argument("--data", type=pathlib.Path, required=True, help="folder of exportScenes.mjs")
    ap.add_argument("--model", type=pathlib.Path, required=True, help="model folder, vqgan/ is written")
    ap.add_argument("--steps", type=int, default=1750)
    ap.add_argument("--minutes", type=float, default=43)
    train(ap.parse_args())
