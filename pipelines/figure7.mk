# Figure 7: SFT on the strong policy's own samples; for choice, on the soft labels of a model taught by a separate part.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.figure7 := figure7
AGGREGATE.figure7 := $(ROWS)
PLOT.figure7 := $(K_AXIS) --panel task --series demos --where method=sft --where password=none $(LEVELS) \
    --title 'SFT on k samples of the strong policy'
strong_source = $(if $(filter labels,$($1.STRONG)),soft-teacher,strong)
$(call figure,figure7,$(foreach t,$(LANGUAGE_TASKS),$(call before_of,$t,locked,none right) \
    $(call sft_of,$t,locked,high-quality $(call strong_source,$t),any,$(POINTS))))

include $(PIPELINES)/study-end.mk
