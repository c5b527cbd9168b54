#!/usr/bin/env bash
# The headline table: every policy on the GPT models and A100 nodes of resources/, simulated. Started by `./dev results`
# from the top of the source tree; rewrites what stands between the markers of docs/results.md and leaves the words alone.
# Every figure comes from `caracal plan`; the rows it printed stay in build/results/rows.tsv.
set -euo pipefail

programs=${CARACAL_PROGRAMS:-build/release/bin}
folder=build/results
document=docs/results.md
models=(gpt-1.3b gpt-4.7b gpt-7b gpt-13b gpt-20b gpt-23b)
searched=(checkmate heu heu+ opt)   # those that this build knows are run
deviceGiB=38                        # of 40: 2 GiB stay for the CUDA context, NCCL and fragmentation

mkdir -p "$folder"
rows=$folder/rows.tsv
: >"$rows"

# The first value of a field in a document that caracal printed, one field a line.
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" "$2" | head -n 1; }
largestPeak() { sed -n 's/.*"peakBytes": \([0-9]*\).*/\1/p' "$1" | sort -n | tail -n 1; }

# plan POLICY [options]: asks caracal; true when a plan fits. Its answer is in $folder/plan.json.
plan() {
  local policy=$1 rc=0
  shift
  "$programs/caracal" plan --profile "$folder/profile.json" --policy "$policy" --budget "${budget}GiB" "$@" --json \
    >"$folder/plan.json" 2>"$folder/error.txt" || rc=$?
  if [ $rc -ne 0 ] && [ $rc -ne 4 ]; then
    cat "$folder/error.txt" >&2
    exit 1
  fi
  [ $rc -eq 0 ]
}

# One line of the rows: model, node, budget, column, step in ns (0: does not fit), peak, what was run, search seconds,
# the proven lower bound on the step (0: none).
record() {
  local column=$1 what=$2 fits=$3 step=0
  [ "$fits" = yes ] && step=$(field stepNs "$folder/plan.json")
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$model" "$node" "$budget" "$column" "$step" "$(largestPeak "$folder/plan.json")" \
    "$what" "$(field searchSeconds "$folder/plan.json")" "$(field boundNs "$folder/plan.json")" >>"$rows"
}

run() {
  local column=$1 policy=$2
  shift 2
  if plan "$policy" "$@"; then record "$column" "$policy" yes; else record "$column" "$policy" no; fi
}

# uniform:N and block:N take more time and less memory as N grows: the first that fits is the best.
runFirst() {
  local policy=$1 most=$2 n
  for ((n = 1; n <= most; n++)); do
    if plan "$policy:$n"; then
      record "$policy" "$policy:$n" yes
      return
    fi
  done
  record "$policy" "$policy:$most" no
}

knows() { "$programs/caracal" plan --help | grep -qF "  $1: "; }

# describe MODEL GPU OVERLAP: the shipped description for another device, as a profile.
describe() {
  sed -e "s/\"gpu\": \"[^\"]*\"/\"gpu\": \"$2\", \"overlapsWeightGradients\": $3/" "resources/models/$1.json" >"$folder/model.json"
  "$programs/caracal" profile --model "$folder/model.json" --output "$folder/profile.json" >/dev/null
}

layersOfSmallestStage() {
  local layers stages
  layers=$(field layers "$folder/model.json")
  stages=$(field pp "$folder/model.json")
  echo $((layers / stages))
}

runAll() {
  local most policy
  most=$(layersOfSmallestStage)
  plan none || true
  record none none yes  # what no device of this size can do: the reference
  run full full
  run selective selective
  runFirst uniform "$most"
  runFirst block "$most"
  for policy in "${searched[@]}"; do
    knows "$policy" || continue
    run "$policy" "$policy"
  done
  run partition heu+ --partition "$partition"
}

# The best partition search that this build offers.
partition=greedy
"$programs/caracal" plan --help | grep -q 'search' && partition=search

for place in nvlink pcie nvlink-overlap pcie-overlap; do
  node=$place
  overlap=false
  case $place in *-overlap) overlap=true ;; esac
  for model in "${models[@]}"; do
    describe "$model" "a100-40gb-${place%-overlap}" "$overlap"
    budget=$deviceGiB
    printf '%s, %s\n' "$model" "$place" >&2
    runAll
    # A tighter budget, a quarter above what full recomputation needs: models that a larger batch would bring there.
    if [ "$overlap" = false ]; then
      plan full || true
      budget=$(($(largestPeak "$folder/plan.json") * 5 / 4 / 1073741824))
      runAll
    fi
  done
done

exec awk -v rows="$rows" -f resources/results/headline.awk "$document"
