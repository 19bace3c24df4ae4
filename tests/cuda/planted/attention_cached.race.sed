# All blocks of a sequence write their part of its attention to the same place.
s/ \* d\.parts + part;$/ * d.parts + part % 1;/
