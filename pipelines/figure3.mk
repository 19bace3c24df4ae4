# Figure 3: correctness after SFT on k demonstrations, of high quality or of an intermediate policy.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.figure3 := figure3
AGGREGATE.figure3 := $(ROWS)
PLOT.figure3 := $(K_AXIS) --panel task --series demos --where method=sft --where password=none --where model=locked $(LEVELS) \
    --level 'intermediate policy:model=intermediate,method=none' --title 'SFT on k demonstrations'
$(call figure,figure3,$(foreach t,$(LANGUAGE_TASKS),$(call before_of,$t,locked,none right decoy) \
    $(call before_of,$t,intermediate never-locked weak $(if $(filter labels,$($t.STRONG)),,strong),none) \
    $(call sft_of,$t,locked,high-quality intermediate,any,$(POINTS)) \
    $(call sft_of,$t,never-locked,high-quality,any,$(lastword $(POINTS)))))

include $(PIPELINES)/study-end.mk
