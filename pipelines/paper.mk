# Every figure of the paper at its own size, with the published models below $(WEIGHTS) and the datasets below $(DATASETS):
#
#   make -f pipelines/paper.mk -j4 GPUS=1
#
# lockpick-paper(7) says which downloads, which calls to the teacher, how much disk and how many tokens that takes;
# `make -f pipelines/paper.mk cost` counts them for the numbers given.
PRESET := paper
include $(dir $(lastword $(MAKEFILE_LIST)))minis.mk
