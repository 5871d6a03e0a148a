"""The super-resolution model, on the tokens of two frozen VQGANs and a frozen text encoder: the paper's second stage."""
import pathlib

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from base_task import ENCODE_BATCH, BaseTask, cached_token_ids, component
from image_folder import ImageFolder, caption_ids
from masked_transformer import masked_token_loss, sample_masking
from optimization import RunSettings, WeightEma, make_optimizer
from processes import Processes, ShardOrder
from super_res_transformer import SuperResTransformer, SuperResTransformerConfig
from t5_encoder import T5Encoder
from vqgan import VQGAN


class SuperResModel(nn.Module):
    """The transformer with its loss, so that a batch goes through one forward pass."""

    def __init__(self, transformer: SuperResTransformer):
        super().__init__()
        self.transformer = transformer

    def forward(self, masked_ids: Tensor, labels: Tensor, loss_mask: Tensor, dropped: Tensor, text: Tensor, mask: Tensor, coarse: Tensor):
        return masked_token_loss(self.transformer, masked_ids, labels, loss_mask, text, mask, dropped, coarse)


class SuperResTask(BaseTask):
    """A base task whose text encoder is frozen, and which sees the coarse tokens."""

    def __init__(self, configs: dict, settings: RunSettings, processes: Processes, arguments):
        self.settings, self.processes, self.precision = settings, processes, arguments.precision
        torch.manual_seed(settings.seed)
        folder: pathlib.Path = arguments.model
        coarse_vqgan, vqgan = (VQGAN.load(folder / name).to(processes.device).eval() for name in ("vqgan", "super_res_vqgan"))
        self.text_encoder = T5Encoder.load(folder / "text_encoder").to(processes.device).eval().requires_grad_(False)
        name = "super_res_transformer"
        transformer = component(SuperResTransformer, SuperResTransformerConfig, folder / name, configs.get(name))
        check_sizes(self.text_encoder.config, transformer.config, vqgan.config, coarse_vqgan.config)
        self.model = SuperResModel(transformer).to(processes.device)
        self.wrapped = processes.wrap(self.model)
        self.modules = {"model": self.model}
        self.optimizers = {"model": make_optimizer(settings, self.model)}
        self.means = {"model": WeightEma(self.model, settings.ema_decay)} if settings.ema_decay is not None else {}

        images = ImageFolder(arguments.data, vqgan.config.image_size)
        coarse_images = ImageFolder(arguments.coarse_data or arguments.data, coarse_vqgan.config.image_size)
        if coarse_images.captions != images.captions:
            raise ValueError(f"expected the captions of {images.folder} in {coarse_images.folder}, got others")
        self.order = ShardOrder(len(images), processes.share(settings.batch_size), processes, settings.seed)

        def encode(name: str, model: VQGAN, dataset: ImageFolder) -> Tensor:
            loader = DataLoader(Subset(dataset, self.order.rows), ENCODE_BATCH, num_workers=arguments.workers)
            cache = arguments.run_folder / f"{name}-{processes.rank}-of-{processes.count}.pt"
            return cached_token_ids(cache, model, loader, processes.device)

        self.token_ids = encode("token_ids", vqgan, images)
        self.coarse_ids = encode("coarse_token_ids", coarse_vqgan, coarse_images)
        # Codes are chosen at full f32; from here on matrix products may be TF32.
        torch.set_float32_matmul_precision("high")
        captions = [images.captions[row] for row in self.order.rows]
        ids, mask = caption_ids(folder / "text_encoder" / "tokenizer.json", captions, self.text_encoder.config.maxLength)
        self.ids, self.mask = ids.to(processes.device), mask.to(processes.device)

    def step(self, step: int) -> dict[str, Tensor]:
        s, optimizer = self.settings, self.optimizers["model"]
        optimizer.zero_grad(set_to_none=True)
        losses, accuracies = [], []
        for micro in range(s.accumulation_steps):
            index = (step - 1) * s.accumulation_steps + micro
            rows = self.order.batch(index)
            labels, mask = self.token_ids[rows], self.mask[rows]
            masked_ids, loss_mask, dropped = sample_masking(
                self.model.transformer.config, labels, self.processes.generator(s.seed, 1, index)
            )
            with self.processes.delayed(self.wrapped, micro == s.accumulation_steps - 1):
                with self.processes.autocast(self.precision):
                    with torch.no_grad():
                        text = self.text_encoder(self.ids[rows], mask)
                    loss, accuracy = self.wrapped(masked_ids, labels, loss_mask, dropped, text, mask, self.coarse_ids[rows])
                (loss / s.accumulation_steps).backward()
            losses.append(loss.detach())
            accuracies.append(accuracy)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), s.max_gradient_norm or float("inf"))
        optimizer.step()
        for mean in self.means.values():
            mean.update(self.model, step)
        return {"loss": torch.stack(losses).mean(), "accuracy": torch.stack(accuracies).mean(), "gradient_norm": norm}

    def save(self, folder: pathlib.Path) -> None:
        self.model.transformer.save(folder / "super_res_transformer")


def check_sizes(text, transformer: SuperResTransformerConfig, fine, coarse) -> None:
    side = lambda vqgan: vqgan.image_size // 2 ** (len(vqgan.block_out_channels) - 1)
    expected = {
        "text_dim": text.d_model, "codebook_size": fine.codebook_size, "latent_size": side(fine),
        "coarse_codebook_size": coarse.codebook_size, "coarse_latent_size": side(coarse),
    }  # fmt: skip
    got = {name: getattr(transformer, name) for name in expected}
    if got != expected:
        raise ValueError(f"expected a transformer of {expected}, as its VQGANs and text encoder have them, got {got}")
