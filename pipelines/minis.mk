# Every figure of the paper in miniature: `make minis`.
#
#   make -f pipelines/minis.mk OUT=out/minis -j2
#
# One make knows all figures, so that what they share is made once. FIGURES_WANTED= picks some of them. Figure 6 is
# pipelines/composition.mk, below $(OUT)/composition.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

FIGURES_WANTED ?= 3 5 8 17 12 4 7 15 16 9 14 1
STUDY_END := later
include $(patsubst %,$(PIPELINES)/figure%.mk,$(FIGURES_WANTED)) $(PIPELINES)/side-trials.mk
STUDY_END :=

include $(PIPELINES)/study-end.mk
