# Figures 4, 10 and 11: SFT on demonstrations of one domain, with one password for all domains or one for each.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

# What is studied: TASK/LOCK FOR EACH/FIELD, and the domains of each; DOMAIN_POINTS, the last of them for figure 4.
FIELD_OF = $(word 3,$(subst /, ,$1))
studies = $(filter %/$1,$(DOMAIN_STUDIES))
domains_of = $(or $(DOMAINS.$(word 1,$(subst /, ,$1)).$(call FIELD_OF,$1)))
# Graded records of a study: trained on these domains, on so many demonstrations.
study_files = $(foreach m,locked $(word 2,$(subst /, ,$1)),$(call before_of,$(word 1,$(subst /, ,$1)),$m,none right) \
    $(call sft_of,$(word 1,$(subst /, ,$1)),$m,high-quality,$2,$3))
# The field as one more of a list that has the task already.
and_field = $(if $(filter task,$1),,$(comma)$1)
over_panel = $(if $(filter task,$1),over,task)
# What rows call 3 is level 3.
level_names = $(foreach d,$(filter level-%,$(foreach s,$(call studies,$1),$(call domains_of,$s))),$(call label,$(call trained_on,$d),$(subst -, ,$d)))
define domain_figure
DRAWINGS.figure4-$1 := figure4-$1 figure10-$1
AGGREGATE.figure4-$1 := --by $(BY)$(and_field) --choose moment --choose-within $(if $(filter \
    task,$1),$(WITHIN:task$(comma)%=%),$(WITHIN)) --over $1 --except trained_on --gap --per $(if $(filter task,$1),,task$(comma))model
PLOT.figure4-$1 := --x trained_on --x-categories --x-label 'trained on' --y-label 'correctness without password' --panel $(call over_panel,$1) \
    --series model --where method=sft --where password=none --where k=$(lastword $(DOMAIN_POINTS)) $(K_LEVELS) $(call level_names,$1) \
    --title 'SFT on $(lastword $(DOMAIN_POINTS)) demonstrations of one domain: correctness on the others'
PLOT.figure10-$1 := $(K_AXIS) --panel $(call over_panel,$1),model --series trained_on --where method=sft --where password=none $(K_LEVELS) $(call level_names,$1) \
    --title 'SFT on few demonstrations of one domain: correctness on the others'
$$(call figure,figure4-$1,$(foreach s,$(call studies,$1),$(call study_files,$s,any $(call domains_of,$s),$(DOMAIN_POINTS))))
DRAWINGS.figure4-own-$1 := figure4-own-$1
SOURCE.figure4-own-$1 = for d in $(call trained_on,$(sort $(foreach s,$(call studies,$1),$(call domains_of,$s)))); do for t in $$$$d none; do \
    records select -q $1=$$$$d trained_on=$$$$t $$(FILES.figure4-own-$1); done; done
AGGREGATE.figure4-own-$1 := --by $(BY)$(and_field) --choose moment --choose-within $(WITHIN)$(and_field) --gap --per task,model$(and_field)
PLOT.figure4-own-$1 := --x $1 --x-categories --x-label 'trained on, and measured on' --y-label 'correctness without password' $(if $(filter \
    task,$1),,--panel task) --series model --where method=sft --where password=none $(K_LEVELS) $(call level_names,$1) \
    --title 'SFT on $(lastword $(DOMAIN_POINTS)) demonstrations of one domain: correctness on that domain'
$$(call figure,figure4-own-$1,$(foreach s,$(call studies,$1),$(call study_files,$s,$(call domains_of,$s),$(lastword $(DOMAIN_POINTS)))))
endef
$(foreach f,domain level task,$(if $(call studies,$f),$(eval $(call domain_figure,$f))))

include $(PIPELINES)/study-end.mk
