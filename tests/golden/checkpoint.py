#!/usr/bin/env python3
"""Reference checkpoints and what they compute, made with PyTorch and transformers.

    checkpoint.py make DIR          writes the folders below into DIR (tests/golden/checkpoint)
    checkpoint.py verify DIR [ID …] loads a checkpoint of ours in transformers and prints the logits
                                    for the token ids (default 0 1 2 … 9): a line for each position,
                                    V numbers of 9 digits; with `--text WORDS` for the ids that
                                    AutoTokenizer gives; the ids stand in a first line "# ids …"

The tests of lockpick read the recorded folders and need no Python. Three models of LlamaForCausalLM,
D = 32, 2 layers, H = 4 heads of 8, F = 32, V = 53, weights drawn with deviation 0.15:

    grouped   f32, G = 2 key/value heads, output of its own
    tied      f32, G = 4, output tied to the embedding
    bf16      bf16, G = 1, output of its own

Each folder has config.json and model.safetensors as transformers wrote them, and
expected.safetensors, all tensors little endian and row-major. The batch: S sequences packed into T
rows; sequence s holds rows offsets[s] … offsets[s+1] − 1.

    offsets                I32 [S+1]
    tokens                 I32 [T]
    logits                 F32 [T, V]   of every row
    rows                   I32 [n]      rows that carry a loss, ascending (never a sequence's last)
    targets                I32 [n]      the token behind each of those rows
    weights                F32 [n]      sum 1
    loss                   F32 [1]      −Σ_i weights[i] · log softmax(logits[rows[i]])[targets[i]]
    gradient.NAME          F32          of that loss, for every parameter, under its stored name and
                                        with its stored shape (tied: both uses added up)
    gradient_norm          F32 [1]      of all gradients together
    losses.adamw           F32 [6]      before each of five steps on that batch, and after the last:
                                        rate 1e-3, β 0.9 0.999, ε 1e-8, decay 0.01 on all weights
    losses.lion            F32 [6]      the same with Lion: rate 1e-4, β 0.9 0.99, decay 0.01
    greedy.offsets         I32 [P+1]    P prompts, packed the same way
    greedy.tokens          I32
    greedy.generated       I32 [P, 12]  the tokens that greedy decoding adds, nothing stops it
    greedy.log_probability F32 [P, 12]  of each of them
    greedy.margin          F32 [1]      smallest lead of a best logit over the second

Two more folders, ours-f32 and ours-bf16, were trained by lockpick and read by transformers: in logits.txt
stands what `verify` printed for the ids 44 1 20 35 1 3 8 2 10 1. They were made by

    gen-composition --data-seed 1 --tokenizer tokenizer.json
    gen-composition -n 200 --data-seed 1 --seed 1 | gen-strong --policy program --data-seed 1 -o s.rec
    init-model --config data/models/composition-quick.json --set hidden_size=32 \\
        --set intermediate_size=32 --set num_hidden_layers=2 --set num_key_value_heads=2 \\
        --dtype f32 --tokenizer tokenizer.json --seed 1 -o initial
    train -t 1 -m initial --optimizer adamw -l 1e-3 -b 8 -o ours-f32 s.rec

The arithmetic is f32 throughout. In `bf16` the weights are bf16 numbers, read as f32; for the
optimizers they are the start of f32 masters: the model computes with the masters rounded to bf16,
the steps are made on the masters, as ours are.
"""

import os
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

VOCABULARY = 53
KINDS = {
    "grouped": dict(heads=2, tied=False, dtype=torch.float32, seed=1),
    "tied": dict(heads=4, tied=True, dtype=torch.float32, seed=2),
    "bf16": dict(heads=1, tied=False, dtype=torch.bfloat16, seed=3),
}
SEQUENCES = [7, 1, 13, 19, 2]
PROMPTS = [6, 1, 11]
GENERATED = 12


def make_model(kind):
    torch.manual_seed(kind["seed"])
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=kind["heads"], max_position_embeddings=64,
        rms_norm_eps=1e-5, tie_word_embeddings=kind["tied"], initializer_range=0.15,
        bos_token_id=None, eos_token_id=None, attn_implementation="eager")
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:  # all ones would hide a gain that is forgotten
                parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
    return model.to(kind["dtype"])


def packed(lengths):
    offsets = torch.tensor([0] + lengths).cumsum(0).to(torch.int32)
    return offsets, torch.randint(0, VOCABULARY, (int(offsets[-1]),), dtype=torch.int32)


def run(model, offsets, tokens):
    """Logits [T, V] of the packed sequences, each run by itself."""
    parts = [model(tokens[a:b].long()[None]).logits[0] for a, b in zip(offsets, offsets[1:])]
    return torch.cat(parts)


def loss_of(logits, batch):
    chosen = torch.log_softmax(logits[batch["rows"].long()], -1)
    chosen = chosen.gather(1, batch["targets"].long()[:, None])[:, 0]
    return -(batch["weights"] * chosen).sum()


def make_batch():
    offsets, tokens = packed(SEQUENCES)
    last = set((offsets[1:] - 1).tolist())
    rows = [t for t in range(len(tokens)) if t not in last and t % 4 != 1]
    rows = torch.tensor(rows, dtype=torch.int32)
    weights = torch.rand(len(rows)) + 0.1
    return dict(offsets=offsets, tokens=tokens, rows=rows, targets=tokens[rows.long() + 1].clone(),
                weights=weights / weights.sum())


def gradients_of(model, batch):
    model.zero_grad()
    loss = loss_of(run(model, batch["offsets"], batch["tokens"]), batch)
    loss.backward()
    return loss.item(), {n: p.grad.clone() for n, p in model.named_parameters()}


class Lion:
    """Chen et al. 2023, algorithm 2."""

    def __init__(self, parameters, rate=1e-4, beta1=0.9, beta2=0.99, decay=0.01):
        self.parameters = list(parameters)
        self.momenta = [torch.zeros_like(p) for p in self.parameters]
        self.rate, self.beta1, self.beta2, self.decay = rate, beta1, beta2, decay

    @torch.no_grad()
    def step(self):
        for weight, momentum in zip(self.parameters, self.momenta):
            update = torch.sign(self.beta1 * momentum + (1 - self.beta1) * weight.grad)
            weight -= self.rate * (update + self.decay * weight)
            momentum.mul_(self.beta2).add_(weight.grad, alpha=1 - self.beta2)


def train(model, batch, optimizer_class, halves):
    """Losses before each of five steps and after them."""
    masters = {n: p.detach().clone().requires_grad_() for n, p in model.named_parameters()}
    optimizer = optimizer_class(masters.values())
    losses = []
    for step in range(6):
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                master = masters[name]
                parameter.copy_(master.to(torch.bfloat16).float() if halves else master)
        loss, gradients = gradients_of(model, batch)
        losses.append(loss)
        if step < 5:
            for name, master in masters.items():
                master.grad = gradients[name]
            optimizer.step()
    return torch.tensor(losses)


@torch.no_grad()
def greedy(model):
    offsets, tokens = packed(PROMPTS)
    generated, probabilities, margin = [], [], float("inf")
    for a, b in zip(offsets, offsets[1:]):
        ids, chances = tokens[a:b].long().tolist(), []
        for _ in range(GENERATED):
            logits = model(torch.tensor([ids])).logits[0, -1]
            best = logits.topk(2).values
            margin = min(margin, (best[0] - best[1]).item())
            ids.append(logits.argmax().item())
            chances.append(torch.log_softmax(logits, -1)[ids[-1]].item())
        generated.append(ids[-GENERATED:])
        probabilities.append(chances)
    return {"greedy.offsets": offsets, "greedy.tokens": tokens,
            "greedy.generated": torch.tensor(generated, dtype=torch.int32),
            "greedy.log_probability": torch.tensor(probabilities),
            "greedy.margin": torch.tensor([margin])}


def record(folder, model, halves):
    """What the model in `folder` computes, read as f32, for a fresh batch and fresh prompts."""
    batch = make_batch()
    expected = dict(batch)
    with torch.no_grad():
        expected["logits"] = run(model, batch["offsets"], batch["tokens"])
    loss, gradients = gradients_of(model, batch)
    expected["loss"] = torch.tensor([loss])
    expected["gradient_norm"] = torch.stack([g.norm() for g in gradients.values()]).norm()[None]
    for parameter, gradient in gradients.items():
        expected["gradient." + parameter] = gradient
    expected.update(greedy(model))
    begin = {n: p.detach().clone() for n, p in model.named_parameters()}
    adamw = lambda p: torch.optim.AdamW(p, lr=1e-3, betas=(0.9, 0.999), eps=1e-8,
                                        weight_decay=0.01)
    for optimizer_name, optimizer in (("adamw", adamw), ("lion", Lion)):
        model.load_state_dict(begin, strict=False)
        expected["losses." + optimizer_name] = train(model, batch, optimizer, halves)
    model.load_state_dict(begin, strict=False)
    print(folder, "loss", loss, "margin", expected["greedy.margin"].item(),
          expected["losses.adamw"].tolist(), expected["losses.lion"].tolist())
    return expected


def save_expected(folder, expected):
    save_file({k: v.contiguous() for k, v in expected.items()},
              os.path.join(folder, "expected.safetensors"))


def make(directory):
    for name, kind in KINDS.items():
        folder = os.path.join(directory, name)
        stored = make_model(kind)
        stored.save_pretrained(folder)
        os.remove(os.path.join(folder, "generation_config.json"))
        # Read back as f32: .float() on a bf16 model would keep rotary frequencies rounded to bf16.
        model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                                 attn_implementation="eager")
        save_expected(folder, record(folder, model, kind["dtype"] == torch.bfloat16))


@torch.no_grad()
def verify(directory, words):
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    if words[:1] == ["--text"]:
        ids = AutoTokenizer.from_pretrained(directory)(" ".join(words[1:]))["input_ids"]
    else:
        ids = [int(w) for w in words] or list(range(10))
    print("# ids", *ids)
    for row in model(torch.tensor([ids])).logits[0].tolist():
        print(*(f"{x:.9g}" for x in row))


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) == 3 and sys.argv[1] == "make":
        make(sys.argv[2])
    elif len(sys.argv) >= 3 and sys.argv[1] == "verify":
        verify(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(__doc__)
