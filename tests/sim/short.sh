#!/bin/sh
# make check: the simulator over a short range of seeds.
exec ./tests/sim/txsim --seeds 1-1000
