"""T5 encoder, v1.0 and v1.1 (Raffel et al. 2020, arXiv 1910.10683; gated feed-forward: Shazeer 2020, arXiv 2002.05202).

Names and layouts of the tensors are those of transformers' T5EncoderModel, so the same model.safetensors is read here, by
transformers and by @muse/t5-encoder. Legend: B batch, T text tokens, D width, N heads, K head width, F inner width.
"""
import json
import math
import pathlib
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

ACTIVATIONS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
}


@dataclass(frozen=True)
class T5Config:
    """transformers' fields, and `maxLength` (tokens per text) of the model folder."""

    vocab_size: int
    d_model: int
    d_kv: int
    d_ff: int
    num_layers: int
    num_heads: int
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128
    layer_norm_epsilon: float = 1e-6
    feed_forward_proj: str = "gated-gelu"
    maxLength: int = 64

    @staticmethod
    def from_json(fields: dict) -> "T5Config":
        """A config.json of transformers (other fields are ignored) or of the TypeScript package (camelCase)."""
        if "dModel" in fields:
            fields = from_camel_case(fields)
        known = T5Config.__dataclass_fields__
        return T5Config(**{name: value for name, value in fields.items() if name in known})

    def to_json(self) -> dict:
        return {"architectures": ["T5EncoderModel"], "model_type": "t5", **asdict(self), "dropout_rate": 0, "pad_token_id": 0, "eos_token_id": 1}

    @property
    def is_gated(self) -> bool:
        return self.feed_forward_proj.startswith("gated-")

    @property
    def activation(self) -> str:
        # transformers reads "gated-gelu" as gelu_new: what v1.1 was trained with.
        return "gelu_new" if self.feed_forward_proj == "gated-gelu" else self.feed_forward_proj.removeprefix("gated-")


def from_camel_case(fields: dict) -> dict:
    snake = lambda name: "".join("_" + c.lower() if c.isupper() else c for c in name)
    out = {name if name == "maxLength" else snake(name): value for name, value in fields.items()}
    activation, is_gated = out.pop("activation", "gelu_new"), out.pop("is_gated", True)
    if is_gated:
        activation = "gated-" + ("gelu" if activation == "gelu_new" else activation)
    return {**out, "feed_forward_proj": activation}


class RMSNorm(nn.Module):
    def __init__(self, width: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon))


class SelfAttention(nn.Module):
    """softmax(q·kᵀ + bias)·v per head; no division by √K. Only layer 0 holds the position bias, which all layers use."""

    def __init__(self, c: T5Config, has_position_bias: bool):
        super().__init__()
        inner = c.num_heads * c.d_kv
        self.num_heads = c.num_heads
        self.q, self.k, self.v = (nn.Linear(c.d_model, inner, bias=False) for _ in range(3))
        self.o = nn.Linear(inner, c.d_model, bias=False)
        self.q.weight.rate_scale = c.d_kv**-0.5  # q holds the division by √K: its steps are as much smaller
        if has_position_bias:
            self.relative_attention_bias = nn.Embedding(c.relative_attention_num_buckets, c.num_heads)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        B, T, _ = x.shape
        split = lambda y: y.view(B, T, self.num_heads, -1).transpose(1, 2)  # [B, N, T, K]
        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)  # [B, N, T, K]
        return self.o(mixed.transpose(1, 2).reshape(B, T, -1))


class DenseReluDense(nn.Module):
    def __init__(self, c: T5Config):
        super().__init__()
        self.activation, self.is_gated = ACTIVATIONS[c.activation], c.is_gated
        if c.is_gated:
            self.wi_0 = nn.Linear(c.d_model, c.d_ff, bias=False)
            self.wi_1 = nn.Linear(c.d_model, c.d_ff, bias=False)
        else:
            self.wi = nn.Linear(c.d_model, c.d_ff, bias=False)
        self.wo = nn.Linear(c.d_ff, c.d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.activation(self.wi_0(x)) * self.wi_1(x) if self.is_gated else self.activation(self.wi(x))
        return self.wo(inner)


class Sublayer(nn.Module):
    """One residual branch with its norm; the child's name is what transformers calls it."""

    def __init__(self, name: str, child: nn.Module, c: T5Config):
        super().__init__()
        self.child_name = name
        self.add_module(name, child)
        self.layer_norm = RMSNorm(c.d_model, c.layer_norm_epsilon)

    def forward(self, x: Tensor, *args: Tensor) -> Tensor:
        return x + self.get_submodule(self.child_name)(self.layer_norm(x), *args)


class Block(nn.Module):
    def __init__(self, c: T5Config, index: int):
        super().__init__()
        attention = SelfAttention(c, has_position_bias=index == 0)
        self.layer = nn.ModuleList([Sublayer("SelfAttention", attention, c), Sublayer("DenseReluDense", DenseReluDense(c), c)])

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        return self.layer[1](self.layer[0](x, bias))


def relative_position_buckets(T: int, num_buckets: int, max_distance: int) -> Tensor:
    """i64 [T, T], row = query, column = key: half of the buckets for keys to the right, exact near by, logarithmic far off."""
    position = torch.arange(T)
    distance = position[None, :] - position[:, None]
    half, exact = num_buckets // 2, num_buckets // 4
    far = exact + (torch.log(distance.abs().clamp(min=1).float() / exact) / math.log(max_distance / exact) * (half - exact)).long()
    near_or_far = torch.where(distance.abs() < exact, distance.abs(), far.clamp(max=half - 1))
    return near_or_far + (distance > 0) * half


class T5Encoder(nn.Module):
    def __init__(self, config: T5Config):
        super().__init__()
        self.config = config
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = nn.Module()
        self.encoder.block = nn.ModuleList(Block(config, i) for i in range(config.num_layers))
        self.encoder.final_layer_norm = RMSNorm(config.d_model, config.layer_norm_epsilon)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """transformers' initialisation. q starts small in place of the scores' division by √K."""
        c = self.config
        for name, p in self.named_parameters():
            if p.dim() == 1:
                p.fill_(1)
            elif name == "shared.weight":
                p.normal_(std=1.0)
            elif name.endswith(".q.weight"):
                p.normal_(std=(c.d_model * c.d_kv) ** -0.5)
            elif name.endswith("relative_attention_bias.weight"):
                p.normal_(std=c.d_model**-0.5)
            else:
                p.normal_(std=p.shape[1] ** -0.5)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids i64 [B, T], mask [B, T] (1 = token, 0 = padding) → [B, T, D]. States at padding are not zeroed."""
        c = self.config
        buckets = relative_position_buckets(ids.shape[1], c.relative_attention_num_buckets, c.relative_attention_max_distance)
        table = self.encoder.block[0].layer[0].SelfAttention.relative_attention_bias
        bias = table(buckets.to(ids.device)).permute(2, 0, 1)[None]  # [1, N, T, T]
        bias = bias + (1 - mask[:, None, None, :].to(bias.dtype)) * -1e9  # [B, N, T, T]
        x = self.shared(ids)
        for block in self.encoder.block:
            x = block(x, bias.to(x.dtype))
        return self.encoder.final_layer_norm(x)

    @staticmethod
    def load(folder: pathlib.Path | str) -> "T5Encoder":
        """From config.json and model.safetensors, of the encoder alone or of the whole T5."""
        folder = pathlib.Path(folder)
        model = T5Encoder(T5Config.from_json(json.loads((folder / "config.json").read_text())))
        tensors = load_file(str(folder / "model.safetensors"))
        table = tensors.pop("encoder.embed_tokens.weight", None)
        if table is not None:
            tensors.setdefault("shared.weight", table)
        model.load_state_dict({n: t for n, t in tensors.items() if not n.startswith(("decoder.", "lm_head."))})
        return model

    def save(self, folder: pathlib.Path | str) -> None:
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.config.to_json(), indent=2) + "\n")
        tensors = {name: p.detach().float().cpu().contiguous() for name, p in self.state_dict().items()}
        save_file(tensors, str(folder / "model.safetensors"))
