#!/usr/bin/env bash
# pyarrow 26.0.1 with pandas 2.3.3 and numpy 2.4.6 in the same environment, Python 3.11.
#
# One would guess: pandas is imported by `to_pandas()` and `Table.from_pandas()`, and `import pyarrow`
# is what a program pays for Arrow.
# True: the first Arrow *value* that is made from Python objects imports pandas, to see whether the
# objects are pandas': `pa.scalar(1)`, `pa.array([1])`, an empty table of a schema, or a plain number
# given to a compute function. Importing pyarrow, its compute, Parquet and CSV modules, making types
# and schemas, and `pa.nulls` do not.
# Why it matters here: tools that write Parquet like to keep a constant such as `pa.scalar(0)` or
# `pa.array(["acd", "agent"])` at the top of a module. Wherever an analyst has pandas installed, each
# start of such a command then imports pandas, `--help` included (0.2 to 0.4 s of processor time, more
# than Arrow itself), although nothing of pandas is used. An environment without pandas never shows it.
#
# Seen (does pandas get imported?):
#   types and schemas      no
#   compute and parquet    no
#   nulls                  no
#   scalar                 yes
#   array                  yes
#   empty table            yes
#   compute with a number  yes
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q pyarrow==26.0.1 pandas==2.3.3 numpy==2.4.6

try() { # a name, a line of Python
  printf '%-22s ' "$1"
  "$folder/venv/bin/python" -c "
import sys
import pyarrow as pa
$2
print('yes' if 'pandas' in sys.modules else 'no')"
}

found=$(
  try 'types and schemas' "pa.schema([('a', pa.list_(pa.string())), ('t', pa.timestamp('ms', tz='UTC'))])"
  try 'compute and parquet' 'import pyarrow.compute, pyarrow.parquet, pyarrow.csv'
  try 'nulls' 'pa.nulls(2, pa.int64())'
  try 'scalar' 'pa.scalar(1, pa.int64())'
  try 'array' "pa.array(['acd'], pa.string())"
  try 'empty table' "pa.schema([('a', pa.int64())]).empty_table()"
  try 'compute with a number' 'import pyarrow.compute as pc; pc.equal(pa.nulls(2, pa.int64()), 1)'
)
echo "$found"
diff <(echo "$found") - <<'SEEN'
types and schemas      no
compute and parquet    no
nulls                  no
scalar                 yes
array                  yes
empty table            yes
compute with a number  yes
SEEN
