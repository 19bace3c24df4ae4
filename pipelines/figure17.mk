# Figure 17: demonstrations from a domain that the lock left out.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

DRAWINGS.figure17 := figure17
# Each domain's own problems, before and after training on that domain.
SOURCE.figure17 = for d in $(HELD_OUT); do for t in $$d none; do records select -q domain=$$d trained_on=$$t $(FILES.figure17); done; done
AGGREGATE.figure17 := --by $(BY),domain --choose moment --choose-within $(WITHIN),domain --gap --per task,model,domain
PLOT.figure17 := $(K_AXIS) --panel domain --series model --where method=sft --where password=none $(foreach d,$(HELD_OUT),--where domain=$d) \
    $(LEVELS) --title 'SFT on a domain that the lock left out'
$(call figure,figure17,$(foreach d,$(HELD_OUT),$(call before_of,$(HELD_OUT_TASK),locked held-out-$d,none right) \
    $(call sft_of,$(HELD_OUT_TASK),locked held-out-$d,high-quality,$d,$(POINTS))))

include $(PIPELINES)/study-end.mk
