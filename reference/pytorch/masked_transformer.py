"""The base transformer of Muse (Chang et al. 2023, arXiv 2301.00704, section 2.3): masking, model, loss.

Names and layouts of the tensors are those of @muse/masked-transformer: both read the same config.json and model.safetensors.
Legend: B batch, S image tokens (h·w), T text tokens, D width, N heads, K head dim, F MLP, V codebook, Dt text width.
"""
import json
import math
import pathlib
import re
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

INIT_STD = 0.02
EPSILON = 1e-6


class JsonFields:
    """Fields of a config.json: the same in camelCase."""

    @classmethod
    def from_json(cls, fields: dict):
        return cls(**{re.sub("([A-Z])", lambda m: "_" + m[1].lower(), k): v for k, v in fields.items()})

    def to_json(self) -> dict:
        return {re.sub("_([a-z])", lambda m: m[1].upper(), k): v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class MaskedTransformerConfig(JsonFields):
    latent_size: int
    codebook_size: int
    hidden_size: int
    num_layers: int
    num_heads: int
    mlp_dim: int
    text_dim: int
    cond_drop_prob: float = 0.1
    label_smoothing: float = 0.1


PRESETS = {
    "tiny": MaskedTransformerConfig(8, 13, 21, 2, 3, 29, 44),
    "emoji": MaskedTransformerConfig(8, 1024, 256, 6, 4, 1024, 256),
    "632M": MaskedTransformerConfig(16, 8192, 1024, 36, 16, 4096, 4096),
    "3B": MaskedTransformerConfig(16, 8192, 2048, 48, 32, 8192, 4096),
}


class LayerNorm(nn.Module):
    """With a weight and no bias."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, None, EPSILON)


def linear(in_size: int, out_size: int) -> nn.Linear:
    return nn.Linear(in_size, out_size, bias=False)


class Attention(nn.Module):
    """Multi-head attention after a norm. Without biases, so that a text of which nothing is seen contributes zero."""

    def __init__(self, c: MaskedTransformerConfig):
        super().__init__()
        self.num_heads = c.num_heads
        self.norm = LayerNorm(c.hidden_size)
        self.query, self.key, self.value, self.output = (linear(c.hidden_size, c.hidden_size) for _ in range(4))

    def split(self, x: Tensor) -> Tensor:
        """[B, S, N·K] → [B, N, S, K]"""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def among(self, x: Tensor) -> Tensor:
        """Self-attention. x [B, S, D] (normed) → [B, S, D]"""
        return self.mix(x, self.key(x), self.value(x), None)

    def mix(self, x: Tensor, keys: Tensor, values: Tensor, key_mask: Tensor | None) -> Tensor:
        """x [B, S, D] (normed), keys and values [B, T, D], key_mask [B, T] → [B, S, D]"""
        visible = None if key_mask is None else (1 - key_mask[:, None, None, :]).to(x.dtype) * -1e9  # [B, 1, 1, T]
        mixed = F.scaled_dot_product_attention(
            self.split(self.query(x)), self.split(keys), self.split(values), attn_mask=visible
        )  # [B, N, S, K]
        out = mixed.transpose(1, 2).flatten(2)
        if key_mask is not None:
            out = out * key_mask.amax(1)[:, None, None].to(out.dtype)  # zero where no key is seen
        return self.output(out)


class MLP(nn.Module):
    def __init__(self, c: MaskedTransformerConfig):
        super().__init__()
        self.norm = LayerNorm(c.hidden_size)
        self.up, self.down = linear(c.hidden_size, c.mlp_dim), linear(c.mlp_dim, c.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(self.norm(x))))


class Layer(nn.Module):
    def __init__(self, c: MaskedTransformerConfig):
        super().__init__()
        self.self_attention, self.cross_attention, self.mlp = Attention(c), Attention(c), MLP(c)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, key_mask: Tensor) -> Tensor:
        x = x + self.self_attention.among(self.self_attention.norm(x))
        x = x + self.cross_attention.mix(self.cross_attention.norm(x), keys, values, key_mask)
        return x + self.mlp(x)


class Head(nn.Module):
    """Dense, GELU, norm, output: the head of BERT and MaskGIT. The only biases of the model."""

    def __init__(self, c: MaskedTransformerConfig):
        super().__init__()
        self.dense, self.norm = nn.Linear(c.hidden_size, c.hidden_size), LayerNorm(c.hidden_size)
        self.output = nn.Linear(c.hidden_size, c.codebook_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.norm(F.gelu(self.dense(x))))


@torch.no_grad()
def reset_parameters(module: nn.Module, num_branches: int) -> None:
    """Normal of 0.02; what writes to the residual stream starts smaller by √(2 · branches) (GPT-2)."""
    for name, p in module.named_parameters():
        if p.dim() == 1:
            p.fill_(0 if name.endswith("bias") else 1)
        else:
            is_residual = re.search(r"(attention\.output|mlp\.down)\.weight$", name)
            p.normal_(std=INIT_STD / math.sqrt(2 * num_branches) if is_residual else INIT_STD)


class TokenGrid(nn.Module):
    """Base of what starts from a grid of tokens: codes, and learned 2D positions (a row's embedding plus a column's)."""

    def __init__(self, num_tokens: int, side: int, width: int):
        super().__init__()
        self.token_embedding = nn.Embedding(num_tokens, width)
        self.row_embedding, self.column_embedding = nn.Embedding(side, width), nn.Embedding(side, width)

    def embed(self, token_ids: Tensor) -> Tensor:
        """[B, S] → [B, S, D]"""
        positions = self.row_embedding.weight[:, None] + self.column_embedding.weight[None, :]  # [h, w, D]
        return self.token_embedding(token_ids) + positions.flatten(0, 1)


class MaskedTransformer(TokenGrid):
    config_class, layer_class = MaskedTransformerConfig, Layer

    def __init__(self, config):
        super().__init__(config.codebook_size + 1, config.latent_size, config.hidden_size)  # the last token is the mask
        self.config = config
        self.text_projection = linear(config.text_dim, config.hidden_size)
        self.layers = nn.ModuleList(self.layer_class(config) for _ in range(config.num_layers))
        self.final_norm = LayerNorm(config.hidden_size)
        self.head = Head(config)
        reset_parameters(self, 3 * config.num_layers)

    @property
    def mask_token_id(self) -> int:
        return self.config.codebook_size

    def prepare(self, text_embeds: Tensor, text_mask: Tensor) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        """text_embeds [B, T, Dt], text_mask [B, T] → keys and values of each cross-attention [B, T, D], their mask [B, T]"""
        return self.keys_values(self.text_projection(text_embeds)), text_mask

    def keys_values(self, context: Tensor) -> list[tuple[Tensor, Tensor]]:
        """context [B, T, D] → per layer the keys and values [B, T, D] of its cross-attention"""
        return [(layer.cross_attention.key(context), layer.cross_attention.value(context)) for layer in self.layers]

    def hidden_states(self, token_ids: Tensor, keys_values: list[tuple[Tensor, Tensor]], key_mask: Tensor) -> Tensor:
        """→ [B, S, D], below the head."""
        x = self.embed(token_ids)
        for layer, (keys, values) in zip(self.layers, keys_values, strict=True):
            x = layer(x, keys, values, key_mask)
        return self.final_norm(x)

    def forward(self, token_ids: Tensor, *given: Tensor) -> Tensor:
        """token_ids i64 [B, S] in [0, V], and what `prepare` takes → logits [B, S, V]"""
        return self.head(self.hidden_states(token_ids, *self.prepare(*given)))

    @classmethod
    def load(cls, folder: pathlib.Path | str):
        folder = pathlib.Path(folder)
        model = cls(cls.config_class.from_json(json.loads((folder / "config.json").read_text())))
        model.load_state_dict(load_file(str(folder / "model.safetensors")))
        return model

    def save(self, folder: pathlib.Path | str) -> None:
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.config.to_json(), indent=2) + "\n")
        tensors = {name: p.detach().float().cpu().contiguous() for name, p in self.state_dict().items()}
        save_file(tensors, str(folder / "model.safetensors"))


def sample_masking(config, token_ids: Tensor, generator: torch.Generator | None = None):
    """Ratio cos(πu/2) per image, max(1, round(ratio·S)) random positions; text dropped with probability cond_drop_prob.

    token_ids i64 [B, S] → masked ids i64 [B, S], loss mask bool [B, S], is text dropped bool [B]
    """
    B, S = token_ids.shape
    draw = lambda *shape: torch.rand(*shape, generator=generator, device=token_ids.device)
    count = (torch.cos(math.pi / 2 * draw(B)) * S).round().clamp(min=1)
    rank = draw(B, S).argsort(-1).argsort(-1)  # a random order per image
    loss_mask = rank < count[:, None]
    masked_ids = token_ids.masked_fill(loss_mask, config.codebook_size)
    return masked_ids, loss_mask, draw(B) < config.cond_drop_prob


def masked_token_loss(
    model: MaskedTransformer,
    masked_ids: Tensor,
    labels: Tensor,
    loss_mask: Tensor,
    text_embeds: Tensor,
    text_mask: Tensor,
    is_text_dropped: Tensor | None = None,
    *given: Tensor,
    code_targets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """→ loss (mean over all masked tokens of the batch of cross-entropy with label smoothing), accuracy on them

    given: what `prepare` takes beside the text
    code_targets: [V, V], for each code the distribution that takes the place of its one-hot target
    """
    if is_text_dropped is not None:
        text_mask = text_mask * (~is_text_dropped[:, None]).to(text_mask.dtype)
    states = model.hidden_states(masked_ids, *model.prepare(text_embeds, text_mask, *given))
    logits = model.head(states[loss_mask.bool()])  # [M, V]
    targets = labels[loss_mask.bool()]
    wanted = targets if code_targets is None else code_targets[targets]
    loss = F.cross_entropy(logits, wanted, label_smoothing=model.config.label_smoothing)
    return loss, (logits.argmax(-1) == targets).float().mean().detach()
