#!/usr/bin/env bash
# Build the native engine under a sanitizer, apart from the working tree, and run its tests with it.
#
#   tools/native/sanitize.sh address [pytest arguments]   reads and writes out of bounds, after the end; undefined behaviour
#   tools/native/sanitize.sh thread [pytest arguments]    races
#
# Both are GCC's.  Its own OpenMP runtime is not instrumented, so that every barrier would look like a race to the thread
# sanitizer; LLVM's takes its place at run time (it speaks the same interface), with Archer, which tells the sanitizer what
# the runtime orders.  Only races within our extension are looked for: NumPy and Python are not instrumented.
#
#   VENV=path      the environment to build and run with (default .venv)
#   BUILT_IN=path  build in this folder and keep it, so that the next run starts at once
set -euo pipefail
cd "$(dirname "$0")/../.."

kind=$1
shift
venv=${VENV:-$PWD/.venv}
compiler=${CXX:-g++}
say() { printf '%s\n' "$*" >&2; }
library() { "$compiler" -print-file-name="$1"; }

case $kind in
  address)
    sanitizers=address,undefined
    # Python never frees some of what it holds; exceptions must be known to the sanitizer before the extension loads.
    export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
    preload="$(library libasan.so):$(library libstdc++.so)"
    ;;
  thread)
    sanitizers=thread
    archer=$(ls /usr/lib/llvm-*/lib/libarcher.so /usr/lib64/libarcher.so /usr/local/lib/libarcher.so 2>/dev/null | tail -n 1) || true
    [ -n "$archer" ] || { say "libarcher.so is not here (Debian: apt-get install libomp5-14)"; exit 3; }
    export TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=0:exitcode=66 OMP_TOOL_LIBRARIES=$archer
    preload="$(library libtsan.so):$(dirname "$archer")/libomp.so.5"
    ;;
  *) say "address or thread, not $kind"; exit 2 ;;
esac

if [ -n "${BUILT_IN:-}" ]; then
  folder=$BUILT_IN/$kind
  mkdir -p "$folder"
else
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
fi
"$venv/bin/cmake" -S . -B "$folder/build" -G Ninja -DCMAKE_MAKE_PROGRAM="$venv/bin/ninja" -DCMAKE_CXX_COMPILER="$compiler" \
  -DPython_EXECUTABLE="$venv/bin/python" -DTACIT_SANITIZE="$sanitizers" >"$folder/log" || { cat "$folder/log" >&2; exit 1; }
"$venv/bin/cmake" --build "$folder/build" >"$folder/log" || { tail -n 40 "$folder/log" >&2; exit 1; }

rm -rf "$folder/site" "$folder"/report.*
mkdir "$folder/site"
cp -r src/tacit "$folder/site/"
rm -f "$folder"/site/tacit/_native*.so
cp "$folder"/build/_native*.so "$folder/site/tacit/"

# Reports go to files: what ends the process would take along what pytest had captured until then.
for options in ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS; do
  export "$options=${!options:+${!options}:}log_path=$folder/report"
done

# Other threads than ours would be noise; and nothing here keeps time, least of all the test of Ctrl-C.
status=0
PYTHONPATH=$folder/site PYTHONMALLOC=malloc OPENBLAS_NUM_THREADS=1 LD_PRELOAD=$preload \
  "$venv/bin/python" -m pytest -p no:cacheprovider --timeout 1800 -k "not numpy and not ctrl_c" "$@" || status=$?
cat "$folder"/report.* >&2 2>/dev/null && status=1
exit "$status"
