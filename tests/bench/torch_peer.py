"""The same training step and the same greedy decoding in plain PyTorch, for tests/bench/run.

    torch_peer.py CONFIG THREADS BATCH TOKENS SECONDS

A Llama-type decoder written out with torch's fused attention and AdamW (fused where torch has it),
which is faster than the classes of transformers: the stronger peer. Prints the lines that bench_train
prints. Not needed by the product or its tests.
"""
import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

path, threads, batch, tokens, seconds = sys.argv[1], *map(int, sys.argv[2:5]), float(sys.argv[5])
torch.set_num_threads(threads)
torch.manual_seed(1)
c = json.load(open(path))
D, L, H, W = c["hidden_size"], c["num_hidden_layers"], c["num_attention_heads"], c["intermediate_size"]
V = c.get("vocab_size") or 53
C = D // H


def turn(x, cosine, sine):
    a, b = x[..., : C // 2], x[..., C // 2:]
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], -1)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(D, eps=1e-5), nn.RMSNorm(D, eps=1e-5)
        self.qkv, self.out = nn.Linear(D, 3 * D, bias=False), nn.Linear(D, D, bias=False)
        self.gate_up, self.down = nn.Linear(D, 2 * W, bias=False), nn.Linear(W, D, bias=False)

    def forward(self, x, cosine, sine, cache, at):
        B, T, _ = x.shape
        q, k, v = (u.view(B, T, H, C).transpose(1, 2) for u in self.qkv(self.norm1(x)).split(D, -1))
        q, k = turn(q, cosine, sine), turn(k, cosine, sine)
        if cache is not None:
            cache[0][:, :, at:at + T], cache[1][:, :, at:at + T] = k, v
            k, v = cache[0][:, :, :at + T], cache[1][:, :, :at + T]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=T > 1)
        x = x + self.out(y.transpose(1, 2).reshape(B, T, D))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(V, D)
        self.layers = nn.ModuleList(Layer() for _ in range(L))
        self.norm, self.head = nn.RMSNorm(D, eps=1e-5), nn.Linear(D, V, bias=False)
        angle = torch.arange(2048)[:, None] * 10000.0 ** (-torch.arange(0, C, 2) / C)
        self.cosine, self.sine = angle.cos(), angle.sin()

    def forward(self, ids, caches=None, at=0, rows=slice(None)):
        x, T = self.embedding(ids), ids.shape[1]
        for i, layer in enumerate(self.layers):
            x = layer(x, self.cosine[at:at + T], self.sine[at:at + T], caches and caches[i], at)
        return self.head(self.norm(x[:, rows]))


def repeat(work):
    for _ in range(2):
        work()
    start, count = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        work()
        count += 1
    return count / (time.monotonic() - start)


model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
ids = torch.randint(V, (batch, tokens + 1))
predicted = (tokens + 1) // 2


def step():
    logits = model(ids[:, :-1], rows=slice(tokens - predicted, tokens))
    loss = F.cross_entropy(logits.reshape(-1, V), ids[:, tokens + 1 - predicted:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@torch.no_grad()
def decode(size=256, prompt=10, answer=9):
    caches = [torch.empty(2, size, H, prompt + answer, C) for _ in range(L)]
    token, at = ids_decode, 0
    for _ in range(answer):
        logits = model(token, caches, at, slice(-1, None))
        at += token.shape[1]
        token = logits.argmax(-1)


ids_decode = torch.randint(V, (256, 10))
print(f"train batch={batch} tokens={tokens} tokens_per_s={repeat(step) * batch * tokens:.0f}")
print(f"decode batch=256 prompt=10 answer=9 answers_per_s={repeat(decode) * 256:.0f}")


def generate():
    from transformers import LlamaConfig, LlamaForCausalLM
    llama = LlamaForCausalLM(LlamaConfig(**{**c, "vocab_size": V})).eval()
    mask = torch.ones_like(ids_decode)
    return lambda: llama.generate(ids_decode, attention_mask=mask, max_new_tokens=9, min_new_tokens=9,
                                  do_sample=False, pad_token_id=0)


try:
    print(f"generate batch=256 prompt=10 answer=9 answers_per_s={repeat(generate()) * 256:.0f}")
except ImportError:
    pass
