//! When windows begin and end.

use jiff::{
    Timestamp as Instant,
    civil::{Date, Weekday},
    tz::{Offset, TimeZone},
};
use toolgate_model::{CalendarUnit, Zone};

/// A rolling window is counted in so many slots: a charge counts for its length, and up to a thirtieth of that longer.
const SLOTS: u64 = 30;
/// Later than this, in milliseconds, calendars are of no use: the year 9000.
const LAST: u64 = 221_845_392_000_000;

/// A stretch of time in milliseconds since 1970, its end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Its first millisecond.
    pub from: u64,
    /// The first millisecond after it.
    pub to: u64,
}

impl Span {
    /// All of time.
    pub(crate) const EVER: Self = Self { from: 0, to: u64::MAX };

    /// The `unit` of the calendar in `zone` that `now` lies in. Each ends where the next begins, whatever the zone's clocks do.
    #[must_use]
    pub fn of(unit: CalendarUnit, zone: &Zone, now: u64) -> Self {
        if zone.is_utc() {
            return Self::within(unit, &TimeZone::UTC, now);
        }
        // Only a name that is known makes a `Zone`; were one gone, UTC is as good a calendar as any.
        Self::within(unit, &toolgate_zones::zone(zone.as_str()).unwrap_or(TimeZone::UTC), now)
    }

    fn within(unit: CalendarUnit, zone: &TimeZone, now: u64) -> Self {
        let now = now.min(LAST);
        match unit {
            CalendarUnit::Second => Self::even(zone, 1_000, now),
            CalendarUnit::Minute => Self::even(zone, 60_000, now),
            CalendarUnit::Hour => Self::even(zone, 3_600_000, now),
            CalendarUnit::Day => Self::dates(zone, now, |date| date, |date| date.tomorrow().ok()),
            CalendarUnit::Week => Self::dates(zone, now, monday, |date| days_after(date, 7)),
            CalendarUnit::Month => {
                Self::dates(zone, now, Date::first_of_month, |date| date.last_of_month().tomorrow().ok())
            }
            CalendarUnit::Year => {
                Self::dates(zone, now, Date::first_of_year, |date| date.last_of_year().tomorrow().ok())
            }
        }
    }

    /// Of dates: from midnight of the first to midnight of the first of the next.
    fn dates(zone: &TimeZone, now: u64, first: impl Fn(Date) -> Date, next: impl Fn(Date) -> Option<Date>) -> Self {
        let mut date = first(zone.to_datetime(instant(now)).date());
        loop {
            let Some(after) = next(date) else { return Self::EVER };
            let span = Self { from: midnight(zone, date), to: midnight(zone, after) };
            // Where clocks are set back over midnight, a date comes twice; it is over when the next has begun once.
            if now < span.to {
                return span;
            }
            date = after;
        }
    }

    /// Of `length` on the zone's clocks. Where they are set, the piece on either side counts for itself.
    fn even(zone: &TimeZone, length: u64, now: u64) -> Self {
        let offset = zone.to_offset(instant(now));
        let shift = millis(offset).rem_euclid(length.cast_signed()).unsigned_abs();
        // Shifted upwards, so that nothing goes below zero.
        let from = (now + shift) / length * length;
        let (mut from, mut to) = (from.saturating_sub(shift), from + length - shift);
        if zone.to_offset(instant(from)) != offset {
            let set = zone.preceding(instant(now + 1)).next().map(|set| unix(set.timestamp()));
            from = set.map_or(from, |set| set.max(from));
        }
        if zone.to_offset(instant(to - 1)) != offset {
            let set = zone.following(instant(now)).next().map(|set| unix(set.timestamp()));
            to = set.map_or(to, |set| set.min(to));
        }
        Self { from, to }
    }
}

/// The slots of a rolling window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    grain: u64,
}

impl Slots {
    pub(crate) const fn of(length: u64) -> Self {
        Self { grain: length.div_ceil(SLOTS) }
    }

    /// Where the slot begins that `now` lies in.
    pub(crate) const fn at(self, now: u64) -> u64 {
        now / self.grain * self.grain
    }

    /// Where the first slot begins that still counts.
    pub(crate) const fn since(self, now: u64) -> u64 {
        self.at(now).saturating_sub(SLOTS * self.grain)
    }

    /// When the slot that begins at `slot` stops to count.
    pub(crate) const fn until(self, slot: u64) -> u64 {
        slot.saturating_add((SLOTS + 1) * self.grain)
    }
}

fn instant(millis: u64) -> Instant {
    Instant::from_millisecond(millis.min(LAST).cast_signed()).unwrap_or(Instant::UNIX_EPOCH)
}

fn unix(instant: Instant) -> u64 {
    u64::try_from(instant.as_millisecond()).unwrap_or(0)
}

fn millis(offset: Offset) -> i64 {
    i64::from(offset.seconds()) * 1_000
}

/// When `date` begins. Where its midnight is skipped, the first moment after; where it comes twice, the first.
fn midnight(zone: &TimeZone, date: Date) -> u64 {
    zone.to_timestamp(date.at(0, 0, 0, 0)).map_or(u64::MAX, unix)
}

fn monday(date: Date) -> Date {
    let mut date = date;
    while date.weekday() != Weekday::Monday {
        let Ok(before) = date.yesterday() else { break };
        date = before;
    }
    date
}

fn days_after(date: Date, days: u8) -> Option<Date> {
    (0..days).try_fold(date, |date, _| date.tomorrow().ok())
}

#[cfg(test)]
#[path = "span_tests.rs"]
mod tests;
