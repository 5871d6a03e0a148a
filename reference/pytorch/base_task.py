"""The base model: transformer and text encoder trained together on the tokens of a frozen VQGAN."""
import math
import os
import pathlib

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from image_folder import ImageFolder, caption_ids, to_float
from masked_transformer import MaskedTransformer, MaskedTransformerConfig, masked_token_loss, sample_masking
from optimization import RunSettings, WeightEma, clip_gradients, make_optimizer
from processes import Processes, ShardOrder
from t5_encoder import T5Config, T5Encoder
from vqgan import VQGAN

ENCODE_BATCH = 64
COMMON = 0.005


class BaseModel(nn.Module):
    """One module for both, so that their gradients are exchanged together."""

    def __init__(self, text_encoder: T5Encoder, transformer: MaskedTransformer):
        super().__init__()
        self.text_encoder, self.transformer = text_encoder, transformer
        self.code_targets: Tensor | None = None

    def forward(self, masked_ids: Tensor, labels: Tensor, loss_mask: Tensor, dropped: Tensor, ids: Tensor, mask: Tensor):
        text = self.text_encoder(ids, mask)
        return masked_token_loss(self.transformer, masked_ids, labels, loss_mask, text, mask, dropped, code_targets=self.code_targets)


def near_code_targets(codebook: Tensor, width: float, uses: Tensor) -> Tensor:
    """For each code [E] of [V, E] a distribution over the codes around it, [V, V]: softmax(−d² / (2·width·d̄²)).

    d̄² is the mean squared distance of a code to its nearest, of those that are in use (the others lie far off). Which of
    several near codes a patch got can depend on what stands far away in the image: the text can't foretell it, and to miss it by
    a near one costs the image little. Codes of many uses [V], as those of plain backgrounds, keep one-hot targets.
    """
    distance = torch.cdist(codebook, codebook).square()
    nearest = distance.fill_diagonal_(math.inf).min(1).values
    scale = nearest[nearest < 10 * nearest.median()].mean()
    targets = torch.softmax(-distance.fill_diagonal_(0) / (2 * width * scale), dim=1)
    common = (uses > COMMON * uses.sum()).nonzero()[:, 0]
    targets[common] = torch.eye(len(codebook), device=codebook.device)[common]
    return targets


class BaseTask:
    def __init__(self, configs: dict, settings: RunSettings, processes: Processes, arguments):
        self.settings, self.processes, self.arguments = settings, processes, arguments
        torch.manual_seed(settings.seed)
        folder: pathlib.Path = arguments.model
        text_encoder = component(T5Encoder, T5Config, folder / "text_encoder", configs.get("text_encoder"))
        transformer = component(MaskedTransformer, MaskedTransformerConfig, folder / "transformer", configs.get("transformer"))
        vqgan = VQGAN.load(folder / "vqgan").to(processes.device).eval()
        check_sizes(text_encoder.config, transformer.config, vqgan.config)
        text_encoder.requires_grad_(not arguments.freeze_text_encoder)
        self.trains(BaseModel(text_encoder, transformer))

        images = ImageFolder(arguments.data, vqgan.config.image_size)
        self.order = ShardOrder(len(images), processes.share(settings.batch_size), processes, settings.seed)
        self.token_ids = self.encode("token_ids", vqgan, images)
        self.smooth_codes(vqgan)
        self.read_captions(images, text_encoder.config)
        self.lengths = self.mask.sum(1).long().tolist()

    def trains(self, model: nn.Module) -> None:
        self.model = model.to(self.processes.device)
        self.wrapped = self.processes.wrap(self.model)
        self.modules = {"model": self.model}
        self.optimizers = {"model": make_optimizer(self.settings, self.model)}
        decay = self.settings.ema_decay
        self.means = {"model": WeightEma(self.model, decay)} if decay is not None else {}

    def encode(self, name: str, vqgan: VQGAN, images: ImageFolder) -> Tensor:
        """i64 [images of this process, S]; kept in the run folder under the name."""
        processes, arguments = self.processes, self.arguments
        loader = DataLoader(Subset(images, self.order.rows), ENCODE_BATCH, num_workers=arguments.workers)
        return cached_token_ids(arguments.run_folder / f"{name}-{processes.rank}-of-{processes.count}.pt", vqgan, loader, processes.device)

    def smooth_codes(self, vqgan: VQGAN) -> None:
        if self.settings.code_smoothing > 0:
            codebook = vqgan.quantize.embedding.weight.detach()
            uses = self.processes.sum(torch.bincount(self.token_ids.flatten(), minlength=len(codebook)))
            self.model.code_targets = near_code_targets(codebook, self.settings.code_smoothing, uses)

    def read_captions(self, images: ImageFolder, config: T5Config) -> None:
        # Codes are chosen at full f32; from here on matrix products may be TF32.
        torch.set_float32_matmul_precision("high")
        captions = images.captions
        captions = [captions[row] for row in self.order.rows]
        ids, mask = caption_ids(self.arguments.model / "text_encoder" / "tokenizer.json", captions, config.maxLength)
        if ids.max() >= config.vocab_size:
            raise ValueError(f"expected token ids below vocab_size {config.vocab_size}, got {ids.max()}")
        self.ids, self.mask = ids.to(self.processes.device), mask.to(self.processes.device)

    def conditioning(self, rows: list[int]) -> tuple[Tensor, ...]:
        """What the model is given of a batch beside its tokens: the texts, no longer than the longest."""
        longest = max(self.lengths[row] for row in rows)
        return self.ids[rows, :longest], self.mask[rows, :longest]

    def step(self, step: int) -> dict[str, Tensor]:
        s, optimizer = self.settings, self.optimizers["model"]
        optimizer.zero_grad(set_to_none=True)
        losses, accuracies = [], []
        for micro in range(s.accumulation_steps):
            index = (step - 1) * s.accumulation_steps + micro
            rows = self.order.batch(index)
            labels = self.token_ids[rows]
            generator = self.processes.generator(s.seed, 1, index)
            masked_ids, loss_mask, dropped = sample_masking(self.model.transformer.config, labels, generator)
            with self.processes.delayed(self.wrapped, micro == s.accumulation_steps - 1):
                with self.processes.autocast(self.arguments.precision):
                    loss, accuracy = self.wrapped(masked_ids, labels, loss_mask, dropped, *self.conditioning(rows))
                (loss / s.accumulation_steps).backward()
            losses.append(loss.detach())
            accuracies.append(accuracy)
        norm = clip_gradients(s, self.model)
        optimizer.step()
        for mean in self.means.values():
            mean.update(self.model, step)
        return {"loss": torch.stack(losses).mean(), "accuracy": torch.stack(accuracies).mean(), "gradient_norm": norm}

    def extra_state(self) -> dict:
        return {}

    def load_extra_state(self, state: dict) -> None:
        assert state == {}

    def save(self, folder: pathlib.Path) -> None:
        self.model.text_encoder.save(folder / "text_encoder")
        self.model.transformer.save(folder / "transformer")


def component(model_class, config_class, folder: pathlib.Path, config: dict | None):
    """From its folder if it is there, else new from its config."""
    if (folder / "model.safetensors").exists():
        return model_class.load(folder)
    if config is None:
        raise ValueError(f"expected {folder / 'model.safetensors'}, or model.{folder.name} in run.json, got neither")
    return model_class(config_class.from_json(config))


def check_sizes(text: T5Config, transformer: MaskedTransformerConfig, vqgan) -> None:
    side = vqgan.image_size // 2 ** (len(vqgan.block_out_channels) - 1)
    expected = {"text_dim": text.d_model, "codebook_size": vqgan.codebook_size, "latent_size": side}
    got = {name: getattr(transformer, name) for name in expected}
    if got != expected:
        raise ValueError(f"expected a transformer of {expected}, as its VQGAN and text encoder have them, got {got}")


def cached_token_ids(path: pathlib.Path, vqgan, loader: DataLoader, device: torch.device) -> Tensor:
    """As encode_all, kept in `path` for the runs that go on from here; encoded anew when the codes are others."""
    codes = {"codebook": vqgan.quantize.embedding.weight.detach().cpu(), "images": len(loader.dataset)}
    if path.exists():
        kept = torch.load(path, map_location="cpu", weights_only=True)
        if kept["images"] == codes["images"] and torch.equal(kept["codebook"], codes["codebook"]):
            return kept["token_ids"].to(device)
    token_ids = encode_all(vqgan, loader, device)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    torch.save({**codes, "token_ids": token_ids.cpu()}, temporary)
    os.replace(temporary, path)
    return token_ids


@torch.no_grad()
def encode_all(vqgan, loader: DataLoader, device: torch.device) -> Tensor:
    """i64 [images, S] on the device; kept as codes, every epoch costs the VQGAN nothing."""
    return torch.cat([vqgan.encode(to_float(images.to(device))).flatten(1) for images in loader])
