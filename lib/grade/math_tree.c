/*
 * Trees of what was read: an array of nodes linked by numbers.
 */
#include "grade/math_tree.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void math_tree_init(struct math_tree *tree) {
    *tree = (struct math_tree){.nodes = allocate(MATH_NODES, sizeof *tree->nodes)};
}

void math_tree_free(struct math_tree *tree) {
    free(tree->nodes);
    buffer_free(&tree->characters);
    *tree = (struct math_tree){0};
}

void math_tree_clear(struct math_tree *tree, size_t characters) {
    tree->count = 0;
    tree->characters.size = 0;
    buffer_reserve(&tree->characters, characters);
}

int math_leaf(struct math_tree *tree, enum math_kind kind, int detail) {
    if (tree->count >= MATH_NODES)
        return -1;
    tree->nodes[tree->count] =
        (struct math_node){.kind = kind, .detail = detail, .child = -1, .next = -1};
    return tree->count++;
}

int math_named(struct math_tree *tree, enum math_kind kind, struct text text) {
    int node = math_leaf(tree, kind, 0);

    if (node >= 0) {
        tree->nodes[node].text = text;
        tree->nodes[node].hash = XXH3_64bits(text.bytes, text.size);
    }
    return node;
}

int math_small_number(struct math_tree *tree, unsigned value) {
    char digits[16];
    size_t size = 0;

    do
        digits[sizeof digits - ++size] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    return math_named(tree, MATH_NUMBER,
                      math_keep(tree, (struct text){digits + sizeof digits - size, size}));
}

int math_unary(struct math_tree *tree, enum math_kind kind, int detail, int child) {
    int node = math_leaf(tree, kind, detail);
    return math_append(tree, node, child) ? node : -1;
}

int math_binary(struct math_tree *tree, enum math_kind kind, int first, int second) {
    int node = math_leaf(tree, kind, 0);
    return math_append(tree, node, first) && math_append(tree, node, second) ? node : -1;
}

bool math_append(struct math_tree *tree, int parent, int child) {
    int *link;

    if (parent < 0 || child < 0 || tree->nodes[parent].count >= MATH_CHILDREN)
        return false;
    link = &tree->nodes[parent].child;
    while (*link >= 0)
        link = &tree->nodes[*link].next;
    *link = child;
    tree->nodes[parent].count++;
    return true;
}

int math_alias(struct math_tree *tree, int node) {
    int copy;

    if (node < 0 || (copy = math_leaf(tree, MATH_NUMBER, 0)) < 0)
        return -1;
    tree->nodes[copy] = tree->nodes[node];
    tree->nodes[copy].next = -1;
    return copy;
}

int math_child(const struct math_tree *tree, int node, int index) {
    int child = tree->nodes[node].child;

    while (index-- > 0 && child >= 0)
        child = tree->nodes[child].next;
    return child;
}

struct text math_keep(struct math_tree *tree, struct text text) {
    struct text kept;

    /* The room was reserved; growing it would move what other nodes point to. */
    if (tree->characters.size + text.size > tree->characters.capacity)
        return (struct text){"", 0};
    kept = (struct text){(const char *)tree->characters.data + tree->characters.size, text.size};
    buffer_append(&tree->characters, text.bytes, text.size);
    return kept;
}

bool math_same(const struct math_tree *tree, int a, int b) {
    const struct math_node *one = &tree->nodes[a], *other = &tree->nodes[b];

    if (a == b)
        return true;
    if (one->kind != other->kind || one->detail != other->detail || one->count != other->count ||
        one->base != other->base || one->hash != other->hash || !text_equal(one->text, other->text))
        return false;
    a = one->child;
    b = other->child;
    while (a >= 0 && math_same(tree, a, b)) {
        a = tree->nodes[a].next;
        b = tree->nodes[b].next;
    }
    return a < 0;
}

bool math_contains(const struct math_tree *tree, int node, enum math_kind kind, int detail) {
    const struct math_node *here = &tree->nodes[node];

    if (here->kind == kind && (detail < 0 || here->detail == detail))
        return true;
    for (int child = here->child; child >= 0; child = tree->nodes[child].next)
        if (math_contains(tree, child, kind, detail))
            return true;
    return false;
}
