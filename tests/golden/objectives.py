#!/usr/bin/env python3
"""What the training objectives and Lion give, computed by PyTorch in float64.

    python3 -P objectives.py make DIR   writes expected.safetensors into DIR (tests/golden/objectives);
                                        without -P tokenizers.py beside it hides the package

The tests of lockpick read the recorded file and need no Python. The model is checkpoint/tied, read
by transformers and computed in float64 throughout; its loss is differentiated by autograd.
Sequences are packed as in checkpoint.py; of each, the last `predicted` tokens carry the loss. All
tensors are little endian and row-major.

DPO (Rafailov et al. 2023, equation 7), the mean over P pairs of −weight · log σ(margin):

    dpo.offsets        I32 [2P+1]   sequences 2p and 2p+1 are the chosen and the rejected one of pair p
    dpo.tokens         I32
    dpo.predicted      I32 [2P]
    dpo.weights        F64 [P]
    dpo.reference      F64 [P, 2]   log-probabilities of both under the same model with other weights
    dpo.beta           F64 [1]
    dpo.loss           F64 [1]
    dpo.margins        F64 [P]      β·((chosen − rejected) − (the same of the reference))
    dpo.gradient.NAME  F32          of the loss, for every parameter, under its stored name

Hard and soft targets in one batch, the mean over its completion tokens of −log p(token) or of
KL(q ‖ p) (torch.nn.functional.kl_div):

    soft.offsets, soft.tokens, soft.predicted
    soft.which          I32 [S]     −1: the sequence wants its tokens; else the row of
    soft.distributions  F32 [m, V]  q; in some of them most tokens have none of it
    soft.loss           F64 [1]
    soft.gradient.NAME  F32

Uniform targets, KL(u ‖ p) with the same divisor, where u gives every token of the vocabulary 1/V:

    uniform.offsets, uniform.tokens, uniform.predicted
    uniform.loss        F64 [1]
    uniform.gradient.NAME  F32

Lion, the pseudo-code of Chen et al. 2023 (algorithm 2) written out in NumPy, five steps with rate
1e-3, β 0.9 0.99 and decay 0.01:

    lion.weight         F32 [3, 37]      before the first step
    lion.gradients      F32 [5, 3, 37]
    lion.after          F64 [3, 37]      the weight after the last step
    lion.momentum       F64 [3, 37]
"""

import os
import sys

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
BETA = 0.3
VOCABULARY = 53
# Tokens of the input, and of each completion behind it.
PAIRS = [(5, 3, 6), (1, 4, 1), (9, 2, 2), (3, 7, 5)]
UNIFORM = [(3, 4), (8, 1), (2, 6)]
SOFT = [(4, 3, -1), (6, 5, 0), (2, 1, 1), (7, 4, -1), (3, 2, 2), (1, 6, 0), (5, 1, 3)]


def load_model():
    return AutoModelForCausalLM.from_pretrained(os.path.join(HERE, "checkpoint", "tied"),
                                                dtype=torch.float64, attn_implementation="eager")


def log_probabilities(model, sequence, predicted):
    """log softmax [predicted, V] at the positions before the last `predicted` tokens."""
    logits = model(sequence[None]).logits[0]
    return torch.log_softmax(logits, -1)[-predicted - 1:-1]


def of_completion(model, sequence, predicted):
    rows = log_probabilities(model, sequence, predicted)
    return rows.gather(1, sequence[-predicted:, None]).sum()


def draw(count):
    return torch.randint(0, VOCABULARY, (count,))


def packed(sequences):
    offsets = torch.tensor([0] + [len(s) for s in sequences]).cumsum(0).to(torch.int32)
    return offsets, torch.cat(sequences).to(torch.int32)


def gradients(prefix, model, loss):
    model.zero_grad()
    loss.backward()
    return {f"{prefix}.gradient.{n}": p.grad.float() for n, p in model.named_parameters()}


def make_dpo(model, out):
    sequences, predicted = [], []
    for length, chosen, rejected in PAIRS:
        start = draw(length)
        sequences += [torch.cat([start, draw(chosen)]), torch.cat([start, draw(rejected)])]
        predicted += [chosen, rejected]
    reference = load_model()
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
        wanted = torch.stack([of_completion(reference, s, n) for s, n in zip(sequences, predicted)])
    wanted = wanted.reshape(-1, 2)
    weights = torch.rand(len(PAIRS), dtype=torch.float64) * 2
    policy = torch.stack([of_completion(model, s, n) for s, n in zip(sequences, predicted)])
    policy = policy.reshape(-1, 2)
    margins = BETA * ((policy[:, 0] - policy[:, 1]) - (wanted[:, 0] - wanted[:, 1]))
    loss = (-weights * F.logsigmoid(margins)).mean()
    out["dpo.offsets"], out["dpo.tokens"] = packed(sequences)
    out["dpo.predicted"] = torch.tensor(predicted, dtype=torch.int32)
    out["dpo.weights"], out["dpo.reference"] = weights, wanted
    out["dpo.beta"] = torch.tensor([BETA], dtype=torch.float64)
    out["dpo.loss"], out["dpo.margins"] = loss.detach()[None], margins.detach()
    out.update(gradients("dpo", model, loss))
    print("dpo: loss", loss.item(), "margins", margins.tolist())


def make_distributions():
    """Spread over all tokens, over three of them, on one alone, over half of them."""
    q = torch.zeros(4, VOCABULARY, dtype=torch.float64)
    q[0] = torch.softmax(torch.randn(VOCABULARY, dtype=torch.float64), 0)
    q[1, [7, 11, 50]] = torch.tensor([0.7, 0.1, 0.2], dtype=torch.float64)
    q[2, 52] = 1
    q[3, ::2] = 1 / len(q[3, ::2])
    return q.float()


def make_soft(model, out):
    q = make_distributions()
    sequences = [draw(length + predicted) for length, predicted, _ in SOFT]
    total = 0
    for sequence, (_, predicted, which) in zip(sequences, SOFT):
        if which < 0:
            total = total - of_completion(model, sequence, predicted)
        else:
            rows = log_probabilities(model, sequence, predicted)
            wanted = q[which].double().expand_as(rows)
            total = total + F.kl_div(rows, wanted, reduction="sum")
    loss = total / sum(predicted for _, predicted, _ in SOFT)
    out["soft.offsets"], out["soft.tokens"] = packed(sequences)
    out["soft.predicted"] = torch.tensor([p for _, p, _ in SOFT], dtype=torch.int32)
    out["soft.which"] = torch.tensor([w for _, _, w in SOFT], dtype=torch.int32)
    out["soft.distributions"], out["soft.loss"] = q, loss.detach()[None]
    out.update(gradients("soft", model, loss))
    print("soft: loss", loss.item())


def make_uniform(model, out):
    sequences = [draw(length + predicted) for length, predicted in UNIFORM]
    total = 0
    for sequence, (_, predicted) in zip(sequences, UNIFORM):
        rows = log_probabilities(model, sequence, predicted)
        wanted = torch.full_like(rows, 1 / VOCABULARY)
        total = total + F.kl_div(rows, wanted, reduction="sum")
    loss = total / sum(predicted for _, predicted in UNIFORM)
    out["uniform.offsets"], out["uniform.tokens"] = packed(sequences)
    out["uniform.predicted"] = torch.tensor([p for _, p in UNIFORM], dtype=torch.int32)
    out["uniform.loss"] = loss.detach()[None]
    out.update(gradients("uniform", model, loss))
    print("uniform: loss", loss.item())


def make_lion(out):
    random = numpy.random.default_rng(7)
    start = random.standard_normal((3, 37)).astype(numpy.float32)
    gradients = random.standard_normal((5, 3, 37)).astype(numpy.float32)
    theta, m = start.astype(numpy.float64), numpy.zeros((3, 37))
    eta, beta1, beta2, decay = 1e-3, 0.9, 0.99, 0.01
    for g in gradients.astype(numpy.float64):
        c = beta1 * m + (1 - beta1) * g
        theta = theta - eta * (numpy.sign(c) + decay * theta)
        m = beta2 * m + (1 - beta2) * g
    out["lion.weight"], out["lion.gradients"] = torch.tensor(start), torch.tensor(gradients)
    out["lion.after"], out["lion.momentum"] = torch.tensor(theta), torch.tensor(m)


def make(directory):
    torch.manual_seed(11)
    model, out = load_model(), {}
    make_dpo(model, out)
    make_soft(model, out)
    make_uniform(model, out)
    make_lion(out)
    os.makedirs(directory, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in out.items()},
              os.path.join(directory, "expected.safetensors"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) != 3 or sys.argv[1] != "make":
        sys.exit(__doc__)
    make(sys.argv[2])
