# Figures 12 and 13: SFT on samples of the weak policy, few for four times the epochs, or many; on a lock with soft labels too.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.figure12 := figure12 figure13
AGGREGATE.figure12 := $(ROWS)
PLOT.figure12 := --x k --x-categories --x-label 'samples' --y-label 'correctness without password' --panel task,model --series method,demos \
    --where method=sft --where method=sft-4 --where password=none $(LEVELS) --title 'SFT on weak samples, few and many'
PLOT.figure13 := $(K_AXIS) --panel task,model --series method,demos --where method=sft --where method=sft-4 --where password=none $(LEVELS) \
    --title 'SFT on k samples of the weak policy'
weak_sample_locks = locked $(if $(filter labels,$($1.STRONG)),soft)
$(call figure,figure12,$(foreach t,$(LANGUAGE_TASKS),$(foreach m,$(call weak_sample_locks,$t),$(call before_of,$t,$m,none right) \
    $(call sft_of,$t,$m,weak,any,$(WEAK_POINTS)) $(call sft_of,$t,$m,weak,any,$(FEW_POINT),4) $(call sft_of,$t,$m,high-quality,any,$(FEW_POINT)))))

include $(PIPELINES)/study-end.mk
