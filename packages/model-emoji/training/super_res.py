"""Writes the super-resolution transformer that the bundled model's training starts from.

    python packages/model-emoji/training/super_res.py --config packages/model-emoji/training/super-res.json --model model

In each layer half of the heads of the cross-attention start by looking at the coarse token that lies under the fine one: a fine
row's embedding is that of its coarse row plus which half of it this is, the same for columns, and those heads' queries are made by
the matrix of their keys. From a start at random the transformer has to find out first which of the 64 coarse tokens is meant.
"""
import argparse
import json
import pathlib
import sys

import torch
from torch import Tensor, nn

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "reference/pytorch"))
from super_res_transformer import SuperResTransformer, SuperResTransformerConfig  # noqa: E402

POSITION, WITHIN = 0.03, 0.012  # standard deviations of a coarse position's embedding, and of a fine one's place in it
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


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--config", type=pathlib.Path, required=True, help="run.json: model.super_res_transformer")
    ap.add_argument("--model", type=pathlib.Path, required=True, help="model folder, super_res_transformer/ is written")
    arguments = ap.parse_args()
    torch.manual_seed(0)
    config = json.loads(arguments.config.read_text())["model"]["super_res_transformer"]
    model = SuperResTransformer(SuperResTransformerConfig.from_json(config))
    look_below(model)
    model.save(arguments.model / "super_res_transformer")
