"""The work of bench_generate by transformers' `generate` with its key/value cache, batched.

    generate_peer.py DIR THREADS BATCH PROMPT NEW [DTYPE]

Prints the lines that bench_generate prints for opening and for the whole. DTYPE: float32 (default) or
bfloat16. Not needed by the product or its tests.
"""
import sys
import time

import torch
from transformers import AutoModelForCausalLM

path, threads, batch, prompt, new = sys.argv[1], *map(int, sys.argv[2:6])
dtype = getattr(torch, sys.argv[6] if len(sys.argv) > 6 else "float32")
torch.set_num_threads(threads)
torch.manual_seed(1)

start = time.monotonic()
model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype).eval()
print(f"start open_s={time.monotonic() - start:.2f}")
best = float("inf")
with torch.inference_mode():
    for _ in range(2):
        ids = torch.randint(0, model.config.vocab_size, (batch, prompt))
        start = time.monotonic()
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new,
                             min_new_tokens=new, do_sample=False, use_cache=True, pad_token_id=0)
        best = min(best, time.monotonic() - start)
        assert out.shape == (batch, prompt + new)
print(f"generate batch={batch} prompt={prompt} new={new} seconds={best:.3f} tokens_per_s={batch * new / best:.1f}")
