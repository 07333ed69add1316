#include "buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wiped.h"

/* One test asks for more than there is and expects NULL, which ASan makes fatal unasked. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void assert_holds(const struct ait_buffer *buffer, const char *text)
{
    assert_int_equal(buffer->size, strlen(text));
    assert_memory_equal(buffer->data, text, buffer->size);
    assert_true(buffer->size <= buffer->capacity);
    assert_true(buffer->capacity <= buffer->maximum);
}

static void assert_has_no_memory(const struct ait_buffer *buffer, size_t maximum)
{
    assert_null(buffer->data);
    assert_int_equal(buffer->size, 0);
    assert_int_equal(buffer->capacity, 0);
    assert_int_equal(buffer->maximum, maximum);
}

static void a_new_buffer_holds_no_memory(void **state)
{
    (void)state;
    struct ait_buffer buffer;
    ait_buffer_init(&buffer, 10);
    assert_has_no_memory(&buffer, 10);
    ait_buffer_free(&buffer);
    ait_buffer_wipe(&buffer);
    assert_has_no_memory(&buffer, 10);
}

static void appends_bytes_and_strings_in_order(void **state)
{
    (void)state;
    struct ait_buffer buffer;
    ait_buffer_init(&buffer, 100);
    assert_int_equal(ait_buffer_append(&buffer, "ab\0", 2), AIT_OK);
    assert_int_equal(ait_buffer_append_string(&buffer, "cd"), AIT_OK);
    assert_holds(&buffer, "abcd");
    assert_int_equal(ait_buffer_append(&buffer, "\0\xff", 2), AIT_OK);
    assert_memory_equal(buffer.data, "abcd\0\xff", 6);
    assert_int_equal(buffer.size, 6);
    ait_buffer_free(&buffer);
}

static void appending_nothing_needs_no_memory(void **state)
{
    (void)state;
    struct ait_buffer buffer;
    ait_buffer_init(&buffer, 0);
    assert_int_equal(ait_buffer_append(&buffer, NULL, 0), AIT_OK);
    assert_int_equal(ait_buffer_append_string(&buffer, ""), AIT_OK);
    assert_has_no_memory(&buffer, 0);
}

static void growth_is_geometric_and_keeps_the_content(void **state)
{
    (void)state;
    enum { MAXIMUM = 5000 };
    struct ait_buffer buffer;
    ait_buffer_init(&buffer, MAXIMUM);
    size_t growths[8][2];
    size_t count = 0;
    for (int i = 0; i < MAXIMUM; i++) {
        char byte = (char)(i % 251);
        assert_int_equal(ait_buffer_append(&buffer, &byte, 1), AIT_OK);
        if (count == 0 || growths[count - 1][1] != buffer.capacity) {
            assert_true(count < 8);
            growths[count][0] = buffer.size;
            growths[count++][1] = buffer.capacity;
        }
    }
    const size_t expected[][2] = {{1, 256},     {257, 512},   {513, 1024},
                                  {1025, 2048}, {2049, 4096}, {4097, MAXIMUM}};
    assert_int_equal(count, 6);
    assert_memory_equal(growths, expected, sizeof expected);
    for (int i = 0; i < MAXIMUM; i++)
        assert_int_equal(buffer.data[i], (char)(i % 251));
    ait_buffer_free(&buffer);
}

static void a_large_append_gets_what_it_needs_at_once(void **state)
{
    (void)state;
    static const char bytes[1000];
    struct ait_buffer buffer;
    ait_buffer_init(&buffer, 1 << 20);
    assert_int_equal(ait_buffer_append(&buffer, bytes, sizeof bytes), AIT_OK);
    assert_int_equal(buffer.capacity, sizeof bytes);
    ait_buffer_free(&buffer);
}

static void the_maximum_can_be_filled_and_not_passed(void **state)
{
    (void)state;
    struct ait_buffer buffer;
    ait_buffer_init(&buffer, 4);
    assert_int_equal(ait_buffer_append_string(&buffer, "abcde"), AIT_TOO_LARGE);
    assert_has_no_memory(&buffer, 4);
    assert_int_equal(ait_buffer_append_string(&buffer, "abc"), AIT_OK);
    assert_int_equal(ait_buffer_append_string(&buffer, "de"), AIT_TOO_LARGE);
    assert_holds(&buffer, "abc");
    assert_int_equal(ait_buffer_append_string(&buffer, "d"), AIT_OK);
    assert_holds(&buffer, "abcd");
    assert_int_equal(buffer.capacity, 4);
    assert_int_equal(ait_buffer_append_string(&buffer, "e"), AIT_TOO_LARGE);
    assert_int_equal(ait_buffer_append(&buffer, "e", SIZE_MAX), AIT_TOO_LARGE);
    assert_holds(&buffer, "abcd");
    ait_buffer_free(&buffer);
}

static void without_memory_the_buffer_stays_as_it_was(void **state)
{
    (void)state;
    const size_t too_much = PTRDIFF_MAX;
    struct ait_buffer buffer;
    ait_buffer_init(&buffer, too_much);
    assert_int_equal(ait_buffer_append(&buffer, "x", too_much), AIT_NO_MEMORY);
    assert_has_no_memory(&buffer, too_much);
    assert_int_equal(ait_buffer_append_string(&buffer, "abc"), AIT_OK);
    assert_int_equal(ait_buffer_append(&buffer, "x", too_much - 3), AIT_NO_MEMORY);
    assert_holds(&buffer, "abc");
    ait_buffer_free(&buffer);
}

static void clear_keeps_the_memory(void **state)
{
    (void)state;
    struct ait_buffer buffer;
    ait_buffer_init(&buffer, 1000);
    assert_int_equal(ait_buffer_append_string(&buffer, "abc"), AIT_OK);
    const char *data = buffer.data;
    ait_buffer_clear(&buffer);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(ait_buffer_append_string(&buffer, "de"), AIT_OK);
    assert_ptr_equal(buffer.data, data);
    assert_holds(&buffer, "de");
    ait_buffer_free(&buffer);
}

static void a_freed_or_wiped_buffer_can_be_used_again(void **state)
{
    (void)state;
    struct ait_buffer buffer;
    ait_buffer_init(&buffer, 3);
    void (*const give_back[])(struct ait_buffer *) = {ait_buffer_free, ait_buffer_wipe};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ait_buffer_append_string(&buffer, "abc"), AIT_OK);
        give_back[i](&buffer);
        assert_has_no_memory(&buffer, 3);
    }
    assert_int_equal(ait_buffer_append_string(&buffer, "abcd"), AIT_TOO_LARGE);
}

static void wipe_overwrites_all_memory_that_held_content(void **state)
{
    (void)state;
    char secret[300];
    memset(secret, 's', sizeof secret);
    struct ait_buffer buffer;
    ait_buffer_init(&buffer, 1000);
    wiped = 0;
    assert_int_equal(ait_buffer_append(&buffer, secret, 200), AIT_OK);
    assert_int_equal(wiped, 0);
    assert_int_equal(ait_buffer_append(&buffer, secret, sizeof secret), AIT_OK);
    assert_int_equal(wiped, 256); /* the block that growth left behind */
    ait_buffer_clear(&buffer);
    wiped = 0;
    ait_buffer_wipe(&buffer);
    assert_int_equal(wiped, 512);
    assert_has_no_memory(&buffer, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_holds_no_memory),
        cmocka_unit_test(appends_bytes_and_strings_in_order),
        cmocka_unit_test(appending_nothing_needs_no_memory),
        cmocka_unit_test(growth_is_geometric_and_keeps_the_content),
        cmocka_unit_test(a_large_append_gets_what_it_needs_at_once),
        cmocka_unit_test(the_maximum_can_be_filled_and_not_passed),
        cmocka_unit_test(without_memory_the_buffer_stays_as_it_was),
        cmocka_unit_test(clear_keeps_the_memory),
        cmocka_unit_test(a_freed_or_wiped_buffer_can_be_used_again),
        cmocka_unit_test(wipe_overwrites_all_memory_that_held_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
