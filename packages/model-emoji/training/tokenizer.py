"""Trains the tokenizer of the bundled model: how its weights were made, in 25 minutes of one CPU core and 28 of two.

    node packages/emoji-scenes/scripts/exportScenes.mjs --count 110000 --seed 1 --out scenes
    python packages/model-emoji/training/tokenizer.py codes --data scenes --images 30000 --model model --steps 1750
    torchrun --nproc_per_node 2 packages/model-emoji/training/tokenizer.py refine --data scenes --model model --minutes 28
    python packages/model-emoji/training/tokenizer.py merge --data scenes --images 30000 --model model
    python packages/model-emoji/training/tokenizer.py decoder --data scenes --model model --minutes 8.5

and of the second stage's, from the first's:

    node packages/emoji-scenes/scripts/exportScenes.mjs --count 30000 --seed 1 --image-size 128 --out fine-scenes
    torchrun --nproc_per_node 2 packages/model-emoji/training/tokenizer.py fine --data fine-scenes --images 9000 --from model --model fine-model --minutes 13
    python packages/model-emoji/training/tokenizer.py merge --data fine-scenes --images 1500 --model fine-model

`codes` trains everything. For its first 300 steps the encoder's outputs reach the decoder as they are; then the codebook starts
as the k-means of the outputs of 40 batches, and moves as their running mean. Starting with codes at once left 130 of 1024 in use.

`refine` goes on with a decoder of 192 channels at 8 × 8 in place of 128, as the paper finetunes a larger one, and pulls the
latents of equal patches (8 × 8 pixels, the same to the bit) to their mean. Without that, what stands beside a flat patch decides
its code: 70 to 250 codes for each background colour, 3.3 nats per token that no prompt foretells and the transformer had to guess.

`merge` takes codes out of use that differ from another only in how a common patch was read: 21 codes, 44 % of the flat tokens.
What is left to guess of a flat token is then 0.2 nats. Such a code moves to where no latent is; nothing else changes.

`decoder` trains the decoder alone: the codes, and a transformer that was trained on them, stay.

`fine` starts from what `decoder` left, with one more residual block at each resolution of the decoder (the identity at first),
and trains everything on images of 128 × 128 pixels, 12 at a time: the codes mean about the same there, parts twice as near.

Loss: L1 + 2·L2 (refine: 4·L2, decoder and fine: 8·L2) + 0.25 commitment + (refine, fine) 2·spread of equal patches, bfloat16 convolutions;
no perceptual and no adversarial term.
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
from processes import Processes  # noqa: E402
from vqgan import VQGAN, VQGANConfig  # noqa: E402

CONFIG = {
    "imageSize": 64, "blockOutChannels": [16, 32, 64, 128], "layersPerBlock": 1, "decoderBlockOutChannels": [16, 32, 64, 128],
    "decoderLayersPerBlock": 1, "normNumGroups": 8, "codebookSize": 1024, "codebookDim": 16,
}  # fmt: skip
REFINED = {**CONFIG, "decoderBlockOutChannels": [16, 32, 64, 192]}
FINE = {**REFINED, "imageSize": 128, "decoderLayersPerBlock": 2}
BATCH, FINE_BATCH, LEARNING_RATE, QUANTIZER_START, KMEANS_BATCHES = 32, 12, 1e-3, 300, 40
PATCH = 8
COMMON = 0.01  # a kind of patch that is so large a share of all is merged to one code
STATE = "codebook.pt"


class Codebook:
    """Running means of the latents of each code (van den Oord et al. 2017, appendix A), decay 0.99."""

    def __init__(self, weight: Tensor, count: Tensor, total: Tensor):
        self.weight, self.count, self.sum = weight, count, total

    @staticmethod
    def by_kmeans(weight: Tensor, latents: Tensor) -> "Codebook":
        rows, size = latents[torch.randperm(len(latents))[:60_000]], len(weight)
        codes = rows[torch.randperm(len(rows))[:size]].clone()
        for _ in range(12):
            ids = torch.cat([(codes.square().sum(1) - 2 * part @ codes.T).argmin(1) for part in rows.split(8192)])
            count = torch.bincount(ids, minlength=size).float()
            codes = torch.zeros_like(codes).index_add_(0, ids, rows) / count.clamp(min=1)[:, None]
            codes[count == 0] = rows[torch.randint(len(rows), (int((count == 0).sum()),))]
        weight.data = codes
        count = count.clamp(min=0.5) * (BATCH * 64 / len(rows))
        return Codebook(weight, count, codes * count[:, None])

    @staticmethod
    def in_use(weight: Tensor, ids: Tensor) -> "Codebook":
        """As it stands, counted on what a few batches use."""
        count = torch.bincount(ids, minlength=len(weight)).float() * (FINE_BATCH * 256 / len(ids))
        return Codebook(weight, count, weight * count[:, None])

    def update(self, rows: Tensor, ids: Tensor, revived: Tensor | None, processes: Processes) -> None:
        """`revived`: latents that take the places of codes out of use, if any may."""
        size = len(self.weight)
        used, total = torch.bincount(ids, minlength=size).float(), torch.zeros_like(self.sum).index_add_(0, ids, rows)
        self.count.lerp_(processes.sum(used), 0.01)
        self.sum.lerp_(processes.sum(total), 0.01)
        total = self.count.sum()
        self.weight.data = self.sum / ((self.count + 1e-5) / (total + size * 1e-5) * total)[:, None]
        dead = (self.count < 0.03 * total / size).nonzero()[:, 0] if revived is not None else []
        if len(dead):
            picked = revived[torch.randint(len(revived), (len(dead),))]
            self.weight.data[dead] = processes.of_first(picked)
            self.count[dead] = total / size * 0.2
            self.sum[dead] = self.weight.data[dead] * self.count[dead, None]


def equal_patches(images: Tensor) -> tuple[Tensor, Tensor]:
    """Images u8 [B, 3, H, W] → for each patch, row by row, the number of its kind and how many of the kind there are, i64 [M]."""
    B, C, H, W = images.shape
    patches = images.reshape(B, C, H // PATCH, PATCH, W // PATCH, PATCH).permute(0, 2, 4, 1, 3, 5).reshape(-1, C * PATCH * PATCH)
    generator = torch.Generator().manual_seed(5)
    odd = torch.randint(-(2**62), 2**62, (patches.shape[1],), generator=generator) | 1
    _, kind, count = torch.unique((patches.long() * odd).sum(1), return_inverse=True, return_counts=True)
    return kind, count[kind]


def spread_of_equals(rows: Tensor, kind: Tensor, count: Tensor) -> Tensor:
    """Mean squared distance of the latents [M, E] of patches that came more than once to the mean of their kind."""
    mean = torch.zeros_like(rows).index_add_(0, kind, rows.detach() / count[:, None])[kind]
    several = (count > 1).float()
    return ((rows - mean).square().mean(1) * several).sum() / several.sum().clamp(min=1)


@torch.no_grad()
def merge(arguments: argparse.Namespace) -> None:
    """For each common kind of patch, keeps the code that it gets most often, and takes out of use the others that are mostly its own."""
    folder = arguments.model / "vqgan"
    model = VQGAN.load(folder).eval()
    pixels = read(arguments, model.config.image_size)
    size, parts = len(model.quantize.embedding.weight), pixels.split(64)
    ids = torch.cat([model.encode(to_float(part)).flatten() for part in parts])
    kind, count = equal_patches(pixels)
    used, is_common = torch.bincount(ids, minlength=size), count >= COMMON * len(ids)
    used_for_common = torch.bincount(ids[is_common], minlength=size)
    uses = [torch.bincount(ids[kind == k], minlength=size) for k in kind[is_common].unique()]
    kept = {int(use.argmax()) for use in uses}
    retired = {
        code
        for use in uses
        for code in use.nonzero()[:, 0].tolist()
        if code not in kept and used_for_common[code] >= 0.7 * used[code] and use[code] >= 0.5 * used_for_common[code]
    }
    weight = model.quantize.embedding.weight
    weight[sorted(retired)] = 8 * weight.abs().max()
    model.save(folder)
    print(f"{len(retired)} codes of {size} out of use")


def read(arguments: argparse.Namespace, size: int) -> Tensor:
    """u8 [N, 3, size, size]"""
    images = ImageFolder(arguments.data, size)
    return torch.stack([images[i] for i in range(min(len(images), arguments.images))])


def start(arguments: argparse.Namespace, pixels: Tensor) -> tuple[VQGAN, Codebook | None]:
    """A new model; for `refine` the one in `model`, for `fine` that in `from`, with new layers where the decoder is larger; for
    `decoder` the one in `model`, its encoder fixed."""
    part, folder = arguments.part, arguments.model / "vqgan"
    if part == "codes":
        return VQGAN(VQGANConfig.from_json(CONFIG)), None
    if part == "decoder":
        model = VQGAN.load(folder)
        for fixed in (model.encoder, model.quant_conv):
            fixed.requires_grad_(False)
        return model, None
    if part == "fine":
        model = grown(FINE, VQGAN.load(getattr(arguments, "from") / "vqgan"))
        with torch.no_grad():
            ids = torch.cat([model.encode(to_float(some)).flatten() for some in pixels[:480].split(16)])
        return model, Codebook.in_use(model.quantize.embedding.weight, ids)
    state = torch.load(folder / STATE, weights_only=True)
    model = grown(REFINED, VQGAN.load(folder))
    return model, Codebook(model.quantize.embedding.weight, state["count"], state["sum"])


@torch.no_grad()
def grown(config: dict, smaller: VQGAN) -> VQGAN:
    """Of another config, with the tensors that fit; residual blocks that are new do nothing yet."""
    model, given = VQGAN(VQGANConfig.from_json(config)), smaller.state_dict()
    own = model.state_dict()
    model.load_state_dict({name: tensor for name, tensor in given.items() if tensor.shape == own[name].shape}, strict=False)
    for name, p in model.named_parameters():
        if name not in given and ".conv2." in name:
            p.zero_()
    return model


def train(arguments: argparse.Namespace, processes: Processes) -> None:
    random, part = np.random.default_rng(processes.rank), arguments.part
    refines, is_timed = part in ("refine", "fine"), part != "codes"
    peak = LEARNING_RATE / 2 if part == "decoder" else LEARNING_RATE
    folder, batch_size = arguments.model / "vqgan", FINE_BATCH if part == "fine" else BATCH
    share = processes.share(batch_size)
    torch.manual_seed(0)
    pixels = read(arguments, (FINE if part == "fine" else CONFIG)["imageSize"])
    model, codebook = start(arguments, pixels)
    torch.manual_seed(processes.rank)
    model = model.to(memory_format=torch.channels_last)
    model.quantize.requires_grad_(False)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    mean = {name: p.detach().clone() for name, p in trained.items()}
    optimizer = torch.optim.Adam(trained.values(), LEARNING_RATE, betas=(0.9, 0.99))
    pool, began, step, error, progress = [], time.monotonic(), 0, 0.0, 0.0
    while progress < 1:
        rate = peak * min(1, (step + 1) / 100) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = pixels[random.integers(len(pixels), size=share)]
        x = to_float(batch).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16), torch.set_grad_enabled(part != "decoder"):
            z = model.encode_latents(x)
        z = z.float()
        rows = z.movedim(1, -1).flatten(0, -2)
        if part == "codes" and QUANTIZER_START - KMEANS_BATCHES <= step < QUANTIZER_START:
            pool.append(rows.detach())
        if part == "codes" and step == QUANTIZER_START:
            codebook = Codebook.by_kmeans(model.quantize.embedding.weight, torch.cat(pool))
        if part == "codes" and codebook is None:
            passed, commitment = z, 0.01 * z.square().mean()
        else:
            ids = model.quantize(z)
            quantized = model.quantize.lookup(ids)
            passed, commitment = z + (quantized - z).detach(), F.mse_loss(z, quantized)
        with torch.autocast("cpu", torch.bfloat16):
            y = model.decode_latents(passed.contiguous(memory_format=torch.channels_last))
        y = y.float()
        squared = F.mse_loss(y, x)
        loss = (y - x).abs().mean() + {"codes": 2, "refine": 4, "decoder": 8, "fine": 8}[part] * squared + 0.25 * commitment
        if refines:
            kind, count = equal_patches(batch)
            loss = loss + 2 * spread_of_equals(rows, kind, count)
        loss.backward()
        for p in trained.values():
            p.grad = processes.sum(p.grad) / processes.count
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            if codebook is not None:
                rows = rows.detach()
                unlike = rows[count == 1] if refines and (count == 1).any() else rows
                revives = step % 20 == 0 and progress < (0.75 if refines else 0.8)
                codebook.update(rows, ids.flatten(), unlike if revives else None, processes)
            for name, p in trained.items():
                mean[name].lerp_(p, 0.005 if step > 300 else 0.1)
        step, error = step + 1, error + float(squared.detach())
        minutes = processes.of_first(torch.tensor([(time.monotonic() - began) / 60.0])).item()
        progress = minutes / arguments.minutes if is_timed else step / arguments.steps
        if step % 50 == 0 and processes.is_first:
            per_second = step * batch_size / (60 * minutes)
            print(f"step {step}  psnr {-10 * math.log10(error / 50):.2f}  {per_second:.0f} images/s  {100 * progress:.0f}%", flush=True)
            error = 0.0
    model.load_state_dict(mean, strict=False)
    if processes.is_first:
        model.save(folder)
        if codebook is not None:
            torch.save({"count": codebook.count, "sum": codebook.sum}, folder / STATE)


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("part", choices=["codes", "refine", "merge", "decoder", "fine"])
    ap.add_argument("--data", type=pathlib.Path, required=True, help="folder of exportScenes.mjs")
    ap.add_argument("--images", type=int, default=10**9, help="of the folder, the first so many")
    ap.add_argument("--model", type=pathlib.Path, required=True, help="model folder, vqgan/ is written")
    ap.add_argument("--from", type=pathlib.Path, help="of fine: model folder of the first stage")
    ap.add_argument("--steps", type=int, default=1750, help="of codes")
    ap.add_argument("--minutes", type=float, default=28, help="of refine, decoder and fine")
    parsed = ap.parse_args()
    with Processes() as processes:
        merge(parsed) if parsed.part == "merge" else train(parsed, processes)
