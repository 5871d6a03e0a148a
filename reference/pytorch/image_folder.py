"""Captioned images: a folder of PNG files and a metadata.jsonl of {"file_name": "a.png", "text": "a caption"} lines."""
import json
import pathlib

import numpy as np
import torch
from PIL import Image
from torch import Tensor


class ImageFolder(torch.utils.data.Dataset):
    """Images u8 [3, H, W], cut to the middle square and scaled to `image_size` by the mean of the area under each pixel."""

    def __init__(self, folder: pathlib.Path | str, image_size: int):
        self.folder, self.image_size = pathlib.Path(folder), image_size
        path = self.folder / "metadata.jsonl"
        self.rows = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip():
                continue
            row = json.loads(line)
            if not isinstance(row.get("file_name"), str) or not isinstance(row.get("text"), str):
                raise ValueError(f"{path}: expected file_name and text in line {number}, got {line[:80]}")
            if not (self.folder / row["file_name"]).is_file():
                raise ValueError(f"{path}: expected a file {row['file_name']} (line {number}), got none")
            self.rows.append((row["file_name"], row["text"]))
        if not self.rows:
            raise ValueError(f"{path}: expected at least one line, got none")

    @property
    def captions(self) -> list[str]:
        return [caption for _, caption in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        name = self.rows[index][0]
        with Image.open(self.folder / name) as image:
            pixels = image.convert("RGBA")
        white = Image.new("RGBA", pixels.size, "white")
        rgb = Image.alpha_composite(white, pixels).convert("RGB")
        side, (width, height) = min(rgb.size), rgb.size
        left, top = (width - side) // 2, (height - side) // 2
        box = (left, top, left + side, top + side)
        scaled = rgb.resize((self.image_size, self.image_size), Image.Resampling.BOX, box=box)
        return torch.from_numpy(np.array(scaled)).permute(2, 0, 1)


def to_float(images: Tensor) -> Tensor:
    """u8 → f32 in [0, 1]"""
    return images.float() / 255


def caption_ids(tokenizer_json: pathlib.Path | str, captions: list[str], max_length: int) -> tuple[Tensor, Tensor]:
    """ids i64 and mask f32 [len(captions), max_length]; a longer caption is cut and keeps its </s>, padding is 0."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    end = tokenizer.token_to_id("</s>")
    ids = torch.zeros(len(captions), max_length, dtype=torch.long)
    mask = torch.zeros(len(captions), max_length)
    for row, encoding in enumerate(tokenizer.encode_batch(captions, add_special_tokens=False)):
        tokens = encoding.ids[: max_length - 1] + [end]
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
    return ids, mask
