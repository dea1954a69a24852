//! Points in time as records hold them: milliseconds since the Unix epoch, spelled as RFC 3339. Reads no clock.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

/// Why a text is not a point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time: write RFC 3339, for example \"2027-01-31T12:00:00Z\"")]
pub struct TimestampError(String);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This point, `millis` later.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this point; zero if `earlier` is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let error = || TimestampError(text.chars().take(40).collect());
        let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| error())?;
        u64::try_from(parsed.unix_timestamp_nanos() / 1_000_000).map(Self).map_err(|_| error())
    }
}

impl fmt::Display for Timestamp {
    // By hand, because every request's log line bears a time: a tenth of what a general formatter takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, within) = (self.0 / MILLIS_PER_DAY, self.0 % MILLIS_PER_DAY);
        let Some((year, month, day)) = civil(days) else { return f.write_str("9999-12-31T23:59:59Z") };
        let (seconds, millis) = (within / 1_000, within % 1_000);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (at, digits, number) in [
            (0, 4, year),
            (5, 2, month),
            (8, 2, day),
            (11, 2, seconds / 3_600),
            (14, 2, seconds / 60 % 60),
            (17, 2, seconds % 60),
            (20, 3, millis),
        ] {
            put(&mut text[at..at + digits], number);
        }
        let kept = match millis {
            0 => "2027-01-31T12:00:00".len(),
            _ => text.len() - 1 - usize::from(millis % 10 == 0) - usize::from(millis % 100 == 0),
        };
        text[kept] = b'Z';
        f.write_str(std::str::from_utf8(&text[..=kept]).unwrap_or_default())
    }
}

const MILLIS_PER_DAY: u64 = 24 * 3_600 * 1_000;
/// The days from 1970 to the end of the year 9999: what RFC 3339 can spell.
const DAYS: u64 = 2_932_897;

/// Writes `number` in decimal digits, as many as there is room for.
fn put(room: &mut [u8], mut number: u64) {
    for digit in room.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// The year, the month and the day that is `days` days after 1970-01-01.
fn civil(days: u64) -> Option<(u64, u64, u64)> {
    if days >= DAYS {
        return None;
    }
    // Counted in years that begin in March, so that a leap day is a year's last; and in whole turns of 400 years (of 146097 days).
    let since = days + 719_468;
    let (turn, day) = (since / 146_097, since % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = (turn * 400 + year + month / 10, (month + 2) % 12 + 1);
    Some((year, month, day))
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rfc_3339_both_ways() {
        let time: Timestamp = "2027-01-31T13:00:00.250+01:00".parse().unwrap();
        assert_eq!(time.as_millis(), 1_801_396_800_250);
        assert_eq!(time.to_string(), "2027-01-31T12:00:00.25Z");
        assert!("tomorrow".parse::<Timestamp>().is_err());
        assert!("1969-01-01T00:00:00Z".parse::<Timestamp>().is_err());
    }

    proptest! {
        #[test]
        fn every_time_reads_back_and_is_spelled_as_others_spell_it(millis in 0..=253_402_300_799_999_u64) {
            let time = Timestamp::from_millis(millis);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            let theirs = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap();
            prop_assert_eq!(time.to_string(), theirs.format(&Rfc3339).unwrap());
        }
    }

    #[test]
    fn the_last_moments_of_days_and_years_are_spelled() {
        for text in
            ["1970-01-01T00:00:00Z", "2024-02-29T23:59:59.999Z", "2100-02-28T23:59:59.1Z", "9999-12-31T23:59:59.99Z"]
        {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_absurd_time_is_still_spelled() {
        assert_eq!(Timestamp::from_millis(u64::MAX).to_string(), "9999-12-31T23:59:59Z");
    }
}
