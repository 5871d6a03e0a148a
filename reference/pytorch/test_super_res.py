"""Tests of the super-resolution model and its training, with tiny models, on the CPU."""
import json
import pathlib

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_train import T5, VQGAN, WORDS, arguments, data, metrics_of, run_file, same, stop_in_step_3, weights_of  # noqa: F401

import masked_transformer
import super_res_transformer
import train
import vqgan
from masked_transformer import MaskedTransformer, MaskedTransformerConfig, masked_token_loss
from super_res_transformer import MultiAxisAttention, SuperResTransformer, SuperResTransformerConfig
from t5_encoder import T5Config, T5Encoder

SMALL = SuperResTransformerConfig(6, 31, 3, 23, 28, 2, 1, 4, 29, 13, 2)
BASE = {"latentSize": 8, "codebookSize": 13, "hiddenSize": 21, "numLayers": 1, "numHeads": 3, "mlpDim": 29, "textDim": 12}
SUPER_RES = {
    "latentSize": 16, "codebookSize": 13, "coarseLatentSize": 8, "coarseCodebookSize": 13, "hiddenSize": 22, "numLayers": 1,
    "coarseNumLayers": 1, "numHeads": 2, "mlpDim": 29, "textDim": 12, "blockSize": 4,
}  # fmt: skip


def given(batch_size: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    text = torch.randn(batch_size, 5, SMALL.text_dim, generator=generator)
    coarse = torch.randint(0, SMALL.coarse_codebook_size, (batch_size, SMALL.coarse_latent_size**2), generator=generator)
    return text, torch.ones(batch_size, 5), coarse


def loud(model: torch.nn.Module) -> torch.nn.Module:
    """Weights of ordinary size, so that everything shows."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 2:
                p.copy_(torch.randn(p.shape, generator=generator) / p.shape[1] ** 0.5)
    return model


@pytest.mark.parametrize("module", [masked_transformer, super_res_transformer])
def test_configs_go_through_their_json(module):
    for config in module.PRESETS.values():
        assert type(config).from_json(config.to_json()) == config


@pytest.mark.parametrize(("preset", "count"), [("268M", 269_704_192), ("3B-cascade", 768_914_432)])
def test_presets_have_the_size_of_the_package(preset, count):
    with torch.device("meta"):
        model = SuperResTransformer(super_res_transformer.PRESETS[preset])
    assert sum(p.numel() for p in model.parameters()) == count


def test_half_of_the_heads_see_the_block_and_half_its_places_in_all_blocks():
    attention = MultiAxisAttention(SMALL)
    with torch.no_grad():
        for part in (attention.query, attention.key):
            part.weight.zero_()  # every key that is seen counts alike
        for part in (attention.value, attention.output):
            part.weight.copy_(torch.eye(28))
    x = torch.randn(1, 36, 28, requires_grad=True)
    seen = []
    for half in (slice(0, 14), slice(14, 28)):
        (gradient,) = torch.autograd.grad(attention.among(x)[0, 15, half].sum(), x)
        seen.append(gradient[0].abs().sum(1).nonzero()[:, 0].tolist())
    # Position 15 is row 2, column 3, of 3 × 3 blocks of 2 × 2.
    assert seen == [[14, 15, 20, 21], [1, 3, 5, 13, 15, 17, 25, 27, 29]]


def test_logits_change_with_the_coarse_tokens_also_without_text():
    model, ids = loud(SuperResTransformer(SMALL)), torch.full((2, 36), SMALL.codebook_size)
    text, mask, coarse = given()
    other = coarse.clone()
    other[1, 4] = (other[1, 4] + 1) % SMALL.coarse_codebook_size
    for seen in (mask, torch.zeros_like(mask)):
        moved = (model(ids, text, seen, other) - model(ids, text, seen, coarse)).abs().amax(2)
        assert moved[0].max() == 0 and moved[1].min() > 1e-4


def test_a_dropped_text_does_not_count_and_the_coarse_tokens_do():
    model = loud(SuperResTransformer(SMALL))
    text, mask, coarse = given()
    labels, loss_mask = torch.zeros(2, 36, dtype=torch.long), torch.ones(2, 36, dtype=torch.bool)
    ids, dropped = torch.full((2, 36), SMALL.codebook_size), torch.tensor([True, True])
    loss = lambda text, coarse: masked_token_loss(model, ids, labels, loss_mask, text, mask, dropped, coarse)[0]
    assert loss(text, coarse) == loss(-text, coarse)
    assert loss(text, coarse) != loss(text, coarse.flip(1))


@pytest.fixture
def cascade(tmp_path) -> pathlib.Path:
    """A model folder whose base was never trained, and a VQGAN of twice its image size."""
    model = tmp_path / "model"
    torch.manual_seed(5)
    vqgan.VQGAN(vqgan.VQGANConfig.from_json(VQGAN)).save(model / "vqgan")
    vqgan.VQGAN(vqgan.VQGANConfig.from_json({**VQGAN, "imageSize": 32})).save(model / "super_res_vqgan")
    T5Encoder(T5Config.from_json(T5)).save(model / "text_encoder")
    (model / "text_encoder" / "tokenizer.json").write_bytes(WORDS.read_bytes())
    MaskedTransformer(MaskedTransformerConfig.from_json(BASE)).save(model / "transformer")
    return tmp_path


def train_super_res(data: pathlib.Path, folder: pathlib.Path, *more: str, model: dict = SUPER_RES, **settings) -> dict:
    config = run_file(folder, {"super_res_transformer": model}, **settings)
    return train.main(arguments("super-res", config, data, folder, *more))


def test_learns_one_batch_by_heart_and_leaves_the_rest_alone(data, cascade):
    before = weights_of(cascade)
    train_super_res(data, cascade, numSteps=40, batchSize=10, checkpointEvery=40)
    losses = [row["loss"] for row in metrics_of(cascade)]
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])
    after = weights_of(cascade)
    assert same(before, {name: after[name] for name in before})
    index = json.loads((cascade / "model" / "model_index.json").read_text())
    assert index["components"]["super_res_transformer"] == "SuperResTransformer"
    assert index["components"]["super_res_vqgan"] == "VQGAN"
    assert index["imageSize"] == [16, 16] and index["superResImageSize"] == [32, 32]
    assert index["superResSampling"]["numSteps"] == 8
    saved = json.loads((cascade / "model" / "super_res_transformer" / "config.json").read_text())
    assert saved == {**SUPER_RES, "condDropProb": 0.1, "labelSmoothing": 0.1}


def test_goes_on_after_an_interruption_as_if_there_was_none(data, cascade, stop_in_step_3):
    path = cascade / "model" / "super_res_transformer" / "model.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train_super_res(data, cascade, accumulationSteps=2)
    stop_in_step_3()
    train_super_res(data, cascade, accumulationSteps=2)
    resumed = load_file(path)
    path.unlink()
    for file in (cascade / "run").iterdir():
        file.unlink()
    train_super_res(data, cascade, accumulationSteps=2)
    assert same(resumed, load_file(path))


def test_an_index_that_is_there_keeps_what_it_says(data, cascade):
    train.write_index(cascade / "model")  # both VQGANs, no second transformer yet
    path = cascade / "model" / "model_index.json"
    index = json.loads(path.read_text())
    assert "superResSampling" not in index
    path.write_text(json.dumps({**index, "name": "mine", "license": "MIT"}))
    train_super_res(data, cascade, numSteps=1)
    index = json.loads(path.read_text())
    assert (index["name"], index["license"], index["superResImageSize"]) == ("mine", "MIT", [32, 32])


def test_what_is_wrong_is_named(data, cascade, tmp_path):
    with pytest.raises(ValueError, match="'coarse_latent_size': 4"):
        train_super_res(data, cascade, model={**SUPER_RES, "coarseLatentSize": 4})
    other = tmp_path / "other"
    other.mkdir()
    for file in data.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    (other / "metadata.jsonl").write_text((data / "metadata.jsonl").read_text().replace("zebra", "horse"))
    with pytest.raises(ValueError, match="expected the captions of"):
        train_super_res(data, cascade, "--coarse-data", str(other))
