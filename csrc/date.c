#include "date.h"

#include <stddef.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct moment {
    int year;
    int month; /* from 0 */
    int day;   /* from 1 */
    int hour;
    int minute;
    int second;
    int64_t thousandths;
};

static const char *const weekday_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                            "Friday", "Saturday", "Sunday"};
static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* isdigit() asks the locale. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool ait_date_take_digits(const char **text, int64_t *number)
{
    const char *at = *text;
    int64_t sum = 0;
    for (; is_digit(*at); at++) {
        int digit = *at - '0';
        if (sum > (INT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    if (at == *text)
        return false;
    *text = at;
    *number = sum;
    return true;
}

bool ait_date_take_thousandths(const char **text, int64_t *thousandths)
{
    const char *at = *text;
    int64_t sum = 0;
    if (*at == '.') {
        if (!is_digit(*++at))
            return false;
        for (int64_t weight = 100; is_digit(*at); at++, weight /= 10)
            sum += weight * (*at - '0');
    }
    *text = at;
    *thousandths = sum;
    return true;
}

static bool take_fixed(const char **text, int width, int *number)
{
    int sum = 0;
    for (int i = 0; i < width; i++) {
        if (!is_digit((*text)[i]))
            return false;
        sum = sum * 10 + ((*text)[i] - '0');
    }
    *text += width;
    *number = sum;
    return true;
}

/* Takes one of the names, cut to `width` letters; returns its index, or -1. */
static int take_name(const char **text, const char *const names[], size_t count, size_t width)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        if (length > width)
            length = width;
        if (strncmp(*text, names[i], length) == 0) {
            *text += length;
            return (int)i;
        }
    }
    return -1;
}

/* One conversion, with the letters of strptime, which itself reads names by the locale. */
static bool take_part(const char **text, char part, struct moment *moment)
{
    switch (part) {
    case 'a':
        return take_name(text, weekday_names, COUNT(weekday_names), 3) >= 0;
    case 'A':
        return take_name(text, weekday_names, COUNT(weekday_names), SIZE_MAX) >= 0;
    case 'b':
        moment->month = take_name(text, month_names, COUNT(month_names), SIZE_MAX);
        return moment->month >= 0;
    case 'm':
        if (!take_fixed(text, 2, &moment->month))
            return false;
        moment->month--;
        return true;
    case 'd':
        return take_fixed(text, 2, &moment->day);
    case 'e': /* padded with a space */
        if (**text != ' ')
            return take_fixed(text, 2, &moment->day);
        ++*text;
        return take_fixed(text, 1, &moment->day);
    case 'Y':
        return take_fixed(text, 4, &moment->year);
    case 'y':
        if (!take_fixed(text, 2, &moment->year))
            return false;
        moment->year += moment->year < 70 ? 2000 : 1900;
        return true;
    case 'H':
        return take_fixed(text, 2, &moment->hour);
    case 'M':
        return take_fixed(text, 2, &moment->minute);
    case 'S':
        return take_fixed(text, 2, &moment->second);
    default: /* 'f' */
        return ait_date_take_thousandths(text, &moment->thousandths);
    }
}

static bool matches(const char *text, const char *form, struct moment *moment)
{
    for (; *form != '\0'; form++) {
        if (*form == '%') {
            if (!take_part(&text, *++form, moment))
                return false;
        } else if (*text++ != *form) {
            return false;
        }
    }
    return *text == '\0';
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool exists(const struct moment *moment)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (moment->month < 0 || moment->month > 11)
        return false;
    int length = lengths[moment->month];
    if (moment->month == 1 && is_leap(moment->year))
        length++;
    return moment->day >= 1 && moment->day <= length && moment->hour <= 23 &&
           moment->minute <= 59 && moment->second <= 60; /* 60: a leap second */
}

static int64_t to_epoch_ms(const struct moment *moment)
{
    static const int before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    enum { DAYS_BEFORE_1970 = 719528 }; /* from 0000-01-01 in the Gregorian calendar */

    int year = moment->year;
    int leap_years_before = (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    int64_t days = year * 365 + leap_years_before - DAYS_BEFORE_1970;
    days += before_month[moment->month] + moment->day - 1;
    if (moment->month > 1 && is_leap(year))
        days++;

    int64_t seconds = ((days * 24 + moment->hour) * 60 + moment->minute) * 60 + moment->second;
    return seconds * 1000 + moment->thousandths;
}

bool ait_date_parse(const char *text, int64_t *epoch_ms)
{
    static const char *const forms[] = {
        "%a, %d %b %Y %H:%M:%S GMT", /* IMF-fixdate */
        "%A, %d-%b-%y %H:%M:%S GMT", /* RFC 850 */
        "%a %b %e %H:%M:%S %Y",      /* asctime */
        "%Y-%m-%dT%H:%M:%S%fZ",      /* RFC 3339 */
    };
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct moment moment = {0};
        if (matches(text, forms[i], &moment) && exists(&moment)) {
            *epoch_ms = to_epoch_ms(&moment);
            return true;
        }
    }
    return false;
}

static int64_t add_up_to(int64_t maximum, int64_t sum, int64_t count, int64_t unit)
{
    int64_t left = maximum - sum;
    return count <= left / unit ? sum + count * unit : maximum;
}

bool ait_date_parse_duration(const char *text, int64_t maximum_ms, int64_t *ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

    int64_t sum = 0;
    size_t unit = 0;
    do {
        int64_t whole = 0;
        int64_t thousandths = 0;
        if (!ait_date_take_digits(&text, &whole) || !ait_date_take_thousandths(&text, &thousandths))
            return false;
        size_t length = strspn(text, "hms");
        while (unit < COUNT(units) &&
               (strlen(units[unit].name) != length || strncmp(text, units[unit].name, length) != 0))
            unit++;
        if (unit == COUNT(units))
            return false;
        text += length;

        sum = add_up_to(maximum_ms, sum, whole, units[unit].ms);
        sum = add_up_to(maximum_ms, sum, thousandths * units[unit].ms / 1000, 1);
        unit++; /* each unit once, largest first */
    } while (*text != '\0');
    *ms = sum;
    return true;
}
