#!/usr/bin/env bash
# Policies planned, run and measured on this machine, on the wall clock with emulated links. Started by `./dev measured` from
# the top of the source tree; rewrites what stands between the `measured` markers of docs/results.md. Needs a quiet machine
# with a core for each of its 2 ranks, and some minutes. Plans and recordings stay in build/results.
set -euo pipefail

programs=${CARACAL_PROGRAMS:-build/release/bin}
folder=build/results
document=docs/results.md
block=$folder/measured.md
steps=9   # of the run that is profiled
rounds=3  # policies take turns, so that the machine drift that there is meets all alike

if [ "$(nproc)" -lt 2 ]; then
  echo "two ranks on the wall clock need two cores" >&2
  exit 1
fi
mkdir -p "$folder"
printf '\nMeasured on %s.\n' "$(date -u +%Y-%m-%d)" >"$block"

# What a policy that ignores budgets needs, in bytes.
peakOf() {
  "$programs/caracal" plan --profile "$1" --policy "$2" --budget 1TiB --json |
    sed -n 's/.*"peakBytes": \([0-9]*\).*/\1/p' | sort -n | tail -n 1
}

# measure NAME SIZES LINK: a run that keeps everything is profiled; every policy is planned for a budget halfway between full
# recomputation and keeping everything, and run.
measure() {
  local profile=$folder/$1.profile.json least most budget sizes link
  read -ra sizes <<<"$2"
  read -ra link <<<"$3"
  "$programs/caracal-run" --model resources/results/measured-gpt.json "${sizes[@]}" "${link[@]}" --clock wall \
    --steps $steps --record "$folder/$1.sqlite" >/dev/null
  "$programs/caracal" profile "$folder/$1.sqlite" -o "$profile" >/dev/null
  least=$(peakOf "$profile" full)
  most=$(peakOf "$profile" none)
  budget=$(((least + most) / 2))
  {
    printf '\n`caracal-run --model resources/results/measured-gpt.json %s %s --clock wall`, budget %d MiB:\n\n```\n' "$2" "$3" \
      $((budget >> 20))
    "$programs/caracal" measure --profile "$profile" --policies none,full,selective,heu,heu+ --budget "${budget}B" \
      --clock wall --steps $((rounds * 5)) --rounds $rounds -o "$folder/$1"
    printf '```\n'
  } | grep -v '^plans and recordings' >>"$block"
}

measure tensor "--tp 2 --pp 1" "--link-tensor 1ms,100MB/s"
measure pipeline "--tp 1 --pp 2" "--link-pipeline 10ms,100MB/s"
cat "$block"
awk -v block="$block" '
  /^<!-- end measured -->/ { skipping = 0 }
  !skipping { print }
  /^<!-- measured -->/ { while ((getline line < block) > 0) print line; print ""; skipping = 1 }
' "$document" >"$document.new"
mv "$document.new" "$document"
