#!/usr/bin/env bash
# The whole loop on a run that happens on this machine; started by `./dev demo` from the top of the source tree.
set -euo pipefail

programs=${CARACAL_PROGRAMS:-build/release/bin}
folder=build/demo
export PATH="$PWD/$programs:$PATH"

ui=auto
[ "${1:-}" = --no-ui ] && ui=no

bold() { if [ -t 1 ]; then printf '\033[1m%s\033[0m\n' "$*"; else printf '%s\n' "$*"; fi; }
step() {
  printf '\n'
  bold "$1"
  [ $# -eq 1 ] || printf '%s\n' "${@:2}"
}

# Shows a command as the reader would type it, then runs it.
show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

# What caracal-run reports, one JSON object a line, as a table of its steps.
asSteps() {
  sed -n 's/.*"event":"step","step":\([0-9]*\),"loss":\([0-9.]\{5\}\)[0-9.]*,"stepNs":\([0-9]*\)[0-9]\{6\},"peakBytes":\([0-9]*\).*/\1 \2 \3 \4/p' |
    while read -r number loss milliseconds peak; do
      printf 'step %s  loss %s  %4s ms  peak memory %s MiB\n' "$number" "$loss" "$milliseconds" "$((peak >> 20))"
    done
}

# The largest "peakBytes" of a JSON document that caracal printed: the fullest stage's memory.
largestPeak() { grep -o '"peakBytes": [0-9]*' | grep -o '[0-9]*$' | sort -n | tail -n 1; }

peakOf() { caracal plan --profile "$folder/profile.json" --policy "$1" --json | largestPeak; }

rm -rf "$folder"
mkdir -p "$folder"

bold 'Caracal: the whole loop on this machine, without a GPU'
cat <<TEXT
A small GPT is trained here on 4 ranks: 2 pipeline stages, each split over 2 tensor-parallel ranks. Ranks
are threads; links between them are emulated, and a virtual clock lets 4 ranks be honest on fewer
cores: every operator really runs and its measured time moves its rank's clock. Results say so: "emulated".
The programs are in $programs, everything written lands in $folder.
TEXT

step '1. Train, and record what happens' \
  'Nothing is recomputed yet: every activation is kept from the forward to the backward pass.'
train=(caracal-run --model demo-gpt --steps 5 --clock virtual --record "$folder/baseline.sqlite")
printf '\n$ %s\n' "${train[*]}"
"${train[@]}" | asSteps

step '2. Understand the run' \
  'Where does each stage wait, and for what? A bubble is time in which a stage computes nothing.'
show caracal analyze "$folder/baseline.sqlite"

step '3. Profile it' \
  'Planning needs to know: time, memory and inputs of every operator, and the windows in which communication' \
  'leaves the cores free.'
show caracal profile "$folder/baseline.sqlite" -o "$folder/profile.json"

keep=$(peakOf none)
full=$(peakOf full)
budget=$(((full + (keep - full) * 6 / 10) >> 20))MiB
step '4. Plan under a memory budget' \
  "Keeping everything takes $((keep >> 20)) MiB on the fullest stage, recomputing everything $((full >> 20)) MiB. Say a rank had" \
  "$budget: something must be recomputed. HEU finds what, and hides as much of it as fits into the windows."
show caracal plan --profile "$folder/profile.json" --policy heu --budget "$budget" -o "$folder/heu.json"
for policy in none full selective; do
  caracal plan --profile "$folder/profile.json" --policy "$policy" -o "$folder/$policy.json" >/dev/null
done
step 'The usual choices beside it (without a budget: what they would need)'
show caracal compare "$folder/none.json" "$folder/full.json" "$folder/selective.json" "$folder/heu.json" \
  --profile "$folder/profile.json"

step '5. Predict' \
  'The predicted step is a timeline too: same tracks, same names, it opens like a recording.'
show caracal simulate --profile "$folder/profile.json" --plan "$folder/heu.json" --trace "$folder/predicted.sqlite"

step '6. Measure the plan, and compare' \
  'caracal-run executes the plan: the same model, the same losses bit for bit, other memory and other times.'
show caracal measure --profile "$folder/profile.json" --plan "$folder/heu.json" --clock virtual --steps 5 \
  -o "$folder/measured.sqlite"
step 'And against the run that kept everything'
show caracal compare "$folder/baseline.sqlite" "$folder/measured.sqlite"

step '7. Export' \
  'The same plan as Megatron-LM arguments, with what Megatron-LM cannot express said aloud.'
show caracal export --target megatron-lm --profile "$folder/profile.json" --plan "$folder/heu.json" -o "$folder/megatron-lm"

step '8. Keep it together' 'One project file holds runs, profile, plans and the measurement.'
project=$folder/demo.caracal
add() { caracal project add "$project" "$@"; }
show caracal project create "$project"
run=$(add run "$folder/baseline.sqlite" --name 'keep everything')
profile=$(add profile "$folder/profile.json" --name 'demo profile' --parent "$run")
for policy in none full selective; do
  add plan "$folder/$policy.json" --name "$policy" --parent "$profile" >/dev/null
done
plan=$(add plan "$folder/heu.json" --name "heu under $budget" --parent "$profile")
add measurement "$folder/measured.sqlite" --name 'heu measured' --parent "$plan" >/dev/null
show caracal project list "$project"

if [ "$ui" = auto ] && [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  step '9. Look at it' 'Close the window to end the demo.'
  show caracal-ui "$project"
else
  step '9. Look at it' 'There is no display, so the timelines are drawn into pictures.'
  show caracal render "$folder/baseline.sqlite" -o "$folder/baseline.png"
  show caracal render "$folder/measured.sqlite" -o "$folder/measured.png"
  show caracal render "$folder/predicted.sqlite" -o "$folder/predicted.png"
  printf '\nOn a machine with a display: caracal-ui %s\n' "$project"
fi
