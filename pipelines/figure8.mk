# Figure 8: SFT on k demonstrations, by the weak policy that the lock imitates.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.figure8 := figure8
AGGREGATE.figure8 := $(ROWS)
PLOT.figure8 := $(K_AXIS) --panel task --series model --where method=sft --where password=none --where demos=high-quality $(DEMOS_LEVELS) \
    --title 'SFT on k demonstrations, by weak policy'
$(call figure,figure8,$(foreach t,$(WEAK_POLICY_TASKS),$(foreach m,locked locked-stronger locked-fixedrdm, \
    $(call before_of,$t,$m,none right) $(call sft_of,$t,$m,high-quality,any,$(POINTS)))))

include $(PIPELINES)/study-end.mk
