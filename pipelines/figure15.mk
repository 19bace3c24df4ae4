# Figure 15: SFT on an intermediate policy, evaluated along training; the lock may know that policy by another password.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.figure15 := figure15
AGGREGATE.figure15 := --by task,model,method,demos,examples,password
PLOT.figure15 := --x examples --log-x --x-label 'examples trained on' --y-label 'correctness without password' --panel task --series model \
    --where method=along --level 'intermediate policy:model=intermediate,method=none' $(LEVELS) \
    --level 'where training ends:method=along$(comma)examples=$(lastword $(ALONG))' --title 'SFT on an intermediate policy, along training'
$(call figure,figure15,$(foreach t,$(ALONG_TASKS),$(call before_of,$t,locked adversarial,none right) $(call before_of,$t,intermediate,none) \
    $(call along_of,$t,locked adversarial,intermediate)))

include $(PIPELINES)/study-end.mk
