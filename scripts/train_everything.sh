#!/usr/bin/env bash
# Showers, models and pages of every system, in one go: the flows of the calorimeters with their one-step students, and
# the networks that wait for a GPU, at their published sizes. Whatever is whole is kept, so that the same command goes on
# after it was stopped.
#
#   scripts/train_everything.sh FOLDER [DEVICE] [WORKERS] [SCALE] [PART...]
#
# DEVICE is cpu or cuda, WORKERS the processes that simulate. SCALE multiplies the numbers of simulated events and the
# flows' iterations: 1 is a night on two cores for the part flows; on a GPU with sixteen cores take 4. PART is any of
# flows, gans, vae, muons and showers; all of them by default. With DRY=1 in the environment nothing is computed: the
# commands are printed.
set -euo pipefail
folder=${1:?folder} device=${2:-cpu} workers=${3:-2} scale=${4:-1}
parts=${*:5}
mkdir -p "$folder"; cd "$folder"
if [ -n "${DRY:-}" ]; then moliere() { printf 'moliere'; printf ' %q' "$@"; echo; }; fi

wanted() { case " ${parts:-flows gans vae muons showers} " in *" $1 "*) true ;; *) false ;; esac }
simulate() { # file simulator n options...
  [ -f "$1.h5" ] || moliere simulate "$2" -n $(($3 * scale)) --workers "$workers" -o "$1.h5" "${@:4}"
}
train() { # name recipe events options...
  local again; again=$([ -f "runs/$1/checkpoint.pt" ] && echo --resume || true)
  [ -f "runs/$1/$1.bundle" ] || moliere train "$2" "$3.h5" -o "runs/$1" --set "name=$1" --device "$device" $again "${@:4}"
}
judge() { # bundle's name, events, options of evaluate...
  [ -f "$1.generated.h5" ] || moliere generate "runs/$1/$1.bundle" --like "$2.h5" --part test \
    --outside extrapolate -o "$1.generated.h5"
  [ -f "pages/$1/report.html" ] || moliere evaluate "$2.h5" "$1.generated.h5" --bundle "runs/$1/$1.bundle" --part test \
    -o "pages/$1" "${@:3}"
}

calogan="--detector calogan --energy 1GeV:100GeV --spectrum flat"
if wanted flows || wanted gans; then
  # shellcheck disable=SC2086
  for particle in e+:positrons:10000:5003 gamma:gammas:4000:5006 pi+:pions:4000:5007; do
    IFS=: read -r kind name n seed <<< "$particle"
    simulate "$name" geant4 "$n" $calogan --particle "$kind" --seed "$seed"
  done
  [ -f particles.h5 ] || moliere prepare join positrons.h5 gammas.h5 pions.h5 --particles e+,gamma,pi+ -o particles.h5
  simulate 3dgan-electrons geant4 4000 --detector 3dgan --energy 10GeV:400GeV --spectrum log --theta 60deg:120deg --seed 5004
fi
if wanted flows || wanted vae; then
  simulate electrons geant4 15000 --detector calochallenge-2 --energy 1GeV:100GeV --seed 5002
fi

if wanted flows; then
  simulate photons geant4 30000 --detector calochallenge-1-photons --energy 256MeV:32.768GeV --spectrum powers-of-2 \
    --threshold 0MeV --seed 5001
  for name in photons electrons positrons particles 3dgan-electrons; do
    # iterations: photons learn their layers first, which are most of them
    length=$([ "$name" = photons ] && echo 33000 || echo 12000)
    train "$name" "$name" "$name" --iterations $((length * scale))
    again=$([ -f "runs/$name-fast/checkpoint.pt" ] && echo --resume || true)
    [ -f "runs/$name-fast/$name-fast.bundle" ] || moliere distill "runs/$name/$name.bundle" "$name.h5" \
      -o "runs/$name-fast" --device "$device" $again --iterations $((length / 3 * scale))
    for made in "$name" "$name-fast"; do judge "$made" "$name"; done
  done
fi

if wanted gans; then
  train calogan-published calogan-eplus positrons --set model.latent=1024 --set model.channels=64 \
    --set training.batch_size=256 --set training.learning_rates.discriminator=2e-5 --iterations 100000
  judge calogan-published positrons
  train calogan-particles calogan-particles particles --iterations $((20000 * scale))
  judge calogan-particles particles
  train 3dgan-frame 3dgan-frame 3dgan-electrons
  judge 3dgan-frame 3dgan-electrons
  simulate 3dgan-published geant4 12500 --detector 3dgan --energy 2GeV:500GeV --theta 60deg:120deg --seed 5005
  precision=$([ "$device" = cuda ] && echo bfloat16 || echo float32)
  train 3dgan 3dgan 3dgan-published --set "model.precision=$precision" # 120,000 steps of 64: days without a GPU
  judge 3dgan 3dgan-published
fi

if wanted vae; then
  train calo4pqvae-published calo4pqvae-published electrons
  judge calo4pqvae-published electrons
  for pair in 0.001:1 0.3:0.77; do # with 0.001 the heads of the levels learn, and the levels do not notice
    IFS=: read -r reward weight <<< "$pair"
    train "calo4pqvae-reward-$reward" calo4pqvae electrons --set "model.reward=$reward" --set "model.kl_weight=$weight"
    judge "calo4pqvae-reward-$reward" electrons
  done
fi

if wanted muons; then
  simulate flux muons 1250000 --seed 5008
  train muons-aux-gan-published muons-aux-gan-published flux
  judge muons-aux-gan-published flux
  for seed in 0 1 2 3 4; do
    train "muons-flow-$seed" muons-flow flux --seed "$seed"
    judge "muons-flow-$seed" flux
  done
fi

if wanted showers; then
  for seed in 0 1 2 3 4; do
    [ -f "refinement-$seed/study.html" ] || moliere study refinement --seed "$seed" -o "refinement-$seed"
  done
  [ -f footprint-study/study.html ] || moliere study footprints -o footprint-study
  simulate data airshower-data 10000 --seed 5009
  simulate simulation airshower-simulation 10000 --seed 5010
  train airshower-refiner airshower-refiner simulation --set data.second=data.h5 --set model.features=64
  [ -f refined.h5 ] || moliere refine runs/airshower-refiner/airshower-refiner.bundle simulation.h5 -o refined.h5
  [ -f pages/airshower-refiner/report.html ] || moliere evaluate data.h5 refined.h5 -o pages/airshower-refiner
  simulate hottest airshower-data 12500 --set saturation=1e9 --seed 5011
  [ -f footprints.h5 ] || moliere prepare footprints hottest.h5 -o footprints.h5
  train airshower-footprints airshower-footprints footprints --set model.networks=convolutional
  judge airshower-footprints footprints
fi
