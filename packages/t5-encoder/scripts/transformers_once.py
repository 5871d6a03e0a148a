"""transformers_once.py FOLDER DTYPE IDS.json [STATES]: the same texts through transformers' T5EncoderModel, one after another.

Prints times and the process's peak memory as JSON; compares the states with STATES (f32, text after text) if given.
"""
import json, resource, sys, time

start = time.perf_counter()
import numpy as np, torch
from transformers import T5EncoderModel

folder, dtype, ids_file = sys.argv[1:4]
import_ms = 1e3 * (time.perf_counter() - start)
cpu_imported = time.process_time()
ids = json.load(open(ids_file))
start = time.perf_counter()
model = T5EncoderModel.from_pretrained(folder, torch_dtype=getattr(torch, dtype)).eval()
load_ms = 1e3 * (time.perf_counter() - start)
cpu_loaded = time.process_time()
start = time.perf_counter()
with torch.no_grad():
    states = [model(input_ids=torch.tensor([row])).last_hidden_state.float().numpy() for row in ids]
encode_ms = 1e3 * (time.perf_counter() - start)
cpu_encoded = time.process_time()
report = {"import_ms": import_ms, "load_ms": load_ms, "encode_ms": encode_ms, "threads": torch.get_num_threads(),
          "cpu_load_ms": 1e3 * (cpu_loaded - cpu_imported), "cpu_encode_ms": 1e3 * (cpu_encoded - cpu_loaded),
          "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
if len(sys.argv) > 4:
    ours = np.fromfile(sys.argv[4], dtype=np.float32)
    theirs = np.concatenate([s.ravel() for s in states])
    report["rms"] = float(np.sqrt((theirs ** 2).mean()))
    report["max_difference"] = float(np.abs(ours - theirs).max())
print(json.dumps(report))
