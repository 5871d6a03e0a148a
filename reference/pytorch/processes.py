"""One process per GPU, as torchrun starts them; or one alone, on a GPU or the CPU."""
import contextlib
import os

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Processes:
    def __enter__(self) -> "Processes":
        self.count = int(os.environ.get("WORLD_SIZE", 1))
        self.rank = int(os.environ.get("RANK", 0))
        has_gpu = torch.cuda.is_available()
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if has_gpu else torch.device("cpu")
        if has_gpu:
            torch.cuda.set_device(self.device)
        if self.count > 1:
            dist.init_process_group("nccl" if has_gpu else "gloo")
        return self

    def __exit__(self, *_) -> None:
        if self.count > 1:
            dist.destroy_process_group()

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def wait(self) -> None:
        if self.count > 1:
            dist.barrier()

    def share(self, batch_size: int) -> int:
        """This process's part of a batch."""
        if batch_size % self.count != 0:
            raise ValueError(f"run.json: expected a batchSize that {self.count} processes share evenly, got {batch_size}")
        return batch_size // self.count

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module, its gradients averaged over the processes; it must have some that are trained."""
        if self.count == 1:
            return module
        devices = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, device_ids=devices, broadcast_buffers=False)

    def delayed(self, module: nn.Module, is_last: bool):
        """Context of a micro-batch's backward: gradients are exchanged at the last one only."""
        return module.no_sync() if self.count > 1 and not is_last else contextlib.nullcontext()

    def gather(self, rows: Tensor) -> Tensor:
        """The rows of all processes, in their order; each has as many."""
        if self.count == 1:
            return rows
        parts = [torch.empty_like(rows) for _ in range(self.count)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    def sum(self, tensor: Tensor) -> Tensor:
        """Of a tensor of each process, the sum over them."""
        if self.count > 1:
            dist.all_reduce(tensor)
        return tensor

    def of_first(self, tensor: Tensor) -> Tensor:
        """The first process's tensor, in all of them."""
        if self.count > 1:
            dist.broadcast(tensor, 0)
        return tensor

    def check_same(self, states: list[dict[str, Tensor]]) -> None:
        """All processes hold the same numbers: else something is exchanged wrongly, and nothing is worth saving."""
        sums = torch.stack([tensor.double().abs().sum() for state in states for tensor in state.values()])
        if not (self.gather(sums[None]) == sums).all():
            raise RuntimeError("expected the same weights in all processes, got others in some")

    def mean(self, values: dict[str, Tensor]) -> dict[str, float]:
        stacked = torch.stack([value.detach().float() for value in values.values()]).to(self.device)
        if self.count > 1:
            dist.all_reduce(stacked)
        return dict(zip(values, (stacked / self.count).tolist(), strict=True))

    def autocast(self, precision: str):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16")

    def generator(self, *key: int, is_shared: bool = False) -> torch.Generator:
        """Random numbers of a key (seed, stage, step …), and of this process unless shared: the same after a resumption."""
        seed = 0 if is_shared else self.rank
        for part in key:
            seed = (seed * 1_000_003 + part + 1) % (2**63 - 25)  # a prime below 2^63
        return torch.Generator(self.device).manual_seed(seed)


class ShardOrder:
    """Which images each micro-batch of this process takes: a shard, in a new order every epoch, a function of (seed, batch)."""

    def __init__(self, num_images: int, batch_size: int, processes: Processes, seed: int):
        self.rows = range(processes.rank, num_images, processes.count)
        if not self.rows:
            raise ValueError(f"expected at least {processes.count} images, one per process, got {num_images}")
        self.batch_size, self.processes, self.seed = batch_size, processes, seed
        self.epoch, self.order = -1, []

    def batch(self, index: int) -> list[int]:
        """Positions within `rows`, for micro-batch `index` from 0."""
        out = []
        for position in range(index * self.batch_size, (index + 1) * self.batch_size):
            epoch, place = divmod(position, len(self.rows))
            if epoch != self.epoch:
                generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) * 4099 + self.processes.rank)
                self.epoch, self.order = epoch, torch.randperm(len(self.rows), generator=generator).tolist()
            out.append(self.order[place])
        return out
