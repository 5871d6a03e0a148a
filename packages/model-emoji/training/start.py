"""Writes networks that know where to look, for the bundled model's training to start from.

    python packages/model-emoji/training/start.py text_encoder --config packages/model-emoji/training/base.json --model model
    python packages/model-emoji/training/start.py super_res_transformer --config packages/model-emoji/training/super-res.json --model model

`text_encoder`: half of the heads look to the left, half to the right, the nearer words more (slopes as in ALiBi, Press et al.
2022). T5's position biases start at 0.06: order weighs nothing beside what the words are, "a cat above a dog" is "a dog above a
cat", and what the text can't say, no layer after it learns.

`super_res_transformer`: in each layer half of the heads of the cross-attention look at the coarse token that lies under the fine
one: a fine row's embedding is that of its coarse row plus which half of it this is, the same for columns, and those heads'
queries are made by the matrix of their keys. From a start at random the transformer has to find out first which of the 64
coarse tokens is meant.
"""
import argparse
import json
import pathlib
import sys

import torch
from torch import Tensor, nn

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "reference/pytorch"))
from super_res_transformer import SuperResTransformer, SuperResTransformerConfig  # noqa: E402
from t5_encoder import T5Config, T5Encoder, relative_position_buckets  # noqa: E402

POSITION, WITHIN = 0.03, 0.012  # standard deviations of a coarse position's embedding, and of a fine one's place in it
SLOPES, OTHER_SIDE = (0.2, 0.8), -4.0  # per word of distance; of what stands on the side where a head does not look
LOOK = 0.073  # of the matrices: the score of the token under it is then about 4 above those beside it


@torch.no_grad()
def look_below(model: SuperResTransformer) -> None:
    c = model.config
    for name in ("row_embedding", "column_embedding"):
        coarse: nn.Embedding = getattr(model.coarse_encoder, name)
        coarse.weight.normal_(std=POSITION)
        getattr(model, name).weight.copy_(refined(coarse.weight, c.latent_size))
    half = c.hidden_size // 2
    for layer in model.layers:
        attention = layer.cross_attention
        attention.key.weight[:half].normal_(std=LOOK)
        attention.query.weight[:half] = attention.key.weight[:half]


def refined(coarse: Tensor, size: int) -> Tensor:
    """[s, D] → [size, D]"""
    factor = size // len(coarse)
    return coarse.repeat_interleave(factor, 0) + WITHIN * torch.randn(factor, coarse.shape[1]).repeat(len(coarse), 1)


@torch.no_grad()
def look_beside(model: T5Encoder) -> None:
    c = model.config
    buckets = relative_position_buckets(c.maxLength, c.relative_attention_num_buckets, c.relative_attention_max_distance)
    bias = model.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight
    bias.fill_(OTHER_SIDE)
    bias[0] = 0
    for head in range(c.num_heads):
        slope, looks_right = SLOPES[head // 2 % len(SLOPES)], head % 2
        row = buckets[0] if looks_right else buckets[:, 0]
        for distance in reversed(range(1, c.maxLength)):
            bias[row[distance], head] = -slope * (distance - 1)


def new(name: str, config: dict):
    if name == "text_encoder":
        encoder = T5Encoder(T5Config.from_json(config))
        look_beside(encoder)
        return encoder
    transformer = SuperResTransformer(SuperResTransformerConfig.from_json(config))
    look_below(transformer)
    return transformer


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("component", choices=["text_encoder", "super_res_transformer"])
    ap.add_argument("--config", type=pathlib.Path, required=True, help="run.json: the component's config under model")
    ap.add_argument("--model", type=pathlib.Path, required=True, help="model folder, the component is written")
    arguments = ap.parse_args()
    torch.manual_seed(0)
    config = json.loads(arguments.config.read_text())["model"][arguments.component]
    new(arguments.component, config).save(arguments.model / arguments.component)
