#!/usr/bin/env bash
# What only a GPU can tell, in one go of ten minutes: started by `./dev gpu-check` from the top of the source tree, with the
# programs of a bundle (bin, lib). Rewrites docs/measurements.md. A part that fails is reported and the others go on; the exit status
# says whether all went well.
set -uo pipefail

bundle=${1:?usage: gpu-check.sh BUNDLE}
export LD_LIBRARY_PATH=$bundle/lib:${LD_LIBRARY_PATH:-} CARACAL_RESOURCES=$PWD/resources
bin=$bundle/bin
out=build/gpu-check
document=docs/measurements.md
links=(--link-tensor 300us,2GB/s --link-pipeline 300us,2GB/s)
failed=()
mkdir -p "$out"

# part NAME SECONDS COMMAND...: its output into out/NAME.txt; 124 is its end of time.
part() {
  local name=$1 seconds=$2 begin=$SECONDS
  shift 2
  timeout "$seconds" "$@" >"$out/$name.txt" 2>&1
  local status=$?
  [ $status -eq 0 ] || failed+=("$name")
  printf '%-24s %s, %d s\n' "$name" "$([ $status -eq 0 ] && echo done || echo "FAILED ($status)")" $((SECONDS - begin))
  return $status
}

# The number FIELD of the last JSON line with `event` END in a log of caracal-run.
fieldOf() { sed -n "s/.*\"event\":\"end\".*\"$2\":\([0-9.]*\).*/\1/p" "$1" | tail -n 1; }

# Model FLOPs of a step: 72 b s l h^2 (1 + s / 6h + V / 12 l h) for b sequences, forward and backward, nothing recomputed
# (Narayanan et al., arXiv 2104.04473, equation 3, whose 96 counts full recomputation).
utilisation() {
  awk -v ns="$(fieldOf "$out/$1.txt" stepNs)" -v peak="${CARACAL_BF16_TFLOPS:-989}" 'BEGIN {
    b = 64; s = 1024; l = 24; h = 2048; v = 50304
    flops = 72 * b * s * l * h * h * (1 + s / (6 * h) + v / (12 * l * h))
    if (ns > 0) printf "%.1f TFLOP in %.1f ms: %.0f TFLOP/s, %.1f %% of %s TFLOP/s\n", flops / 1e12, ns / 1e6, flops / ns / 1e3, 100 * flops / ns / 1e3 / peak, peak
  }'
}

# Every policy on virtual ranks, for a profile of this GPU's own run.
policies() {
  local model=resources/gpu-check/gpt-two-stages.json policy
  "$bin/caracal-run" --backend cuda --model $model "${links[@]}" --steps 6 --record "$out/all.sqlite" >"$out/all.log" || return
  "$bin/caracal" profile "$out/all.sqlite" -o "$out/profile.json" || return
  printf '%-12s %12s %12s %8s\n' policy 'predicted ms' 'measured ms' 'peak MiB'
  for policy in none full selective heu heu+; do
    "$bin/caracal" plan --profile "$out/profile.json" --policy $policy --budget 64GiB -o "$out/$policy.plan.json" >/dev/null || return
    "$bin/caracal-run" --backend cuda --plan "$out/$policy.plan.json" "${links[@]}" --steps 6 --record "$out/$policy.sqlite" >"$out/$policy.log" || return
    "$bin/caracal" simulate --profile "$out/profile.json" --plan "$out/$policy.plan.json" --json >"$out/$policy.json" || return
    printf '%-12s %12.2f %12.2f %8d\n' $policy \
      "$(sed -n 's/.*"stepNs": *\([0-9]*\).*/\1/p' "$out/$policy.json" | head -n 1 | awk '{print $1 / 1e6}')" \
      "$(fieldOf "$out/$policy.log" stepNs | awk '{print $1 / 1e6}')" "$(($(fieldOf "$out/$policy.log" peakBytes) >> 20))"
  done
}

record() {
  rm -rf "$out/recorded"
  "$bin/caracal" record -o "$out/recorded" --overhead-steps 4 -- "$bin/caracal-run" --backend cuda \
    --model resources/gpu-check/gpt-two-stages.json "${links[@]}" --steps 30 && "$bin/caracal" info "$out/recorded"
}

section() {
  printf '\n## %s\n\n```\n' "$1"
  tail -n 60 "$out/$2.txt"
  printf '```\n'
}

export -f policies record fieldOf
export bin out
part doctor 30 "$bin/caracal" doctor
part devices 60 "$bin/device_gpu_test"
part training-tests 150 "$bin/cuda_gpu_test"
model=resources/gpu-check/gpt-1.3b-one-gpu.json
part train-1.3b 150 "$bin/caracal-run" --backend cuda --model $model --steps 8
sed 's/"fusedAttention": false/"fusedAttention": true/' $model >"$out/fused.json"
part train-1.3b-fused 150 "$bin/caracal-run" --backend cuda --model "$out/fused.json" --steps 4
part policies 120 bash -c "links=(${links[*]}); policies"
part record 60 bash -c "links=(${links[*]}); record"

{
  printf '# What was measured on a GPU\n\nWritten by `./dev gpu-check` on %s. Virtual ranks and their links are *emulated*: ranks share one GPU, and a\n' "$(date -u +%Y-%m-%d)"
  printf 'transfer takes the stated time of its link.\n'
  [ ${#failed[@]} -eq 0 ] || printf '\n**Failed: %s.**\n' "${failed[*]}"
  section 'The machine' doctor
  section 'Tests' training-tests
  section 'GPT 1.3B, one GPU, bf16: a step' train-1.3b
  section 'The same with our own fused attention, which uses no tensor cores' train-1.3b-fused
  printf '\nModel FLOPs utilisation, of the dense bf16 rate in the data sheet unless CARACAL_BF16_TFLOPS says another:\n'
  printf -- '- unfused attention: %s\n- fused attention: %s\n' "$(utilisation train-1.3b)" "$(utilisation train-1.3b-fused)"
  section 'Policies on 4 virtual ranks, links of 300 us and 2 GB/s' policies
  section 'The recorder on this runtime, with its own overhead' record
} >"$document"
echo "written: $document"
[ ${#failed[@]} -eq 0 ]
