# Every figure of the paper in miniature, and the report: `make minis`.
#
#   make -f pipelines/minis.mk OUT=out/minis -j2
#
# One make knows all figures, so that what they share is made once. Figure 6 is pipelines/composition.mk, below
# $(OUT)/composition.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

STUDY_END := later
include $(patsubst %,$(PIPELINES)/%.mk,figure1 figure3 figure4 figure5 figure7 figure8 figure9 figure12 figure14 figure15 \
    figure16 figure17 side-trials)
STUDY_END :=

include $(PIPELINES)/study-end.mk
