//! A point in time as a calendar in a zone tells it. Reads no clock; the zones come with the program.

use std::cell::OnceCell;

use jiff::tz::TimeZone;
use toolgate_model::Timestamp;

use crate::schema::Fact;

/// `time`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    epoch_ms: i64,
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    /// 1 is Monday.
    weekday: i8,
    /// Spelled when it is first asked for.
    date: OnceCell<String>,
}

impl Moment {
    /// `time` in `zone`; none outside the years that calendars know.
    pub(crate) fn new(time: Timestamp, zone: &TimeZone) -> Option<Self> {
        let epoch_ms = i64::try_from(time.as_millis()).ok()?;
        let civil = zone.to_datetime(jiff::Timestamp::from_millisecond(epoch_ms).ok()?);
        Some(Self {
            epoch_ms,
            year: civil.year(),
            month: civil.month(),
            day: civil.day(),
            hour: civil.hour(),
            minute: civil.minute(),
            weekday: civil.weekday().to_monday_one_offset(),
            date: OnceCell::new(),
        })
    }

    /// `time.date`
    pub(crate) fn date(&self) -> &str {
        self.date.get_or_init(|| format!("{:04}-{:02}-{:02}", self.year, self.month, self.day))
    }

    /// The number `fact`, if it is one of time's.
    pub(crate) fn number(&self, fact: Fact) -> Option<i64> {
        Some(match fact {
            Fact::EpochMs => self.epoch_ms,
            Fact::Year => self.year.into(),
            Fact::Month => self.month.into(),
            Fact::Day => self.day.into(),
            Fact::Hour => self.hour.into(),
            Fact::Minute => self.minute.into(),
            Fact::Weekday => self.weekday.into(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(time: &str, zone: &str) -> Moment {
        Moment::new(time.parse().unwrap(), &toolgate_zones::zone(zone).unwrap()).unwrap()
    }

    #[test]
    fn the_zone_decides_day_and_hour() {
        let berlin = moment("2026-11-29T23:30:00Z", "Europe/Berlin");
        assert_eq!((berlin.date(), berlin.hour, berlin.minute, berlin.weekday), ("2026-11-30", 0, 30, 1));
        let utc = moment("2026-11-29T23:30:00Z", "UTC");
        assert_eq!((utc.date(), utc.hour, utc.weekday), ("2026-11-29", 23, 7));
        assert_eq!(berlin.epoch_ms, utc.epoch_ms);
    }

    #[test]
    fn summer_time_is_known_now_and_long_after_the_tables_end() {
        assert_eq!(moment("2026-03-29T00:59:00Z", "Europe/Berlin").hour, 1);
        assert_eq!(moment("2026-03-29T01:00:00Z", "Europe/Berlin").hour, 3);
        assert_eq!(moment("2090-07-01T12:00:00Z", "Europe/Berlin").hour, 14);
        assert_eq!(moment("2026-11-25T12:00:00Z", "Asia/Kathmandu").minute, 45);
    }

    #[test]
    fn a_time_no_calendar_has_is_none() {
        assert_eq!(Moment::new(Timestamp::from_millis(u64::MAX), &TimeZone::UTC), None);
        assert_eq!(Moment::new(Timestamp::from_millis(1 << 60), &TimeZone::UTC), None);
    }
}
