"""Weights go to and fro between TypeScript, PyTorch and diffusers without loss: python -m pytest reference/pytorch/test_exchange.py

Needs the built command (npm start -- --version) and node; diffusers for the half of it that is about its VQModel.
"""
import json
import pathlib
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUNDLED = ROOT / "packages" / "model-emoji" / "model"
COMMAND = ROOT / "apps" / "cli" / "dist" / "muse.js"
sys.path.insert(0, str(HERE))

from masked_transformer import MaskedTransformer  # noqa: E402
from super_res_transformer import SuperResTransformer  # noqa: E402
from t5_encoder import T5Encoder  # noqa: E402
from vqgan import VQGAN, VQGANConfig  # noqa: E402

PARTS = {
    "vqgan": VQGAN, "text_encoder": T5Encoder, "transformer": MaskedTransformer,
    "super_res_vqgan": VQGAN, "super_res_transformer": SuperResTransformer,
}  # fmt: skip
TOLERANCE = 1e-4

needs_command = pytest.mark.skipif(not COMMAND.exists() or shutil.which("node") is None, reason="the command is not built")


def convert(*arguments) -> None:
    subprocess.run(["node", COMMAND, "convert", *map(str, arguments)], check=True, capture_output=True, text=True)


def tensors_of(folder: pathlib.Path) -> dict[str, torch.Tensor]:
    (file,) = folder.glob("*.safetensors")
    return load_file(str(file))


def assert_same(actual: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert actual.keys() == expected.keys()
    for name, tensor in expected.items():
        assert actual[name].dtype == tensor.dtype, name
        assert torch.equal(actual[name].view(torch.uint8), tensor.view(torch.uint8)), name


@needs_command
@pytest.mark.parametrize("part", PARTS)
def test_the_bundled_model_goes_to_pytorch_and_back_to_the_byte(part, tmp_path):
    PARTS[part].load(BUNDLED / part).save(tmp_path / "python")  # at f32
    convert(tmp_path / "python", tmp_path / "back", "--dtype", "f16")
    assert_same(tensors_of(tmp_path / "back"), tensors_of(BUNDLED / part))
    fields = json.loads((BUNDLED / part / "config.json").read_text())
    written = json.loads((tmp_path / "back" / "config.json").read_text())
    # What is left out of a config has its default.
    assert {name: written[name] for name in fields if name in written} == {n: v for n, v in fields.items() if n in written}


@pytest.fixture
def vqgan(tmp_path) -> VQGAN:
    """Random, of a shape that every layout can hold but for attention."""
    torch.manual_seed(5)
    channels = (32, 64, 64)
    return VQGAN(VQGANConfig(32, channels, 2, channels, 2, norm_num_groups=32, codebook_size=31, codebook_dim=7)).eval()


@needs_command
@torch.no_grad()
def test_diffusers_loads_what_convert_writes_and_computes_the_same(vqgan, tmp_path):
    diffusers = pytest.importorskip("diffusers")
    vqgan.save(tmp_path / "ours")
    convert(tmp_path / "ours", tmp_path / "vqmodel", "--layout", "diffusers")
    model, info = diffusers.VQModel.from_pretrained(tmp_path / "vqmodel", output_loading_info=True)
    assert {name: list(keys) for name, keys in info.items() if keys} == {}
    images = torch.rand(2, 3, 32, 48)
    latents = model.eval().encode(images).latents
    assert (latents - vqgan.encode_latents(images)).abs().max() < TOLERANCE
    ids = torch.randint(31, (2, 8, 12))
    pixels = model.decode(ids, force_not_quantize=True, shape=(2, 8, 12, 7)).sample
    assert (pixels - vqgan.decode_latents(vqgan.quantize.lookup(ids))).abs().max() < TOLERANCE


@needs_command
@torch.no_grad()
def test_the_reference_loads_what_diffusers_saves_and_convert_takes_over(vqgan, tmp_path):
    diffusers = pytest.importorskip("diffusers")
    vqgan.save(tmp_path / "ours")
    convert(tmp_path / "ours", tmp_path / "vqmodel", "--layout", "diffusers")
    diffusers.VQModel.from_pretrained(tmp_path / "vqmodel").save_pretrained(tmp_path / "saved")
    convert(tmp_path / "saved", tmp_path / "back", "--layout", "muse")
    back = VQGAN.load(tmp_path / "back")
    assert back.config == vqgan.config
    assert_same(tensors_of(tmp_path / "back"), tensors_of(tmp_path / "ours"))


@needs_command
@torch.no_grad()
def test_diffusers_computes_what_taming_does_of_what_convert_writes(tmp_path):
    diffusers = pytest.importorskip("diffusers")
    fixture = ROOT / "internal" / "fixtures" / "vqgan" / "taming"
    inputs, expected = (load_file(str(fixture / f"{name}.safetensors")) for name in ("inputs", "expected"))
    convert(fixture, tmp_path / "vqmodel", "--layout", "diffusers", "--dtype", "f32")
    model, info = diffusers.VQModel.from_pretrained(tmp_path / "vqmodel", output_loading_info=True)
    assert {name: list(keys) for name, keys in info.items() if keys} == {}
    latents = model.eval().encode(2 * inputs["images"] - 1).latents
    assert (latents - expected["latents"]).abs().max() < TOLERANCE
    ids = expected["token_ids"].long()
    codes = model.quantize.get_codebook_entry(ids.flatten(), (*ids.shape, latents.shape[1]))
    pixels = (model.decode(codes, force_not_quantize=True).sample + 1) / 2
    assert (pixels - expected["decoded"]).abs().max() < TOLERANCE
