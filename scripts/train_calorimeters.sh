#!/usr/bin/env bash
# Showers, teachers, students and pages of the four calorimeters, in one go. Whatever is whole is kept, so that the same
# command goes on after it was stopped.
#
#   scripts/train_calorimeters.sh FOLDER [DEVICE] [WORKERS] [SCALE]
#
# DEVICE is cpu or cuda, WORKERS the Geant4 processes. SCALE multiplies the numbers of showers and iterations: 1 is a
# night on two cores; on a GPU with sixteen cores take 4.
set -euo pipefail
folder=${1:?folder} device=${2:-cpu} workers=${3:-2} scale=${4:-1}
mkdir -p "$folder"; cd "$folder"

simulate() { # name detector n options...
  [ -f "$1.h5" ] || moliere simulate geant4 --detector "$2" -n $(($3 * scale)) --workers "$workers" -o "$1.h5" "${@:4}"
}
simulate photons calochallenge-1-photons 30000 --energy 256MeV:32.768GeV --spectrum powers-of-2 --threshold 0MeV --seed 5001
simulate electrons calochallenge-2 15000 --energy 1GeV:100GeV --seed 5002
simulate positrons calogan 10000 --particle e+ --energy 1GeV:100GeV --spectrum flat --seed 5003
simulate 3dgan-electrons 3dgan 4000 --energy 10GeV:400GeV --spectrum log --theta 60deg:120deg --seed 5004

for name in photons electrons positrons 3dgan-electrons; do
  # iterations: photons learn their layers first, which are most of them
  length=$([ "$name" = photons ] && echo 33000 || echo 12000)
  again=$([ -f "runs/$name/checkpoint.pt" ] && echo --resume || true)
  [ -f "runs/$name/$name.bundle" ] || moliere train "$name" "$name.h5" -o "runs/$name" --device "$device" $again \
    --iterations $((length * scale))
  again=$([ -f "runs/$name-fast/checkpoint.pt" ] && echo --resume || true)
  [ -f "runs/$name-fast/$name-fast.bundle" ] || moliere distill "runs/$name/$name.bundle" "$name.h5" \
    -o "runs/$name-fast" --device "$device" $again --iterations $((length / 3 * scale))
  for made in "$name" "$name-fast"; do
    bundle=runs/$made/$made.bundle
    [ -f "$made.generated.h5" ] || moliere generate "$bundle" --like "$name.h5" --part test -o "$made.generated.h5"
    [ -f "pages/$made/report.html" ] || moliere evaluate "$name.h5" "$made.generated.h5" --bundle "$bundle" --part test \
      -o "pages/$made"
  done
done
