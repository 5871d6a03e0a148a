"""Update rules, learning rate and running mean of weights, as in @muse/trainer: the same run.json means the same here."""
import math
import re
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor, nn

from vqgan import snake_case

# Settings that only the TypeScript trainer reads.
ELSEWHERE = {"keepEvery", "previewEvery", "poolSize", "jitter", "offlineEmaDecay"}


@dataclass(frozen=True)
class RunSettings:
    """`settings` of a run.json: camelCase there. batch_size is that of a micro-batch over all processes together."""

    num_steps: int
    batch_size: int
    learning_rate: float
    accumulation_steps: int = 1
    seed: int = 0
    final_learning_rate: float = 0.0
    warmup_steps: int = 0
    optimizer: str = "adamW"
    betas: tuple[float, float] = (0.9, 0.96)
    weight_decay: float = 0.0
    max_gradient_norm: float | None = None
    ema_decay: float | None = None
    checkpoint_every: int = 250
    codebook_decay: float = 0.99
    code_smoothing: float = 0.0  # base: width of the targets around each code, see near_code_targets; 0 for one-hot targets
    loss: dict = field(default_factory=dict)

    @staticmethod
    def from_json(json: dict) -> "RunSettings":
        known = {f.name for f in fields(RunSettings)}
        values = {snake_case(name): value for name, value in json.items() if name not in ELSEWHERE}
        if unknown := set(values) - known:
            raise ValueError(f"run.json: expected settings among {sorted(known)}, got {sorted(unknown)}")
        if json.get("offlineEmaDecay") is not None:
            raise ValueError(f"run.json: expected offlineEmaDecay null, got {json['offlineEmaDecay']}; emaDecay keeps a mean here")
        settings = RunSettings(**values)
        counts = (settings.num_steps, settings.batch_size, settings.accumulation_steps, settings.checkpoint_every)
        if not all(isinstance(n, int) and n >= 1 for n in counts):
            raise ValueError(f"run.json: expected whole numbers of at least 1 for steps and batch size, got {counts}")
        return settings


def learning_rate_at(s: RunSettings, step: int) -> float:
    """Linear warm-up from 0, then half a cosine; `step` counts from 1, and step `warmup_steps` is the first at the peak."""
    if step < s.warmup_steps:
        return s.learning_rate * step / s.warmup_steps
    progress = min(1.0, (step - s.warmup_steps) / max(1, s.num_steps - s.warmup_steps))
    return s.final_learning_rate + (s.learning_rate - s.final_learning_rate) * (1 + math.cos(math.pi * progress)) / 2


class Adafactor(torch.optim.Optimizer):
    """Shazeer & Stern 2018, arXiv 1804.04235, with the first moment and the constant β₂ of Muse, which torch's has not.

    The second moment of a matrix is kept as its row and column means; tensors of rank 3 and more over their last two axes in
    memory order of TensorFlow.js, so a convolution [O, I, kh, kw] counts as [kh, kw, I, O].
    """

    def __init__(self, groups, lr: float, betas: tuple[float, float], epsilon: float = 1e-30, clip_threshold: float = 1.0):
        super().__init__(groups, dict(lr=lr, betas=betas, epsilon=epsilon, clip_threshold=clip_threshold, weight_decay=0.0))

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.update(p, memory_layout(p.grad), group)

    def update(self, p: Tensor, gradient: Tensor, group: dict) -> None:
        (beta1, beta2), state = group["betas"], self.state[p]
        square = gradient.square() + group["epsilon"]
        average = lambda name, value: state.setdefault(name, torch.zeros_like(value)).mul_(beta2).add_(value, alpha=1 - beta2)
        if gradient.dim() < 2:
            update = gradient * average("exp_avg_sq", square).rsqrt()
        else:
            row, column = average("exp_avg_sq_row", square.mean(-1)), average("exp_avg_sq_col", square.mean(-2))
            row_factor = (row / row.mean(-1, keepdim=True)).rsqrt()[..., None]
            update = gradient * row_factor * column.rsqrt()[..., None, :]
        rms = update.square().mean().sqrt()
        update = update * (group["lr"] / (rms / group["clip_threshold"]).clamp(min=1))
        update = state.setdefault("exp_avg", torch.zeros_like(update)).mul_(beta1).add_(update, alpha=1 - beta1)
        p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(file_layout(update))


def memory_layout(x: Tensor) -> Tensor:
    return x.permute(2, 3, 1, 0) if x.dim() == 4 else x


def file_layout(x: Tensor) -> Tensor:
    return x.permute(3, 2, 0, 1) if x.dim() == 4 else x


def trained_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def clip_gradients(s: RunSettings, module: nn.Module) -> Tensor:
    """→ the norm of the gradients as they were"""
    return nn.utils.clip_grad_norm_(trained_parameters(module).values(), s.max_gradient_norm or float("inf"))


class MuonWithAdamW:
    """Muon (Jordan et al. 2024) for the matrices inside the network, AdamW for the rest, as its authors advise: embeddings, the
    output, norms, biases. Muon's update is scaled to the RMS of AdamW's (Liu et al. 2025, arXiv 2502.16982), so both take one rate.
    A matrix that stands for a larger one (`rate_scale`, see T5's q) takes as much less: Muon's steps know nothing of a matrix's
    size, and q at full rate had T5's softmax saturated, and so without a gradient, within a few hundred steps.
    """

    def __init__(self, named: dict[str, nn.Parameter], s: RunSettings):
        inner = {name for name, p in named.items() if p.dim() == 2 and not re.search("embedding|shared|head|relative", name)}
        matrices = rate_groups([named[name] for name in sorted(inner)])
        rest = decay_groups([p for name, p in named.items() if name not in inner], s.weight_decay)
        self.muon = torch.optim.Muon(matrices, s.learning_rate, weight_decay=s.weight_decay, adjust_lr_fn="match_rms_adamw")
        self.adamw = torch.optim.AdamW(rest, lr=s.learning_rate, betas=s.betas, eps=1e-8, fused=True)
        self.param_groups = [*self.muon.param_groups, *self.adamw.param_groups]

    def step(self) -> None:
        self.muon.step()
        self.adamw.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.muon.zero_grad(set_to_none)
        self.adamw.zero_grad(set_to_none)

    def state_dict(self) -> dict:
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.muon.load_state_dict(state["muon"])
        self.adamw.load_state_dict(state["adamw"])
        self.param_groups = [*self.muon.param_groups, *self.adamw.param_groups]


def rate_groups(parameters: list[nn.Parameter]) -> list[dict]:
    """By `rate_scale`; the learning rate of a group is the run's times its own."""
    scales = sorted({getattr(p, "rate_scale", 1.0) for p in parameters})
    return [{"params": [p for p in parameters if getattr(p, "rate_scale", 1.0) == scale], "rate_scale": scale} for scale in scales]


def decay_groups(parameters: list[nn.Parameter], weight_decay: float) -> list[dict]:
    """Matrices and kernels, which decay, and the rest."""
    return [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]


def make_optimizer(s: RunSettings, module: nn.Module) -> torch.optim.Optimizer | MuonWithAdamW:
    """Of a module's trained parameters. Adam decays as an L2 term; the others decay matrices and kernels only, apart from the gradient."""
    named = trained_parameters(module)
    if s.optimizer == "muon":
        return MuonWithAdamW(named, s)
    parameters = list(named.values())
    if s.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=s.learning_rate, betas=s.betas, eps=1e-8, weight_decay=s.weight_decay, fused=True)
    groups = decay_groups(parameters, s.weight_decay)
    if s.optimizer == "adamW":
        return torch.optim.AdamW(groups, lr=s.learning_rate, betas=s.betas, eps=1e-8, fused=True)
    if s.optimizer == "adafactor":
        return Adafactor(groups, lr=s.learning_rate, betas=s.betas)
    raise ValueError(f"run.json: expected optimizer adam, adamW, adafactor or muon, got {s.optimizer}")


class WeightEma:
    """Running mean of a module's trained parameters; the decay starts small, so that the random start weighs little."""

    def __init__(self, module: nn.Module, decay: float):
        self.decay = decay
        self.mean = {name: p.detach().clone() for name, p in trained_parameters(module).items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        parameters = dict(module.named_parameters())
        for name, mean in self.mean.items():
            mean.lerp_(parameters[name].detach(), 1 - decay)

    def state_dict(self) -> dict[str, Tensor]:
        return self.mean

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for name, value in state.items():
            self.mean[name].copy_(value)

    @torch.no_grad()
    def swap(self, module: nn.Module) -> None:
        """Exchanges weights and means; twice gives both back."""
        parameters = dict(module.named_parameters())
        for name, mean in self.mean.items():
            weight = parameters[name].detach().clone()
            parameters[name].copy_(mean)
            mean.copy_(weight)
