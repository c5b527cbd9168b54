"""Loads Kineto traces as Holistic Trace Analysis documents its loader: the JSON as a whole, a table
of its events, rows without a duration or category dropped, a column for each argument that analysis
asks for, names and categories as numbers. Prints the seconds it took and the rows it kept.

usage: hta_like_loader.py FILE...
"""
import gzip
import json
import sys
import time

import pandas as pd

ARGUMENTS = {"stream": -1, "correlation": -1, "Trace iteration": -1, "bytes": -1, "External id": -1,
             "Collective name": "", "dtype": "", "In msg nelems": 0, "Process Group Name": ""}


def load(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt") as file:
        trace = json.load(file)
    events = pd.DataFrame(trace["traceEvents"] if isinstance(trace, dict) else trace)
    events.dropna(axis=0, subset=["dur", "cat"], inplace=True)
    events.drop(events[events["cat"] == "Trace"].index, inplace=True)
    if "args" in events:
        for name, default in ARGUMENTS.items():
            events[name] = events["args"].apply(
                lambda args: args.get(name, default) if isinstance(args, dict) else default)
        events.drop(columns="args", inplace=True)
    for column in ("name", "cat"):
        events[column] = pd.factorize(events[column])[0]
    return events


start = time.perf_counter()
tables = [load(path) for path in sys.argv[1:]]
print(time.perf_counter() - start, sum(len(table) for table in tables))
