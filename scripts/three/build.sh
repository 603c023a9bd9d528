#!/bin/sh
# Builds src/moliere/report/assets/three.bundle.min.js from the pinned three.js; needs node >= 18 and npm.
set -eu
cd "$(dirname "$0")"
assets=../../src/moliere/report/assets
npm ci
npm run build
cp node_modules/three/LICENSE "$assets/LICENSE.three.txt"
wc -c "$assets/three.bundle.min.js"
