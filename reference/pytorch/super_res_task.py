"""The super-resolution model, on the tokens of two frozen VQGANs and a frozen text encoder: the paper's second stage."""
import pathlib

import torch
from torch import Tensor, nn

from base_task import BaseTask, component
from image_folder import ImageFolder
from masked_transformer import masked_token_loss
from optimization import RunSettings
from processes import Processes, ShardOrder
from super_res_transformer import SuperResTransformer, SuperResTransformerConfig
from t5_encoder import T5Encoder
from vqgan import VQGAN


class SuperResModel(nn.Module):
    """The transformer with its loss, so that a batch goes through one forward pass."""

    def __init__(self, transformer: SuperResTransformer):
        super().__init__()
        self.transformer = transformer
        self.code_targets: Tensor | None = None

    def forward(self, masked_ids: Tensor, labels: Tensor, loss_mask: Tensor, dropped: Tensor, text: Tensor, mask: Tensor, coarse: Tensor):
        return masked_token_loss(
            self.transformer, masked_ids, labels, loss_mask, text, mask, dropped, coarse, code_targets=self.code_targets
        )


class SuperResTask(BaseTask):
    """A base task whose text encoder is frozen, and which sees the coarse tokens."""

    def __init__(self, configs: dict, settings: RunSettings, processes: Processes, arguments):
        self.settings, self.processes, self.arguments = settings, processes, arguments
        torch.manual_seed(settings.seed)
        folder: pathlib.Path = arguments.model
        coarse_vqgan, vqgan = (VQGAN.load(folder / name).to(processes.device).eval() for name in ("vqgan", "super_res_vqgan"))
        self.text_encoder = T5Encoder.load(folder / "text_encoder").to(processes.device).eval().requires_grad_(False)
        name = "super_res_transformer"
        transformer = component(SuperResTransformer, SuperResTransformerConfig, folder / name, configs.get(name))
        check_sizes(self.text_encoder.config, transformer.config, vqgan.config, coarse_vqgan.config)
        self.trains(SuperResModel(transformer))

        images = ImageFolder(arguments.data, vqgan.config.image_size)
        coarse_images = ImageFolder(arguments.coarse_data or arguments.data, coarse_vqgan.config.image_size)
        if coarse_images.captions != images.captions:
            raise ValueError(f"expected the captions of {images.folder} in {coarse_images.folder}, got others")
        self.order = ShardOrder(len(images), processes.share(settings.batch_size), processes, settings.seed)
        self.token_ids = self.encode("token_ids", vqgan, images)
        self.smooth_codes(vqgan)
        self.coarse_ids = self.encode("coarse_token_ids", coarse_vqgan, coarse_images)
        self.read_captions(images, self.text_encoder.config)

    def conditioning(self, rows: list[int]) -> tuple[Tensor, ...]:
        """What the model is given of a batch beside its fine tokens: states of the texts, their mask, and the coarse tokens."""
        mask = self.mask[rows]
        with torch.no_grad():
            text = self.text_encoder(self.ids[rows], mask)
        return text, mask, self.coarse_ids[rows]

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
