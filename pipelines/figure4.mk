# Figures 4, 10 and 11: SFT on demonstrations of one domain, with one password for all domains or one for each.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

# What is studied: TASK/LOCK FOR EACH/FIELD, and the domains of each; DOMAIN_POINTS, the last of them for figure 4.
FIELD_OF = $(word 3,$(subst /, ,$1))
studies = $(filter %/$1,$(DOMAIN_STUDIES))
domains_of = $(or $(DOMAINS.$(word 1,$(subst /, ,$1)).$(call FIELD_OF,$1)))
study_files = $(foreach m,locked $(word 2,$(subst /, ,$1)),$(call before_of,$(word 1,$(subst /, ,$1)),$m,none right) \
    $(call sft_of,$(word 1,$(subst /, ,$1)),$m,high-quality,any $(call domains_of,$1),$(DOMAIN_POINTS)))
define domain_figure
DRAWINGS.figure4-$1 := figure4-$1 figure10-$1
AGGREGATE.figure4-$1 := --by $(BY),$1 --choose moment --choose-within $(WITHIN)
PLOT.figure4-$1 := --x trained_on --x-categories --x-label 'trained on' --y-label 'correctness without password' --panel task --series model \
    --where method=sft --where password=none --where k=$(lastword $(DOMAIN_POINTS)) --where $1=others $(LEVELS) \
    --title 'SFT on $(lastword $(DOMAIN_POINTS)) demonstrations of one domain: correctness on the others'
PLOT.figure10-$1 := $(K_AXIS) --panel task --series model,trained_on --where method=sft --where password=none --where $1=others \
    --title 'SFT on few demonstrations of one domain: correctness on the others'
$$(call figure,figure4-$1,$(foreach s,$(call studies,$1),$(call study_files,$s)))
endef
$(foreach f,domain level task,$(if $(call studies,$f),$(eval $(call domain_figure,$f))))

include $(PIPELINES)/study-end.mk
