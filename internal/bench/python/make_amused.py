"""A folder of aMUSEd-256 at its full size, as diffusers publishes it, with random f16 weights.

python make_amused.py OUT TINY    TINY: a folder with a CLIP tokenizer and a model_index.json
"""

import json
import pathlib
import shutil
import sys

import torch
from diffusers import AmusedScheduler, UVit2DModel, VQModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

MASK_TOKEN_ID = 8255
START_ID, END_ID = 49406, 49407


def build():
    """The three networks without memory for their weights, in the sizes of amused/amused-256."""
    with torch.device("meta"):
        text = CLIPTextModelWithProjection(CLIPTextConfig(
            vocab_size=END_ID + 1, hidden_size=768, intermediate_size=3072, projection_dim=768, num_hidden_layers=12,
            num_attention_heads=12, max_position_embeddings=77, hidden_act="quick_gelu", eos_token_id=2))
        widths = [128, 256, 256, 512, 768]
        vq = VQModel(
            in_channels=3, out_channels=3, down_block_types=["DownEncoderBlock2D"] * len(widths),
            up_block_types=["UpDecoderBlock2D"] * len(widths), block_out_channels=widths, layers_per_block=2, act_fn="silu",
            latent_channels=64, sample_size=32, num_vq_embeddings=8192, norm_num_groups=32, vq_embed_dim=64,
            mid_block_add_attention=False, lookup_from_codebook=True, force_upcast=True)
        transformer = UVit2DModel(sample_size=16, downsample=False, upsample=False)
    return {"text_encoder": text, "vqvae": vq, "transformer": transformer}


def random_weight(name: str, like: torch.Tensor) -> torch.Tensor:
    """Keeps activations near 1 through all layers: f16 holds them, and no time goes into denormal numbers."""
    if name.endswith(("gamma", "beta")):
        return 0.1 * torch.randn(like.shape)
    if like.dim() == 1:
        return torch.ones(like.shape) if name.endswith("weight") else torch.zeros(like.shape)
    fan_in = 1 if "embedding" in name else like[0].numel()
    return torch.randn(like.shape) / fan_in**0.5


def write_network(network: torch.nn.Module, folder: pathlib.Path) -> None:
    folder.mkdir(parents=True)
    is_transformers = hasattr(network.config, "save_pretrained")
    network.config.save_pretrained(folder) if is_transformers else network.save_config(folder)
    state = network.state_dict()
    weights = {name: random_weight(name, tensor).half() for name, tensor in state.items() if tensor.is_floating_point()}
    save_file(weights, folder / ("model.safetensors" if is_transformers else "diffusion_pytorch_model.safetensors"))


def write_tokenizer(source: pathlib.Path, folder: pathlib.Path) -> None:
    """A small vocabulary with its two special tokens where CLIP has them: the time does not depend on the words."""
    folder.mkdir()
    vocabulary = json.loads((source / "vocab.json").read_text()) | {"<|startoftext|>": START_ID, "<|endoftext|>": END_ID}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    shutil.copyfile(source / "merges.txt", folder / "merges.txt")
    end = "<|endoftext|>"
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "bos_token": "<|startoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"pad_token": end, "eos_token": end, "unk_token": end}))


def main() -> None:
    out, tiny = map(pathlib.Path, sys.argv[1:])
    torch.manual_seed(1)
    # Under another name until it is whole.
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name, network in build().items():
        write_network(network, partial / name)
    AmusedScheduler(mask_token_id=MASK_TOKEN_ID).save_config(partial / "scheduler")
    write_tokenizer(tiny / "tokenizer", partial / "tokenizer")
    shutil.copyfile(tiny / "model_index.json", partial / "model_index.json")
    partial.rename(out)


main()
