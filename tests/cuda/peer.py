"""The model that tests/cuda/session measures, and the same work by torch and transformers.

    peer.py make CONFIG TOKENIZER DIR              a checkpoint of random bf16 weights
    peer.py train DIR DEVICE SEQUENCES LENGTH      time of a step: forward, backward, Lion on all weights, in bf16
    peer.py sample DIR DEVICE SEQUENCES TOKENS     time of a step of batched decoding

Not needed by the product or its tests.
"""
import json
import os
import shutil
import sys
import time

import torch


def make(config, tokenizer, folder):
    from safetensors.torch import save_file
    c = json.load(open(config))
    vocabulary = len(json.load(open(tokenizer))["model"]["vocab"])
    c["vocab_size"] = max(c.get("vocab_size") or 0, vocabulary)
    c["torch_dtype"] = "bfloat16"
    os.makedirs(folder)
    d, w, v = c["hidden_size"], c["intermediate_size"], c["vocab_size"]
    kv = d // c["num_attention_heads"] * c["num_key_value_heads"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    index, total = {}, 0

    def save(number, shapes):
        nonlocal total
        name = f"model-{number:05d}.safetensors"
        tensors = {}
        for key, shape in shapes.items():
            fresh = torch.ones(shape) if len(shape) == 1 else torch.randn(shape, device=device) * 0.02
            tensors[key] = fresh.to(torch.bfloat16).cpu().contiguous()
            total += tensors[key].nbytes
            index[key] = name
        save_file(tensors, os.path.join(folder, name), metadata={"format": "pt"})

    save(0, {"model.embed_tokens.weight": (v, d), "model.norm.weight": (d,), "lm_head.weight": (v, d)})
    for i in range(c["num_hidden_layers"]):
        at = f"model.layers.{i}."
        save(i + 1, {at + "input_layernorm.weight": (d,), at + "post_attention_layernorm.weight": (d,),
                     at + "self_attn.q_proj.weight": (d, d), at + "self_attn.k_proj.weight": (kv, d),
                     at + "self_attn.v_proj.weight": (kv, d), at + "self_attn.o_proj.weight": (d, d),
                     at + "mlp.gate_proj.weight": (w, d), at + "mlp.up_proj.weight": (w, d),
                     at + "mlp.down_proj.weight": (d, w)})
    json.dump({"metadata": {"total_size": total}, "weight_map": index},
              open(os.path.join(folder, "model.safetensors.index.json"), "w"))
    json.dump(c, open(os.path.join(folder, "config.json"), "w"))
    shutil.copy(tokenizer, os.path.join(folder, "tokenizer.json"))
    print(f"{total / 2e6:.0f} million weights")


def load(folder, device):
    from transformers import AutoModelForCausalLM
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="sdpa").to(device)


def timed(device, work, times):
    best = float("inf")
    for _ in range(times):
        if device != "cpu":
            torch.cuda.synchronize()
        start = time.monotonic()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, time.monotonic() - start)
    return best


def train(folder, device, sequences, length):
    model = load(folder, device).train()
    moments = [torch.zeros_like(p) for p in model.parameters()]

    def lion(p, m):
        p.data.add_(torch.sign(m * 0.9 + p.grad * 0.1), alpha=-1.5e-6)
        m.lerp_(p.grad, 0.01)
        p.grad = None

    # Each weight is updated as soon as its gradient is there, so that no full gradient is kept.
    for p, m in zip(model.parameters(), moments):
        p.register_post_accumulate_grad_hook(lambda p, m=m: lion(p, m))
    ids = torch.randint(0, model.config.vocab_size, (sequences, length), device=device)
    for checkpointing in (False, True):
        if checkpointing:
            model.gradient_checkpointing_enable()
        try:
            s = timed(device, lambda: model(input_ids=ids, labels=ids, use_cache=False).loss.backward(), 4)
            print(f"transformers: a step of {ids.numel()} tokens: {s:.3f} s, {ids.numel() / s:.0f} tokens/s"
                  + (", layers recomputed" if checkpointing else ""))
            break
        except torch.OutOfMemoryError:
            print("transformers: does not fit" + ("" if checkpointing else " without recomputing layers"))
            torch.cuda.empty_cache()


def sample(folder, device, sequences, tokens):
    model = load(folder, device).eval()
    ids = torch.randint(0, model.config.vocab_size, (sequences, 8), device=device)

    def generate(n):
        with torch.inference_mode():
            model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=n, min_new_tokens=n,
                           do_sample=True, use_cache=True, pad_token_id=0)

    generate(2)
    s = (timed(device, lambda: generate(tokens), 1) - timed(device, lambda: generate(1), 1)) / (tokens - 1)
    print(f"transformers: {sequences} sequences, {tokens} tokens: {1000 * s:.2f} ms a step, {sequences / s:.0f} tokens/s")


if __name__ == "__main__":
    what, arguments = sys.argv[1], sys.argv[2:]
    if what == "make":
        make(*arguments)
    elif what in ("train", "sample"):
        {"train": train, "sample": sample}[what](arguments[0], arguments[1], *map(int, arguments[2:4]))
    else:
        sys.exit(__doc__)
