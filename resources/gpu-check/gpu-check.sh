#!/usr/bin/env bash
# What only a GPU can tell, in one go of ten minutes: started by `./dev gpu-check` from the top of the source tree, with the
# programs of a bundle (bin, lib). Rewrites docs/measurements.md. Every part has a time of its own; one that fails is reported and the
# others go on; the exit status says whether all went well. Without a GPU it says so, writes nothing and ends with 4, "cannot answer".
set -uo pipefail

bundle=${1:?usage: gpu-check.sh BUNDLE}
export LD_LIBRARY_PATH=$bundle/lib:${LD_LIBRARY_PATH:-} CARACAL_RESOURCES=$PWD/resources
bin=$bundle/bin
out=build/gpu-check
document=docs/measurements.md
folder=resources/gpu-check
link=300us,2GB/s
failed=()
mkdir -p "$out"

# part NAME SECONDS COMMAND...: its output into out/NAME.txt; 124 is its end of time.
part() {
  local name=$1 seconds=$2 begin=$SECONDS
  shift 2
  timeout --kill-after=5 "$seconds" "$@" >"$out/$name.txt" 2>&1
  local status=$?
  [ $status -eq 0 ] || failed+=("$name")
  printf '%-24s %s, %d s\n' "$name" "$([ $status -eq 0 ] && echo "done" || echo "FAILED ($status)")" $((SECONDS - begin))
  return $status
}

# The number FIELD of the last JSON line with `event` END in a log of caracal-run.
fieldOf() { sed -n "s/.*\"event\":\"end\".*\"$2\":\([0-9.]*\).*/\1/p" "$1" | tail -n 1; }

# Model FLOPs of a step: 72 b s l h^2 (1 + s / 6h + V / 12 l h) for b sequences, forward and backward, nothing recomputed
# (Narayanan et al., arXiv 2104.04473, equation 3, whose 96 counts full recomputation), as a share of the rate measured above and of
# that in the data sheet of the H100 and H200 (dense bf16).
utilisation() {
  awk -v ns="$(fieldOf "$out/$1.txt" stepNs)" -v measured="$(sed -n 's/^best \([0-9.]*\).*/\1/p' "$out/matrix-rate.txt")" \
    -v sheet="${CARACAL_BF16_TFLOPS:-989}" 'BEGIN {
    b = 64; s = 1024; l = 24; h = 2048; v = 50304
    flops = 72 * b * s * l * h * h * (1 + s / (6 * h) + v / (12 * l * h))
    if (ns <= 0) { print "not measured"; exit }
    rate = flops / ns / 1e3
    printf "%.1f TFLOP in %.1f ms: %.0f TFLOP/s", flops / 1e12, ns / 1e6, rate
    if (measured > 0) printf ", %.1f %% of the %.0f TFLOP/s measured", 100 * rate / measured, measured
    printf ", %.1f %% of the data sheet'"'"'s %s\n", 100 * rate / sheet, sheet
  }'
}

# The memory that a policy needs on the largest rank, in bytes.
peakOf() {
  "$bin/caracal" plan --profile "$1" --policy "$2" --budget 1TiB --json |
    sed -n 's/.*"peakBytes": \([0-9]*\).*/\1/p' | sort -n | tail -n 1
}

# Every policy on virtual ranks, for a profile of this GPU's own run and a budget halfway between full recomputation and keeping all.
policies() {
  local profile=$out/profile.json least most
  "$bin/caracal-run" --backend cuda --model "$folder/gpt-two-stages.json" --link-tensor $link --link-pipeline $link --steps 6 \
    --record "$out/all.sqlite" >"$out/all.log" || return
  "$bin/caracal" profile "$out/all.sqlite" -o "$profile" || return
  least=$(peakOf "$profile" full) && most=$(peakOf "$profile" none) || return
  echo "budget $(((least + most) / 2 >> 20)) MiB"
  "$bin/caracal" measure --backend cuda --profile "$profile" --policies none,full,selective,heu,heu+ \
    --budget "$(((least + most) / 2))B" --steps 6 --rounds 1 -o "$out/policies"
}

record() {
  rm -rf "$out/recorded"
  "$bin/caracal" record -o "$out/recorded" --overhead-steps 4 -- "$bin/caracal-run" --backend cuda \
    --model "$folder/gpt-two-stages.json" --link-tensor $link --link-pipeline $link --steps 30 &&
    "$bin/caracal" info "$out/recorded"
}

# Small enough for tests/data: two steps, recorded both ways.
samples() {
  rm -rf "$out/samples"
  mkdir -p "$out/samples"
  "$bin/caracal" record -o "$out/samples/recorder" -- "$bin/caracal-run" --backend cuda --model demo-gpt --steps 2 \
    --record "$out/samples/caracal-run.sqlite" && du -ak "$out/samples"
}

section() {
  printf '\n## %s\n\n```\n' "$1"
  tail -n 60 "$out/$2.txt"
  printf '```\n'
}

part matrix-rate 60 "$bin/gpu_matrix_rate"
if [ $? -eq 4 ]; then
  echo "gpu-check: no GPU to measure on: $(tail -n 1 "$out/matrix-rate.txt")" >&2
  exit 4
fi
export -f policies record samples peakOf
export bin out folder link
part doctor 20 "$bin/caracal" doctor
part devices 30 "$bin/device_gpu_test"
part nccl 20 "$bin/nccl_gpu_test"
part training-tests 80 "$bin/cuda_gpu_test"
sed 's/"fusedAttention": false/"fusedAttention": true/' "$folder/gpt-1.3b-one-gpu.json" >"$out/fused.json"
part train-1.3b-fused 80 "$bin/caracal-run" --backend cuda --model "$out/fused.json" --steps 8
part train-1.3b 80 "$bin/caracal-run" --backend cuda --model "$folder/gpt-1.3b-one-gpu.json" --steps 6
part policies 110 bash -c policies
part calibrate 50 "$bin/caracal" calibrate --backend cuda --model "$folder/gpt-two-stages.json" --steps 4 -o "$out/hardware.json"
part record 50 bash -c record
part samples 20 bash -c samples

{
  printf '# What was measured on a GPU\n\nWritten by `./dev gpu-check` on %s. Virtual ranks and their links are *emulated*: ranks share one GPU, and a\n' "$(date -u +%Y-%m-%d)"
  printf 'transfer takes the stated time of its link.\n'
  [ ${#failed[@]} -eq 0 ] || printf '\n**Failed: %s.**\n' "${failed[*]}"
  section 'The machine' doctor
  section 'Its rate of bf16 products, by cuBLASLt' matrix-rate
  section 'Tests' training-tests
  section 'GPT 1.3B, one GPU, bf16, fused attention' train-1.3b-fused
  section 'The same with unfused attention' train-1.3b
  printf '\nModel FLOPs utilisation:\n\n- fused attention: %s\n- unfused attention: %s\n' "$(utilisation train-1.3b-fused)" "$(utilisation train-1.3b)"
  printf -- '- llm.c, for comparison: GPT-2 124M, 10 billion tokens in 45 minutes on 8 H100 (README of KellerJordan/modded-nanogpt), which\n'
  printf '  by 6 N + 12 l h s FLOPs a token is 397 TFLOP/s a GPU, 40 %% of the data sheet'"'"'s 989\n'
  section "Policies on 4 virtual ranks, links of $link" policies
  section 'Constants of this GPU' calibrate
  section 'The recorder on this runtime, with its own overhead' record
} >"$document"
echo "written: $document; recordings for tests in $out/samples"
[ ${#failed[@]} -eq 0 ]
