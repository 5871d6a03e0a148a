"""The tokenizer: VQGAN against a patch discriminator, codebook by moving averages. Always at f32: half precision picks other codes."""
import pathlib

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from base_task import component
from image_folder import ImageFolder, to_float
from optimization import RunSettings, WeightEma, clip_gradients, make_optimizer
from processes import Processes, ShardOrder
from vqgan import (
    VQGAN,
    CodebookEma,
    DiscriminatorConfig,
    LossOptions,
    PatchDiscriminator,
    VQGANConfig,
    discriminator_loss,
    generator_loss,
    snake_case,
)

# Latents from which the first codes are drawn, per code.
START_ROWS_PER_CODE = 8


class TokenizerTask:
    def __init__(self, configs: dict, settings: RunSettings, processes: Processes, arguments):
        if arguments.precision != "f32":
            raise ValueError(f"expected --precision f32 for the tokenizer, got {arguments.precision}")
        self.settings, self.processes = settings, processes
        self.options = LossOptions.from_json(settings.loss)
        torch.manual_seed(settings.seed)
        folder: pathlib.Path = arguments.model
        is_new = not (folder / "vqgan" / "model.safetensors").exists()
        self.vqgan = component(VQGAN, VQGANConfig, folder / "vqgan", configs.get("vqgan")).to(processes.device)
        fields = {snake_case(name): value for name, value in configs.get("discriminator", {}).items()}
        self.discriminator = PatchDiscriminator(DiscriminatorConfig(**fields)).to(processes.device)
        codebook = self.vqgan.quantize.embedding.weight
        codebook.requires_grad_(self.options.codebook_weight != 0)
        self.wrapped = {"vqgan": processes.wrap(self.vqgan), "discriminator": processes.wrap(self.discriminator)}
        self.modules = {"vqgan": self.vqgan, "discriminator": self.discriminator}
        self.optimizers = {name: make_optimizer(settings, module) for name, module in self.modules.items()}
        self.means = {"vqgan": WeightEma(self.vqgan, settings.ema_decay)} if settings.ema_decay is not None else {}
        self.network = None
        if arguments.features is not None:
            self.network = torch.jit.load(str(arguments.features), map_location=processes.device).eval().requires_grad_(False)

        self.images = ImageFolder(arguments.data, self.vqgan.config.image_size)
        self.order = ShardOrder(len(self.images), processes.share(settings.batch_size), processes, settings.seed)
        self.workers, self.loader, self.next_batch = arguments.workers, None, -1
        self.codebook_ema = None
        if not codebook.requires_grad:
            self.codebook_ema = CodebookEma(codebook, settings.codebook_decay)
            if is_new:
                self.initialize_codebook()

    def step(self, step: int) -> dict[str, Tensor]:
        """Generator, codebook, then discriminator on the same images (its start step counts steps from 0)."""
        s, parts = self.settings, []
        has_discriminator = self.options.is_discriminator_active(step - 1)
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        for micro in range(s.accumulation_steps):
            images = self.batch((step - 1) * s.accumulation_steps + micro)
            is_last = micro == s.accumulation_steps - 1
            self.discriminator.requires_grad_(False)
            with self.processes.delayed(self.wrapped["vqgan"], is_last):
                loss, terms, out = generator_loss(self.wrapped["vqgan"], images, step - 1, self.options, self.network, self.discriminator)
                (loss / s.accumulation_steps).backward()
            self.discriminator.requires_grad_(True)
            error = (out.reconstructed.detach().clamp(0, 1) - images).square().mean()
            values = {"loss": loss.detach(), **terms, "psnr": -10 * error.clamp(min=1e-10).log10()}
            if has_discriminator:
                with self.processes.delayed(self.wrapped["discriminator"], is_last):
                    loss = discriminator_loss(self.wrapped["discriminator"], images, out.reconstructed, self.options.adversarial_kind)
                    (loss / s.accumulation_steps).backward()
                values["discriminator"] = loss.detach()
            parts.append((values, out.latents.detach(), out.token_ids))
        for name in ["vqgan", "discriminator"] if has_discriminator else ["vqgan"]:
            clip_gradients(s, self.modules[name])
            self.optimizers[name].step()
        metrics = {name: torch.stack([values[name].detach() for values, *_ in parts]).mean() for name in parts[0][0]}
        if self.codebook_ema is not None:
            metrics |= self.update_codebook(step, [latents for _, latents, _ in parts], [ids for *_, ids in parts])
        for mean in self.means.values():
            mean.update(self.vqgan, step)
        return metrics

    def batch(self, index: int) -> Tensor:
        """Micro-batch `index`; those that follow are read ahead."""
        if index != self.next_batch:
            rows = self.order.rows
            batches = ([rows[place] for place in self.order.batch(i)] for i in range(index, self.num_batches))
            self.loader = iter(DataLoader(self.images, batch_sampler=batches, num_workers=self.workers, pin_memory=self.processes.device.type == "cuda"))
        self.next_batch = index + 1
        return to_float(next(self.loader).to(self.processes.device, non_blocking=True))

    @property
    def num_batches(self) -> int:
        return self.settings.num_steps * self.settings.accumulation_steps

    def update_codebook(self, step: int, latents: list[Tensor], token_ids: list[Tensor]) -> dict[str, Tensor]:
        """By the latents of all processes, so that each comes to the same codes."""
        rows = self.processes.gather(rows_of(torch.cat(latents)))
        ids = self.processes.gather(torch.cat(token_ids).flatten())
        generator = self.processes.generator(self.settings.seed, 2, step, is_shared=True)
        usage = self.codebook_ema.update(rows, ids, generator)
        return {name: torch.tensor(float(value)) for name, value in usage.items()}

    @torch.no_grad()
    def initialize_codebook(self) -> None:
        """Among the encoder's first outputs, against the collapse that a random codebook starts with."""
        rows, wanted = [], START_ROWS_PER_CODE * self.vqgan.config.codebook_size
        for index in range(self.num_batches):
            rows.append(self.processes.gather(rows_of(self.vqgan.encode_latents(self.batch(index)))))
            if sum(map(len, rows)) >= wanted:
                break
        generator = self.processes.generator(self.settings.seed, 3, is_shared=True)
        self.codebook_ema.initialize(torch.cat(rows), generator)
        self.next_batch = -1

    def extra_state(self) -> dict:
        return {} if self.codebook_ema is None else {"count": self.codebook_ema.count, "sum": self.codebook_ema.sum}

    def load_extra_state(self, state: dict) -> None:
        if self.codebook_ema is not None:
            self.codebook_ema.count.copy_(state["count"])
            self.codebook_ema.sum.copy_(state["sum"])

    def save(self, folder: pathlib.Path) -> None:
        self.vqgan.save(folder / "vqgan")


def rows_of(latents: Tensor) -> Tensor:
    """[B, E, h, w] → [B·h·w, E]"""
    return latents.movedim(1, -1).flatten(0, -2)
