"""The tokenizer of Muse (Chang et al. 2023, arXiv 2301.00704, section 2.2): fully convolutional VQGAN, codebook, losses.

Names and layouts of the tensors are those of @muse/vqgan and of diffusers' VQModel without attention: all read the same
model.safetensors. Pixels are in [0, 1]. Legend: B batch, H W pixels, h w latents, V codebook, E code width, M = B·h·w.
"""
import json
import math
import pathlib
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

EPSILON = 1e-6


def snake_case(name: str) -> str:
    return re.sub("([A-Z])", lambda m: "_" + m[1].lower(), name)


@dataclass(frozen=True)
class VQGANConfig:
    """Channels finest first; the decoder has decoder_layers_per_block + 1 residual blocks per resolution."""

    image_size: int
    block_out_channels: tuple[int, ...]
    layers_per_block: int
    decoder_block_out_channels: tuple[int, ...]
    decoder_layers_per_block: int
    norm_num_groups: int
    codebook_size: int
    codebook_dim: int

    @staticmethod
    def from_json(fields: dict) -> "VQGANConfig":
        """A config.json: the same fields in camelCase."""
        return VQGANConfig(**{snake_case(k): tuple(v) if isinstance(v, list) else v for k, v in fields.items()})

    def to_json(self) -> dict:
        return {re.sub("_([a-z])", lambda m: m[1].upper(), k): v for k, v in asdict(self).items()}


class GroupNorm(nn.GroupNorm):
    def __init__(self, num_groups: int, channels: int):
        super().__init__(num_groups, channels, eps=EPSILON)


class ResidualBlock(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, groups: int):
        super().__init__()
        self.norm1, self.conv1 = GroupNorm(groups, in_channels), nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2, self.conv2 = GroupNorm(groups, out_channels), nn.Conv2d(out_channels, out_channels, 3, padding=1)
        if in_channels != out_channels:
            self.conv_shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        update = self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))
        return update + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class Downsample(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))  # zeros to the right and below only


class Upsample(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class Block(nn.Module):
    """Residual blocks at one resolution, then a change of it (by `down` or `up`), or none."""

    def __init__(self, in_channels: int, out_channels: int, layers: int, groups: int, down: bool = False, up: bool = False):
        super().__init__()
        widths = [in_channels] + [out_channels] * layers
        self.resnets = nn.ModuleList(ResidualBlock(i, o, groups) for i, o in zip(widths, widths[1:]))
        if down:
            self.downsamplers = nn.ModuleList([Downsample(out_channels)])
        if up:
            self.upsamplers = nn.ModuleList([Upsample(out_channels)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in [*self.resnets, *getattr(self, "downsamplers", ()), *getattr(self, "upsamplers", ())]:
            x = layer(x)
        return x


class Encoder(nn.Module):
    def __init__(self, c: VQGANConfig):
        super().__init__()
        channels, last = c.block_out_channels, len(c.block_out_channels) - 1
        self.conv_in = nn.Conv2d(3, channels[0], 3, padding=1)
        self.down_blocks = nn.ModuleList(
            Block(channels[max(i - 1, 0)], width, c.layers_per_block, c.norm_num_groups, down=i < last)
            for i, width in enumerate(channels)
        )
        self.mid_block = Block(channels[-1], channels[-1], 2, c.norm_num_groups)
        self.conv_norm_out = GroupNorm(c.norm_num_groups, channels[-1])
        self.conv_out = nn.Conv2d(channels[-1], c.codebook_dim, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.conv_in(images)
        for block in [*self.down_blocks, self.mid_block]:
            x = block(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class Decoder(nn.Module):
    def __init__(self, c: VQGANConfig):
        super().__init__()
        channels = c.decoder_block_out_channels[::-1]  # coarsest first
        layers, last = c.decoder_layers_per_block + 1, len(channels) - 1
        self.conv_in = nn.Conv2d(c.codebook_dim, channels[0], 3, padding=1)
        self.mid_block = Block(channels[0], channels[0], 2, c.norm_num_groups)
        self.up_blocks = nn.ModuleList(
            Block(channels[max(i - 1, 0)], width, layers, c.norm_num_groups, up=i < last) for i, width in enumerate(channels)
        )
        self.conv_norm_out = GroupNorm(c.norm_num_groups, channels[-1])
        self.conv_out = nn.Conv2d(channels[-1], 3, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        x = self.mid_block(self.conv_in(latents))
        for block in self.up_blocks:
            x = block(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class Quantizer(nn.Module):
    def __init__(self, c: VQGANConfig):
        super().__init__()
        self.embedding = nn.Embedding(c.codebook_size, c.codebook_dim)

    @torch.no_grad()
    def forward(self, latents: Tensor) -> Tensor:
        """latents [B, E, h, w] → the ids of the nearest codes, i64 [B, h, w]"""
        rows, codes = latents.movedim(1, -1), self.embedding.weight
        # ‖z − e‖² without ‖z‖², which is the same for every code.
        return (codes.square().sum(1) - 2 * rows @ codes.T).argmin(-1)

    def lookup(self, token_ids: Tensor) -> Tensor:
        """i64 [B, h, w] → [B, E, h, w]"""
        return self.embedding(token_ids).movedim(-1, 1)


@dataclass
class Reconstruction:
    latents: Tensor  # [B, E, h, w]
    token_ids: Tensor  # i64 [B, h, w]
    quantized: Tensor  # [B, E, h, w], with a gradient to the codebook
    reconstructed: Tensor  # [B, 3, H, W], not clipped; its gradient goes straight through to the latents


class VQGAN(nn.Module):
    def __init__(self, config: VQGANConfig):
        super().__init__()
        self.config = config
        width = config.codebook_dim
        self.encoder, self.quant_conv = Encoder(config), nn.Conv2d(width, width, 1)
        self.quantize = Quantizer(config)
        self.post_quant_conv, self.decoder = nn.Conv2d(width, width, 1), Decoder(config)
        reset_parameters(self)

    def encode_latents(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] → z [B, E, h, w]"""
        return self.quant_conv(self.encoder(images))

    def decode_latents(self, quantized: Tensor) -> Tensor:
        """[B, E, h, w] → [B, 3, H, W], not clipped"""
        return self.decoder(self.post_quant_conv(quantized))

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] in [0, 1] → i64 [B, h, w]"""
        return self.quantize(self.encode_latents(images))

    @torch.no_grad()
    def decode(self, token_ids: Tensor) -> Tensor:
        """i64 [B, h, w] → [B, 3, H, W] in [0, 1]"""
        return self.decode_latents(self.quantize.lookup(token_ids)).clamp(0, 1)

    def forward(self, images: Tensor) -> Reconstruction:
        latents = self.encode_latents(images)
        token_ids = self.quantize(latents)
        quantized = self.quantize.lookup(token_ids)
        passed = latents + (quantized - latents).detach()  # straight through
        return Reconstruction(latents, token_ids, quantized, self.decode_latents(passed))

    @staticmethod
    def load(folder: pathlib.Path | str) -> "VQGAN":
        folder = pathlib.Path(folder)
        model = VQGAN(VQGANConfig.from_json(json.loads((folder / "config.json").read_text())))
        model.load_state_dict(load_file(str(folder / "model.safetensors")))
        return model

    def save(self, folder: pathlib.Path | str) -> None:
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.config.to_json(), indent=2) + "\n")
        tensors = {name: p.detach().float().cpu().contiguous() for name, p in self.state_dict().items()}
        save_file(tensors, str(folder / "model.safetensors"))


@torch.no_grad()
def reset_parameters(module: nn.Module) -> None:
    """Convolutions normal of variance 1 / fan-in, the codebook standard normal, norms 1 and 0, biases 0."""
    for name, p in module.named_parameters():
        if p.dim() == 4:
            p.normal_(std=1 / math.sqrt(p[0].numel()))
        elif p.dim() == 2:
            p.normal_()
        else:
            p.fill_(0 if name.endswith("bias") else 1)


@dataclass(frozen=True)
class DiscriminatorConfig:
    channels: int = 32
    num_layers: int = 3
    norm_num_groups: int = 8


class DiscriminatorLayer(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, stride: int, groups: int):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(in_channels, out_channels, 4, stride, padding=1), GroupNorm(groups, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), 0.2)


class PatchDiscriminator(nn.Module):
    """Isola et al. 2017, arXiv 1611.07004, with group norm in place of batch norm."""

    def __init__(self, c: DiscriminatorConfig):
        super().__init__()
        widths = [c.channels * min(2**i, 8) for i in range(c.num_layers + 1)]
        self.conv_in = nn.Conv2d(3, widths[0], 4, stride=2, padding=1)
        self.layers = nn.ModuleList(
            DiscriminatorLayer(widths[i], widths[i + 1], 2 if i < c.num_layers - 1 else 1, c.norm_num_groups)
            for i in range(c.num_layers)
        )
        self.conv_out = nn.Conv2d(widths[-1], 1, 4, padding=1)
        reset_parameters(self)

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] in [0, 1] → logits [B, 1, h, w]"""
        x = F.leaky_relu(self.conv_in(images * 2 - 1), 0.2)
        for layer in self.layers:
            x = layer(x)
        return self.conv_out(x)


@dataclass(frozen=True)
class LossOptions:
    """Perceptual 0.05 and adversarial 0.1 are the paper's; see vqganLossDefaults in @muse/vqgan for the others."""

    pixel_kind: str = "l1"
    pixel_weight: float = 1.0
    perceptual_weight: float = 0.05
    commitment_weight: float = 0.25
    codebook_weight: float = 0.0  # 0 where CodebookEma moves the codes, 1 where the gradient does
    adversarial_kind: str = "hinge"
    adversarial_weight: float = 0.1
    discriminator_start_step: int = 0

    @staticmethod
    def from_json(fields: dict) -> "LossOptions":
        return LossOptions(**{snake_case(k): v for k, v in fields.items()})

    def is_discriminator_active(self, step: int) -> bool:
        return self.adversarial_weight != 0 and step >= self.discriminator_start_step


FeatureNetwork = Callable[[Tensor], list[Tensor]]


def perceptual_loss(network: FeatureNetwork, reconstructed: Tensor, images: Tensor) -> Tensor:
    """Σ_layers mean Σ_C of the squared difference of features of unit length over the channels: LPIPS without its weights."""
    unit = lambda f: f * (f.square().sum(1, keepdim=True) + 1e-10).rsqrt()
    pairs = zip(network(reconstructed), network(images), strict=True)
    return sum((unit(a) - unit(b)).square().sum(1).mean() for a, b in pairs)


def generator_loss(
    vqgan: VQGAN,
    images: Tensor,
    step: int,
    options: LossOptions,
    network: FeatureNetwork | None = None,
    discriminator: PatchDiscriminator | None = None,
) -> tuple[Tensor, dict[str, Tensor], Reconstruction]:
    """The loss of encoder and decoder, its terms before their weights, and what the pass gave. `step` counts from 0."""
    o, out = options, vqgan(images)
    difference = out.reconstructed - images
    terms = {
        "pixel": difference.abs().mean() if o.pixel_kind == "l1" else difference.square().mean(),
        "commitment": (out.latents - out.quantized.detach()).square().mean(),
    }
    if o.codebook_weight:
        terms["codebook"] = (out.quantized - out.latents.detach()).square().mean()
    if network is not None and o.perceptual_weight:
        terms["perceptual"] = perceptual_loss(network, out.reconstructed, images)
    if discriminator is not None and o.is_discriminator_active(step):
        score = -discriminator(out.reconstructed)
        terms["adversarial"] = (score if o.adversarial_kind == "hinge" else F.softplus(score)).mean()
    loss = sum(getattr(o, f"{name}_weight") * term for name, term in terms.items())
    return loss, terms, out


def discriminator_loss(discriminator: PatchDiscriminator, images: Tensor, reconstructed: Tensor, kind: str = "hinge") -> Tensor:
    penalty = (lambda x: F.relu(1 + x).mean()) if kind == "hinge" else (lambda x: F.softplus(x).mean())
    return 0.5 * (penalty(-discriminator(images)) + penalty(discriminator(reconstructed.detach())))


class CodebookEma:
    """The codebook as moving averages (van den Oord et al. 2017, appendix A.1), with dead codes replaced by latents of the batch."""

    def __init__(self, codebook: Tensor, decay: float = 0.99, epsilon: float = 1e-5, dead_share: float = 0.03):
        self.codebook, self.decay, self.epsilon, self.dead_share = codebook, decay, epsilon, dead_share
        self.count = torch.ones(codebook.shape[0], device=codebook.device)  # N
        self.sum = codebook.detach().clone()  # m

    @torch.no_grad()
    def initialize(self, rows: Tensor, generator: torch.Generator | None = None) -> None:
        """k-means++ over latents [M, E]; of fewer distinct rows than codes, copies with a little noise fill the rest."""
        V = self.codebook.shape[0]
        draw = lambda *shape: torch.rand(*shape, generator=generator, device=rows.device)
        distances = torch.full([len(rows)], math.inf, device=rows.device)
        for code in range(V):
            total = distances.sum()
            if code and total == 0:
                picks = (draw(V - code) * len(rows)).long()
                noise = torch.randn(V - code, rows.shape[1], generator=generator, device=rows.device)
                self.codebook[code:] = rows[picks] + 0.01 * rows.std(correction=0) * noise
                break
            u = draw(1)
            row = torch.searchsorted(distances.cumsum(0), u * total).clamp(max=len(rows) - 1) if code else (u * len(rows)).long()
            self.codebook[code] = rows[row]
            distances = torch.minimum(distances, (rows - rows[row]).square().sum(1))
        self.count.fill_(len(rows) / V)
        self.sum.copy_(self.codebook * self.count[:, None])

    @torch.no_grad()
    def update(self, rows: Tensor, token_ids: Tensor, generator: torch.Generator | None = None) -> dict[str, float]:
        """rows [M, E] and their codes i64 [M] → perplexity, codes used by the batch, codes that were dead"""
        V = len(self.count)
        used = torch.bincount(token_ids, minlength=V).to(rows.dtype)
        sums = torch.zeros_like(self.sum).index_add_(0, token_ids, rows)
        self.count.lerp_(used, 1 - self.decay)
        self.sum.lerp_(sums, 1 - self.decay)
        total = self.count.sum()
        smoothed = (self.count + self.epsilon) / (total + V * self.epsilon) * total
        self.codebook.copy_(self.sum / smoothed[:, None])
        share = self.count / total
        perplexity = torch.exp(-torch.xlogy(share, share).sum())
        dead = (self.count < self.dead_share * total / V).nonzero()[:, 0]
        if len(dead):
            self.revive(dead, total / V, rows, token_ids, generator)
        return {"perplexity": perplexity.item(), "used_codes": int((used > 0).sum()), "dead_codes": len(dead)}

    def revive(self, dead: Tensor, count: Tensor, rows: Tensor, token_ids: Tensor, generator: torch.Generator | None) -> None:
        """Replacements are drawn in proportion to the squared distance of a latent to its code, each at most once."""
        errors = (rows - self.codebook[token_ids]).square().sum(1)
        u = torch.rand(len(rows), generator=generator, device=rows.device)
        keys = torch.where(errors > 0, u.log() / errors, -math.inf)
        picks = keys.argsort(descending=True)[: min(len(dead), int((errors > 0).sum()))]
        dead = dead[: len(picks)]
        self.codebook[dead], self.sum[dead], self.count[dead] = rows[picks], rows[picks] * count, count
