# Every figure of the paper in miniature: `make minis`; or, by paper.mk, at its own size.
#
#   make -f pipelines/minis.mk OUT=out/minis -j2
#
# One make knows all figures, so that what they share is made once. FIGURES_WANTED= picks some of them.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

FIGURES_WANTED ?= 3 5 8 17 12 4 7 15 16 9 14 1 side-trials composition-rl lock-quality 6
STUDY_END := later
include $(foreach f,$(FIGURES_WANTED),$(firstword $(wildcard $(PIPELINES)/figure$f.mk) $(PIPELINES)/$f.mk))
STUDY_END :=

all: $(OUT)/report.html

# The report says of what is not there that it was not measured, so `make -k` gives one of what could be made.
# Descriptions speak of the minis; $(DESCRIBED), for sed, says what another preset calls what they name.
DESCRIPTIONS := $(DATA)/figures/lock-quality.json $(shell ls -v $(DATA)/figures/figure*.json) $(DATA)/figures/side-trials.json $(DATA)/figures/composition-rl.json
define description
STAGES += $(OUT)/descriptions/$1
$(OUT)/descriptions/$1.stamp: $(DATA)/figures/$1 $(call arguments,$(OUT)/descriptions/$1,$(DESCRIBED))
	sed -E '$(DESCRIBED)' $$< >$$(new)
	$$(settle)
endef
ifneq ($(DESCRIBED),)
$(foreach d,$(notdir $(DESCRIPTIONS)),$(eval $(call description,$d)))
DESCRIPTIONS := $(DESCRIPTIONS:$(DATA)/figures/%=$(OUT)/descriptions/%)
endif
STAGES += $(OUT)/report.html
TITLE.mini := The paper in miniature
TITLE.paper := The paper, at its own size
$(OUT)/report.html.stamp: $(if $(filter 6,$(FIGURES_WANTED)),composition) $(foreach f,$(FIGURES),$(call figure_files,$f)) $(DESCRIPTIONS)
	report -q --root $(OUT) -t '$(TITLE.$(PRESET))' -o $(new) $(DESCRIPTIONS)
	$(settle)

include $(PIPELINES)/study-end.mk
