"""The super-resolution transformer of Muse (Chang et al. 2023, arXiv 2301.00704, section 2.4): the base's parts on a fine grid, told
by the coarse tokens what the image is. Masking and loss are those of masked_transformer.py.

Names and layouts of the tensors are those of @muse/masked-transformer. Beside the legend there: s coarse tokens, P tokens of a
block, G blocks.
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masked_transformer import MLP, Attention, JsonFields, Layer, LayerNorm, MaskedTransformer, TokenGrid, reset_parameters


@dataclass(frozen=True)
class SuperResTransformerConfig(JsonFields):
    latent_size: int
    codebook_size: int
    coarse_latent_size: int
    coarse_codebook_size: int
    hidden_size: int
    num_layers: int
    coarse_num_layers: int
    num_heads: int
    mlp_dim: int
    text_dim: int
    block_size: int
    cond_drop_prob: float = 0.1
    label_smoothing: float = 0.1


PRESETS = {
    "tiny": SuperResTransformerConfig(16, 17, 8, 13, 22, 2, 1, 2, 29, 44, 8),
    "emoji": SuperResTransformerConfig(16, 1024, 8, 1024, 256, 4, 1, 4, 1024, 256, 4),
    "268M": SuperResTransformerConfig(64, 8192, 16, 8192, 1024, 12, 3, 16, 4096, 4096, 8),
    "3B-cascade": SuperResTransformerConfig(64, 8192, 16, 8192, 1024, 32, 16, 16, 4096, 4096, 8),
}


class MultiAxisAttention(Attention):
    """HiT (Zhao et al. 2021, arXiv 2106.07631): the first half of the heads attends within blocks of tokens, the
    second half across the blocks, to the tokens at the same place in each. HiT shares keys and values among heads; here not."""

    def __init__(self, c: SuperResTransformerConfig):
        super().__init__(c)
        self.block_size, self.num_blocks = c.block_size, c.latent_size // c.block_size

    def to_blocks(self, x: Tensor) -> Tensor:
        """[B, S, N·K] → [B, N, G, P, K]"""
        n, b = self.num_blocks, self.block_size
        x = x.unflatten(-1, (self.num_heads, -1)).unflatten(1, (n, b, n, b))  # [B, rows, row, columns, column, N, K]
        return x.permute(0, 5, 1, 3, 2, 4, 6).flatten(4, 5).flatten(2, 3)

    def from_blocks(self, x: Tensor) -> Tensor:
        """[B, N, G, P, K] → [B, S, N·K]"""
        n, b = self.num_blocks, self.block_size
        x = x.unflatten(3, (b, b)).unflatten(2, (n, n))  # [B, N, rows, columns, row, column, K]
        return x.permute(0, 2, 4, 3, 5, 1, 6).flatten(5, 6).flatten(1, 4)

    def among(self, x: Tensor) -> Tensor:
        """x [B, S, D] (normed) → [B, S, D]"""
        (q, q2), (k, k2), (v, v2) = (self.to_blocks(part(x)).chunk(2, dim=1) for part in (self.query, self.key, self.value))
        within = F.scaled_dot_product_attention(q, k, v)  # [B, N/2, G, P, K], over P
        q2, k2, v2 = (part.transpose(2, 3) for part in (q2, k2, v2))
        across = F.scaled_dot_product_attention(q2, k2, v2).transpose(2, 3)  # over G
        return self.output(self.from_blocks(torch.cat([within, across], dim=1)))


class SuperResLayer(Layer):
    def __init__(self, c: SuperResTransformerConfig):
        super().__init__(c)
        self.self_attention = MultiAxisAttention(c)


class CoarseLayer(nn.Module):
    def __init__(self, c: SuperResTransformerConfig):
        super().__init__()
        self.self_attention, self.mlp = Attention(c), MLP(c)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attention.among(self.self_attention.norm(x))
        return x + self.mlp(x)


class CoarseEncoder(TokenGrid):
    """The coarse tokens, each having seen the others."""

    def __init__(self, c: SuperResTransformerConfig):
        super().__init__(c.coarse_codebook_size, c.coarse_latent_size, c.hidden_size)
        self.layers = nn.ModuleList(CoarseLayer(c) for _ in range(c.coarse_num_layers))
        self.final_norm = LayerNorm(c.hidden_size)
        reset_parameters(self, 2 * c.coarse_num_layers)

    def forward(self, token_ids: Tensor) -> Tensor:
        """i64 [B, s] → [B, s, D]"""
        x = self.embed(token_ids)
        for layer in self.layers:
            x = layer(x)
        return self.final_norm(x)


class SuperResTransformer(MaskedTransformer):
    """logits = model(token_ids [B, S], text_embeds [B, T, Dt], text_mask [B, T], coarse_ids i64 [B, s])"""

    config_class, layer_class = SuperResTransformerConfig, SuperResLayer

    def __init__(self, config: SuperResTransformerConfig):
        super().__init__(config)
        self.coarse_encoder = CoarseEncoder(config)

    def prepare(self, text_embeds: Tensor, text_mask: Tensor, coarse_ids: Tensor) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        """Keys and values [B, T + s, D] of each cross-attention and their mask [B, T + s]: projected text, then encoded coarse
        tokens, which are seen also where no text is."""
        context = torch.cat([self.text_projection(text_embeds), self.coarse_encoder(coarse_ids)], dim=1)
        sees_coarse = torch.ones(coarse_ids.shape, dtype=text_mask.dtype, device=text_mask.device)
        return self.keys_values(context), torch.cat([text_mask, sees_coarse], dim=1)
