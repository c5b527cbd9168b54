# docs/results.md with the tables between its markers made anew from the rows of headline.sh.
# A marker reads <!-- times NODE -->, <!-- gains NODE -->, <!-- ranges --> or <!-- search -->, its end <!-- end -->.

BEGIN {
  FS = "\t"
  document = ARGV[1]
  columns = split("full selective uniform block checkmate heu heu+ opt partition", column, " ")
  while ((getline line < rows) > 0) {
    split(line, cell, "\t")
    key = cell[1] SUBSEP cell[2] SUBSEP cell[3]
    if (!(key in known)) {
      known[key] = 1
      order[++count] = key
    }
    step[key, cell[4]] = cell[5]
    what[key, cell[4]] = cell[7]
    present[cell[4]] = 1
    seconds = cell[8] + 0
    if (!(cell[4] in most) || seconds > most[cell[4]]) most[cell[4]] = seconds
    total[cell[4]] += seconds
    runs[cell[4]]++
    if (cell[5] > 0 && cell[9] > 0) {
      gap = 100 * (cell[5] - cell[9]) / cell[5]
      gaps[cell[4]] += gap
      proven[cell[4]]++
      if (gap > widest[cell[4]]) widest[cell[4]] = gap
    }
  }
  FS = "\n"
  output = document ".new"
  while ((getline line < document) > 0) {
    if (!skipping) print line > output
    if (line ~ /^<!-- (times|gains) /) {
      split(line, word, " ")
      if (word[2] == "times") times(word[3])
      else gains(word[3])
      skipping = 1
    } else if (line ~ /^<!-- (search|ranges) -->/) {
      if (line ~ /search/) search()
      else ranges()
      skipping = 1
    } else if (line ~ /^<!-- end -->/ && skipping) {
      print line > output
      skipping = 0
    }
  }
  close(output)
  exit system("mv " output " " document)
}

function title(name) {
  if (name == "heu+") return "HEU+"
  if (name == "partition") return "HEU+, partition searched"
  if (name == "heu" || name == "opt") return toupper(name)
  if (name == "checkmate") return "Checkmate"
  return name
}

function cellOf(key, name) {
  if (!((key, name) in step)) return "-"
  if (step[key, name] == 0) return "does not fit"
  text = sprintf("%.0f", step[key, name] / 1e6)
  if (name == "uniform" || name == "block") text = text " (" substr(what[key, name], index(what[key, name], ":") + 1) ")"
  return text
}

# Milliseconds of a step by policy.
function times(node,    i, c, part, line) {
  line = "| model | GiB | keep all |"
  for (c = 1; c <= columns; c++) if (column[c] in present) line = line " " title(column[c]) " |"
  print "\n" line > output
  gsub(/[^|]+/, "---", line)
  print line > output
  for (i = 1; i <= count; i++) {
    split(order[i], part, SUBSEP)
    if (part[2] != node) continue
    line = "| " part[1] " | " part[3] " | " cellOf(order[i], "none") " |"
    for (c = 1; c <= columns; c++) if (column[c] in present) line = line " " cellOf(order[i], column[c]) " |"
    print line > output
  }
  print "" > output
}

function least(key, names,    n, i, name, best) {
  n = split(names, name, " ")
  for (i = 1; i <= n; i++) {
    if (!((key, name[i]) in step) || step[key, name[i]] == 0) continue
    if (best == 0 || step[key, name[i]] < best) best = step[key, name[i]]
  }
  return best
}

function ratio(reference, value) {
  return reference > 0 && value > 0 ? sprintf("%.3f", reference / value) : "-"
}

# How many times faster than full recomputation, than the best of Megatron-LM's policies and than Checkmate.
function gains(node,    i, c, r, part, line, name, key, reference) {
  split("full|full selective uniform block|checkmate", reference, "|")
  split("heu heu+ opt partition", name, " ")
  line = "| model | GiB |"
  for (c = 1; c <= 4; c++) if (name[c] in present) line = line " " title(name[c]) ": over full / best of Megatron-LM / Checkmate |"
  print "\n" line > output
  gsub(/[^|]+/, "---", line)
  print line > output
  for (i = 1; i <= count; i++) {
    key = order[i]
    split(key, part, SUBSEP)
    if (part[2] != node) continue
    line = "| " part[1] " | " part[3] " |"
    for (c = 1; c <= 4; c++) {
      if (!(name[c] in present)) continue
      for (r = 1; r <= 3; r++) line = line (r > 1 ? " /" : "") " " ratio(least(key, reference[r]), step[key, name[c]])
      line = line " |"
    }
    print line > output
  }
  print "" > output
}

# The least and the largest gain of a policy on a kind of node, over the reference's policies.
function rangeOf(node, name, reference,    i, part, gain, low, high) {
  for (i = 1; i <= count; i++) {
    split(order[i], part, SUBSEP)
    if (part[2] != node) continue
    gain = ratio(least(order[i], reference), step[order[i], name])
    if (gain == "-") continue
    if (low == 0 || gain + 0 < low) low = gain + 0
    if (gain + 0 > high) high = gain + 0
  }
  return sprintf("%.2f to %.2f", low, high)
}

function ranges(    n, c, node, name, place, nodes, names) {
  nodes = split("nvlink pcie nvlink-overlap pcie-overlap", node, " ")
  names = split("heu heu+ opt partition", name, " ")
  split("NVLink|PCIe|NVLink, weight gradients beside|PCIe, weight gradients beside", place, "|")
  for (n = 1; n <= nodes; n++) {
    for (c = 1; c <= names; c++) {
      if (!(name[c] in present)) continue
      printf "| %s: %s | 1.02 to 1.53 | up to 1.37 | %s | %s |\n", place[n], title(name[c]),
        rangeOf(node[n], name[c], "full selective uniform block"), rangeOf(node[n], name[c], "checkmate") > output
    }
  }
}

function search(    c) {
  print "\n| policy | plans | mean search, s | longest, s | mean gap, % | widest, % |\n|---|---|---|---|---|---|" > output
  for (c = 1; c <= columns; c++) {
    if (!(column[c] in present)) continue
    line = sprintf("| %s | %d | %.3f | %.3f |", title(column[c]), runs[column[c]], total[column[c]] / runs[column[c]], most[column[c]])
    if (column[c] in proven) line = line sprintf(" %.2f | %.2f |", gaps[column[c]] / proven[column[c]], widest[column[c]])
    else line = line " - | - |"
    print line > output
  }
  print "" > output
}
