/* Numbers, dates and durations as servers write them. Pure: no clock, no locale, no time
 * zone, no memory. Outputs are written on success only. */
#ifndef AIT_DATE_H
#define AIT_DATE_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits from *text on, which is left behind the last; false where there are none or
 * they say more than INT64_MAX. */
bool ait_date_take_digits(const char **text, int64_t *number);

/* A fraction such as ".25", cut to thousandths; 0 where there is no point. False where no
 * digit follows the point. */
bool ait_date_take_thousandths(const char **text, int64_t *thousandths);

/* See ait_headers_parse_date. */
bool ait_date_parse(const char *text, int64_t *epoch_ms);

/* Hours, minutes, seconds and milliseconds, each with its unit, largest first, fractions
 * allowed: 6m0s, 1h2m3.5s, 120ms. Never more than maximum_ms. */
bool ait_date_parse_duration(const char *text, int64_t maximum_ms, int64_t *ms);

#endif
