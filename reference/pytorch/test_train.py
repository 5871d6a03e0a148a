"""Smoke tests of the trainer with tiny models, on the CPU: python -m pytest reference/pytorch (needs pillow and tokenizers)."""
import json
import math
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
WORDS = HERE.parents[1] / "internal" / "fixtures" / "t5" / "t5-words" / "tokenizer.json"

import base_task  # noqa: E402
import train  # noqa: E402

from image_folder import ImageFolder, caption_ids  # noqa: E402
from optimization import Adafactor, RunSettings, learning_rate_at  # noqa: E402
from processes import Processes, ShardOrder  # noqa: E402

VQGAN = {
    "imageSize": 16, "blockOutChannels": [6, 10], "layersPerBlock": 1, "decoderBlockOutChannels": [6, 10],
    "decoderLayersPerBlock": 1, "normNumGroups": 2, "codebookSize": 13, "codebookDim": 5,
}  # fmt: skip
DISCRIMINATOR = {"channels": 6, "numLayers": 2, "normNumGroups": 3}
T5 = {"vocabSize": 157, "dModel": 12, "dKv": 4, "dFf": 17, "numLayers": 1, "numHeads": 2, "maxLength": 7}
TRANSFORMER = {"latentSize": 8, "codebookSize": 13, "hiddenSize": 21, "numLayers": 1, "numHeads": 3, "mlpDim": 29, "textDim": 12}
torch.set_num_threads(1)  # the models are too small to share

SETTINGS = {"numSteps": 4, "batchSize": 4, "seed": 3, "learningRate": 1e-2, "warmupSteps": 2, "emaDecay": 0.9, "maxGradientNorm": 1, "checkpointEvery": 2}


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> pathlib.Path:
    """Ten images of one colour each, of several sizes and modes."""
    folder = tmp_path_factory.mktemp("data")
    rows = []
    for i in range(10):
        mode, colour = ("RGBA", (25 * i, 0, 255 - 25 * i, 255)) if i % 2 else ("RGB", (25 * i, 0, 255 - 25 * i))
        Image.new(mode, (16 + i, 20), colour).save(folder / f"{i}.png")
        rows.append(json.dumps({"file_name": f"{i}.png", "text": ["a cat", "a smiling dog", "zebra, 3D style"][i % 3]}))
    (folder / "metadata.jsonl").write_text("\n".join(rows) + "\n")
    return folder


def run_file(folder: pathlib.Path, model: dict, **settings) -> pathlib.Path:
    path = folder / "run.json"
    path.write_text(json.dumps({"model": model, "settings": {**SETTINGS, **settings}}))
    return path


def arguments(kind: str, config: pathlib.Path, data: pathlib.Path, folder: pathlib.Path, *more: str) -> list[str]:
    paths = ["--config", config, "--data", data, "--model", folder / "model", "--run-folder", folder / "run"]
    return [kind, *map(str, paths), "--workers", "0", "--log-every", "1", *more]


def train_tokenizer(data: pathlib.Path, folder: pathlib.Path, **settings) -> dict:
    loss = {"discriminatorStartStep": 2}
    config = run_file(folder, {"vqgan": VQGAN, "discriminator": DISCRIMINATOR}, **{"optimizer": "adam", "betas": [0.9, 0.99], "loss": loss, **settings})
    return train.main(arguments("tokenizer", config, data, folder))


@pytest.fixture(scope="session")
def tokenizer_folder(data, tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(data, folder)
    return folder


@pytest.fixture
def base_folder(tokenizer_folder, tmp_path) -> pathlib.Path:
    """A model folder with a VQGAN and a word tokenizer."""
    (tmp_path / "model" / "text_encoder").mkdir(parents=True)
    (tmp_path / "model" / "text_encoder" / "tokenizer.json").write_bytes(WORDS.read_bytes())
    (tmp_path / "model" / "vqgan").symlink_to(tokenizer_folder / "model" / "vqgan")
    return tmp_path


def base_config(folder: pathlib.Path, **settings) -> pathlib.Path:
    return run_file(folder, {"text_encoder": T5, "transformer": TRANSFORMER}, **settings)


def metrics_of(folder: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]


def weights_of(folder: pathlib.Path) -> dict[str, torch.Tensor]:
    files = sorted((folder / "model").glob("*/model.safetensors"))
    return {f"{file.parent.name}.{name}": tensor for file in files for name, tensor in load_file(file).items()}


def test_tokenizer_learns_and_is_saved_as_a_component(tokenizer_folder):
    rows = metrics_of(tokenizer_folder)
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["pixel"] < rows[0]["pixel"]
    assert "discriminator" not in rows[1] and rows[2]["discriminator"] > 0
    assert json.loads((tokenizer_folder / "model" / "vqgan" / "config.json").read_text()) == VQGAN
    weights = weights_of(tokenizer_folder)
    assert weights["vqgan.quantize.embedding.weight"].shape == (13, 5)
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_base_learns_one_batch_by_heart(data, base_folder):
    config = base_config(base_folder, numSteps=60, batchSize=10, checkpointEvery=60)
    train.main(arguments("base", config, data, base_folder))
    losses = [row["loss"] for row in metrics_of(base_folder)]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    index = json.loads((base_folder / "model" / "model_index.json").read_text())
    assert index["components"] == {"vqgan": "VQGAN", "text_encoder": "T5Encoder", "transformer": "MaskedTransformer"}
    assert index["imageSize"] == [16, 16]


@pytest.fixture
def stop_in_step_3(monkeypatch):
    """Interrupts a training in its step 3, after the state of step 2; returns what lets it run again."""
    real = train.report

    def report(run, row, num_steps):
        if row["step"] == 3:
            raise KeyboardInterrupt
        real(run, row, num_steps)

    monkeypatch.setattr(train, "report", report)
    return lambda: monkeypatch.setattr(train, "report", real)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(tensor, b[name]) for name, tensor in a.items())


def test_tokenizer_goes_on_after_an_interruption_as_if_there_was_none(data, tokenizer_folder, tmp_path, stop_in_step_3):
    with pytest.raises(KeyboardInterrupt):
        train_tokenizer(data, tmp_path)
    stop_in_step_3()
    train_tokenizer(data, tmp_path)
    assert same(weights_of(tmp_path), weights_of(tokenizer_folder))


@pytest.mark.parametrize("optimizer", ["adamW", "adafactor", "muon"])
def test_base_goes_on_after_an_interruption_as_if_there_was_none(data, base_folder, optimizer, stop_in_step_3):
    config = base_config(base_folder, optimizer=optimizer, accumulationSteps=2)
    with pytest.raises(KeyboardInterrupt):
        train.main(arguments("base", config, data, base_folder))
    stop_in_step_3()
    train.main(arguments("base", config, data, base_folder))
    resumed = weights_of(base_folder)
    (base_folder / "run" / "state.pt").unlink()
    for name in ("text_encoder", "transformer"):
        (base_folder / "model" / name / "model.safetensors").unlink()
    train.main(arguments("base", config, data, base_folder))
    assert same(weights_of(base_folder), resumed)


def test_base_trains_on_what_the_model_folder_holds(data, base_folder):
    config = base_config(base_folder)
    train.main(arguments("base", config, data, base_folder))
    before = weights_of(base_folder)
    (base_folder / "run" / "state.pt").unlink()
    further = run_file(base_folder, {}, learningRate=0, emaDecay=None)
    train.main(arguments("base", further, data, base_folder, "--freeze-text-encoder", "--precision", "bf16"))
    assert same(weights_of(base_folder), before)


@pytest.mark.parametrize("kind", ["tokenizer", "base"])
def test_two_processes_keep_one_model(data, base_folder, kind):
    model = {"vqgan": VQGAN, "discriminator": DISCRIMINATOR} if kind == "tokenizer" else {"text_encoder": T5, "transformer": TRANSFORMER}
    if kind == "tokenizer":
        (base_folder / "model" / "vqgan").unlink()
    config = run_file(base_folder, model, numSteps=2)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port), str(HERE / "train.py")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, *arguments(kind, config, data, base_folder)], check=True, env=environment, timeout=600)
    assert [row["step"] for row in metrics_of(base_folder)] == [1, 2]
    assert all(tensor.isfinite().all() for tensor in weights_of(base_folder).values())


def test_what_is_wrong_is_named(data, base_folder):
    cases = [
        ({"text_encoder": T5, "transformer": {**TRANSFORMER, "latentSize": 4}}, {}, "'latent_size': 4"),
        ({"text_encoder": T5}, {}, "model.transformer in run.json"),
        ({"text_encoder": {**T5, "vocabSize": 11}, "transformer": TRANSFORMER}, {}, "below vocab_size 11"),
        ({"text_encoder": T5, "transformer": TRANSFORMER}, {"learningrate": 1}, "got ['learningrate']"),
        ({"text_encoder": T5, "transformer": TRANSFORMER}, {"numSteps": 0}, "whole numbers of at least 1"),
        ({"text_encoder": T5, "transformer": TRANSFORMER}, {"optimizer": "sgd"}, "adam, adamW, adafactor or muon, got sgd"),
        ({"text_encoder": T5, "transformer": TRANSFORMER}, {"learningRate": float("inf"), "warmupSteps": 0}, "expected finite numbers"),
    ]
    for model, settings, message in cases:
        with pytest.raises((ValueError, RuntimeError)) as error:
            train.main(arguments("base", run_file(base_folder, model, **settings), data, base_folder))
        assert message in str(error.value)


def test_images_are_cut_to_the_middle_laid_on_white_and_scaled_by_area(tmp_path):
    pixels = np.zeros((2, 4, 4), np.uint8)
    pixels[:, 1:3] = [100, 0, 0, 255]  # the middle square; its right half is transparent
    pixels[:, 2, 3] = 0
    Image.fromarray(pixels, "RGBA").save(tmp_path / "a.png")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "a"}\n')
    image = ImageFolder(tmp_path, 1)[0]
    assert image.flatten().tolist() == [178, 128, 128]  # the means of 100, 255 and 0, 255, rounded up


def test_captions_are_cut_and_keep_their_end():
    ids, mask = caption_ids(WORDS, ["a smiling cat", "", "a cat " * 9], 5)
    assert ids[0].tolist() == [3, 4, 5, 1, 0] and mask[0].tolist() == [1, 1, 1, 1, 0]
    assert ids[1].tolist() == [1, 0, 0, 0, 0]
    assert ids[2].tolist() == [3, 5, 3, 5, 1]


def test_learning_rate_warms_up_and_falls_by_a_cosine():
    s = RunSettings(num_steps=10, batch_size=1, learning_rate=1.0, final_learning_rate=0.2, warmup_steps=2)
    assert [round(learning_rate_at(s, step), 4) for step in (1, 2, 6, 10)] == [0.5, 1.0, 0.6, 0.2]


def test_adafactor_first_step_is_the_sign_of_a_rank_one_gradient():
    # r·cᵀ / mean(r) of a rank-one g² is g² itself: the update is ±1 before the momentum's 1 − β₁.
    p = torch.nn.Parameter(torch.zeros(2, 3))
    p.grad = torch.tensor([[1.0], [-2.0]]) * torch.tensor([3.0, 5.0, -7.0])
    Adafactor([{"params": [p]}], lr=0.1, betas=(0.9, 0.0)).step()
    assert torch.allclose(p.data, -0.01 * p.grad.sign(), atol=1e-6)


def test_every_image_comes_once_per_epoch_and_no_two_processes_share_one():
    seen = []
    for rank in range(3):
        processes = Processes()
        processes.rank, processes.count = rank, 3
        order = ShardOrder(11, 2, processes, seed=5)
        taken = [order.rows[place] for index in range(6) for place in order.batch(index)]
        epoch = len(order.rows)
        assert sorted(taken[:epoch]) == list(order.rows) and sorted(taken[epoch : 2 * epoch]) == list(order.rows)
        seen += taken[:epoch]
    assert sorted(seen) == list(range(11))


def test_near_codes_share_a_target_and_common_ones_keep_theirs():
    codebook = torch.tensor([[0.0], [1.0], [3.0], [100.0]])
    # Squared distances to the nearest: 1, 1, 4 and, out of use, 97². Their mean is 2, so the divisor is 2 · 0.25 · 2 = 1.
    targets = base_task.near_code_targets(codebook, 0.25, torch.tensor([1000, 1, 1, 1]))
    assert targets[0].tolist() == [1, 0, 0, 0]
    for code, squares in [(1, [1, 0, 4, 99**2]), (2, [9, 4, 0, 97**2])]:
        weights = [math.exp(-square) for square in squares]
        assert targets[code].tolist() == pytest.approx([weight / sum(weights) for weight in weights], abs=1e-6)
